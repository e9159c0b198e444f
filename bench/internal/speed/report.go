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

// Run measures everything and prints the table. The error says which promise was not kept.
func Run(ctx context.Context, out io.Writer, opts Options) (err error) {
	c, err := servers.Start(ctx, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	figures, err := measure(ctx, c.Primary.DSN(), opts)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "One server on loopback. In relation to plain pgx, with 95 %% intervals over %d epochs of %v:\n\n", len(figures[0].rate[plain]), opts.Epoch)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "statement\tgoroutines\tthroughput\tof a second pgx\tp99\tof a second pgx\t")
	var wrong []error
	for _, f := range figures {
		fmt.Fprintf(w, "%s\t%d", f.statement.Name, f.goroutines)
		for _, values := range [][]float64{f.rate[pgsplit], f.rate[control], f.p99[pgsplit], f.p99[control]} {
			fmt.Fprintf(w, "\t%s", stat.MedianOf(values).Format("%.3f"))
		}
		fmt.Fprintln(w, "\t")
		wrong = append(wrong, f.exceeds())
	}
	w.Flush()
	return errors.Join(wrong...)
}
