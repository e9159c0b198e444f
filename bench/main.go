// Command bench compares pgsplit with plain pgx, side by side in one run, and fails where pgsplit costs more than it
// promises. See README.md.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/pgsplit/pgsplit/bench/internal/connections"
	"github.com/pgsplit/pgsplit/bench/internal/exact"
	"github.com/pgsplit/pgsplit/bench/internal/handle"
	"github.com/pgsplit/pgsplit/bench/internal/speed"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

const usage = "usage: bench exact|speed|scopes|connections [-short] [-goroutines 1,8] [-for 12m] [-fault spin=20us,trips=1,allocs=2,pin=true]"

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("%s", usage)
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	short := flags.Bool("short", false, "measure for seconds instead of minutes: only gross changes show")
	faulty := flags.String("fault", "", "give pgsplit a defect: spin=20us, trips=1, allocs=2, pin=true")
	at := flags.String("goroutines", "", "how many goroutines to use at once, instead of the usual numbers: 1,8,32")
	length := flags.Duration("for", 12*time.Minute, "speed: how long to measure, about")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	goroutines, err := numbers(*at)
	if err != nil {
		return err
	}
	fault, err := handle.ParseFault(*faulty)
	if err != nil {
		return err
	}
	switch args[0] {
	case "exact":
		opts := exact.Options{Rounds: 60, Block: 5000, Goroutines: []int{1, 2, 64}, Fault: fault}
		if *short {
			opts.Rounds, opts.Block, opts.Goroutines = 15, 2000, []int{1, 2}
		}
		if goroutines != nil {
			opts.Goroutines = goroutines
		}
		return exact.Run(ctx, os.Stdout, opts)
	case "speed", "scopes":
		opts := speed.Options{For: *length, Epoch: 4 * time.Second, Goroutines: []int{1, 8, 32}, Fault: fault}
		if *short {
			opts.For, opts.Epoch = 0, 500*time.Millisecond
		}
		if goroutines != nil {
			opts.Goroutines = goroutines
		}
		if args[0] == "scopes" {
			return speed.Scopes(ctx, os.Stdout, opts)
		}
		return speed.Run(ctx, os.Stdout, opts)
	case "connections":
		opts := connections.Options{Goroutines: 64, Think: time.Millisecond, For: 20 * time.Second, Fault: fault}
		if *short {
			opts.For = 1500 * time.Millisecond
		}
		return connections.Run(ctx, os.Stdout, opts)
	}
	return fmt.Errorf("%s", usage)
}

// numbers reads a list of positive numbers.
func numbers(list string) (all []int, err error) {
	for text := range strings.SplitSeq(list, ",") {
		if text == "" {
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("goroutines: %q is not a positive number", text)
		}
		all = append(all, n)
	}
	return all, nil
}
