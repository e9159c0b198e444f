package main

import (
	"context"
	"flag"
	"fmt"
	"io"

	"github.com/pgsplit/pgsplit/cmd/pgsplit/internal/demo"
)

const maxReplicas = 8 // more would not fit on one machine, nor on one line

var demoCommand = command{
	name:    "demo",
	summary: "start a primary with replicas and show what the driver does",
	about: `Starts real PostgreSQL servers in a temporary folder, runs a small site on them through database/sql with the
driver "pgsplit", and shows where each statement goes, who carries the load, what read-your-writes brings, and what
happens when a replica dies, when one falls behind, and when the primary dies. The status is 1 if anything that it
claims did not hold.

Needs PostgreSQL's server programs (13 or newer); nothing has to be running. Nothing is left at the end.
`,
	prepare: func(flags *flag.FlagSet) func(context.Context, io.Writer, []string) error {
		opts := demo.NewOptions()
		flags.IntVar(&opts.Replicas, "replicas", opts.Replicas, "how `many` replicas to start")
		flags.DurationVar(&opts.Duration, "duration", opts.Duration, "how `long` the site is under load")
		flags.BoolVar(&opts.Hold, "hold", opts.Hold, "leave the servers up at the end, and print their DSNs, until interrupted")
		flags.StringVar(&opts.Version, "version", opts.Version, "the `version` of PostgreSQL, such as 16 (default: the newest installed)")
		return func(ctx context.Context, out io.Writer, args []string) error {
			switch {
			case len(args) > 0:
				return fmt.Errorf("%w: %q is not a flag", errUsage, args[0])
			case opts.Replicas < 1 || opts.Replicas > maxReplicas:
				return fmt.Errorf("%w: -replicas is %d, and can be 1 to %d", errUsage, opts.Replicas, maxReplicas)
			case opts.Duration <= 0:
				return fmt.Errorf("%w: -duration is %v, and has to be more than 0", errUsage, opts.Duration)
			}
			return runDemo(ctx, out, opts)
		}
	},
}

// runDemo is demo.Run, but for tests.
var runDemo = demo.Run
