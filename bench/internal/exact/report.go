package exact

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/pgsplit/pgsplit/bench/internal/servers"
	"github.com/pgsplit/pgsplit/bench/internal/workload"
)

// What pgsplit may add.
const (
	mostAllocs = 1
	mostTime   = 0.03 // of a SELECT of one row over loopback
)

// Run measures everything and prints the table. The error says what was exceeded.
func Run(ctx context.Context, out io.Writer, opts Options) (err error) {
	c, err := servers.Start(ctx, 1)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	all, err := settings(ctx, c, opts)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeAll(all)) }()
	full, err := loopback(ctx, c.Primary.DSN())
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "A SELECT of one row over loopback, plain pgx: %v. Below: CPU time and allocations of one statement, servers in memory.\n\n", full)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "statement\tgoroutines\tservers\tpgx ns\tpgsplit adds ns\t% of loopback\ta second pgx adds ns\tallocations pgx\tpgsplit\t")
	var wrong []error
	for _, st := range workload.Statements {
		for _, n := range opts.Goroutines {
			for _, s := range all {
				f, err := measure(ctx, s, st, n, opts)
				if err != nil {
					return err
				}
				fmt.Fprintf(w, "%s\t%d\t%s\t%.0f\t%s\t%.2f\t%s\t%.2f\t%.2f\t\n", f.Statement, f.Goroutines, f.Config, f.PGX,
					f.Added.Format("%.0f"), 100*f.Added.Mid/float64(full), f.Control.Format("%.0f"), f.PGXAllocs, f.PgsplitAllocs)
				wrong = append(wrong, f.exceeds(full))
			}
		}
	}
	w.Flush()
	return errors.Join(wrong...)
}

// exceeds says what of the promise a figure breaks.
func (f Figure) exceeds(full time.Duration) error {
	what := fmt.Sprintf("%s, %s, %d goroutines", f.Statement, f.Config, f.Goroutines)
	var err error
	if more := f.PgsplitAllocs - f.PGXAllocs; more > mostAllocs+0.2 { // background work allocates, too
		err = fmt.Errorf("%s: %.2f allocations more than pgx; at most %d is allowed", what, more, mostAllocs)
	}
	if most := mostTime * float64(full); f.Added.Low > most {
		err = errors.Join(err, fmt.Errorf("%s: %s ns more than pgx; at most %.0f ns is allowed, %.0f %% of a SELECT over loopback",
			what, f.Added.Format("%.0f"), most, 100*mostTime))
	}
	return err
}
