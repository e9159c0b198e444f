package speed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/pgsplit/pgsplit/bench/internal/servers"
	"github.com/pgsplit/pgsplit/bench/internal/stat"
)

// Run compares pgsplit with plain pgx and prints the table. The error says which promise was not kept.
func Run(ctx context.Context, out io.Writer, opts Options) error { return withPGX.run(ctx, out, opts) }

// Scopes compares read_your_writes=on with off likewise.
func Scopes(ctx context.Context, out io.Writer, opts Options) error {
	return scopes.run(ctx, out, opts)
}

func (contest *contest) run(ctx context.Context, out io.Writer, opts Options) (err error) {
	c, err := servers.Start(ctx, contest.replicas)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	figures, err := measure(ctx, c.DSN(), opts, contest)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s In relation to %s, with 95 %% intervals over %d epochs of %v:\n\n", contest.about, contest.first, len(figures[0].rate[plain]), opts.Epoch)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, fmt.Sprintf("statement\tgoroutines\tthroughput\tof a second %[1]s\tp99\tof a second %[1]s\t", contest.first))
	var wrong []error
	for _, f := range figures {
		fmt.Fprintf(w, "%s\t%d", f.statement.Name, f.goroutines)
		for _, values := range [][]float64{f.rate[judged], f.rate[control], f.p99[judged], f.p99[control]} {
			fmt.Fprintf(w, "\t%s", stat.MedianOf(values).Format("%.3f"))
		}
		fmt.Fprintln(w, "\t")
		wrong = append(wrong, f.exceeds())
	}
	w.Flush()
	return errors.Join(wrong...)
}
