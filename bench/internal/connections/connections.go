// Package connections counts the connections that servers get from an application of many goroutines, through pgsplit and
// through plain pgx, and compares their throughput where database/sql keeps few idle connections.
package connections

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/pgsplit/pgsplit/bench/internal/handle"
	"github.com/pgsplit/pgsplit/bench/internal/servers"
	"github.com/pgsplit/pgsplit/pgsplittest"
)

// Options say what the application is like, and how long to watch it.
type Options struct {
	Goroutines int
	Think      time.Duration // of each goroutine between two operations
	For        time.Duration // how long each load lasts
	Fault      handle.Fault
}

// What is promised.
const (
	ofPlain  = 0.5 // of the connections that plain pgx needs, on the primary
	ofShare  = 1.2 // of a replica's share of what was in use at once
	faster   = 10  // throughput with database/sql's default pool, in relation to plain pgx
	replicas = 2

	// What may be left when nothing is under way: two to spare, the monitor's, and for a while that of the catalog.
	rest = 4
	// goneAfter is how long that may take: what a burst has opened goes one or two health check periods after it.
	goneAfter = 10 * time.Second
)

// Run counts and prints the tables. The error says which promise was not kept.
func Run(ctx context.Context, out io.Writer, opts Options) (err error) {
	c, err := servers.Start(ctx, replicas)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	o, err := observe(ctx, c)
	defer func() { err = errors.Join(err, o.close()) }()
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%d goroutines, %.0f %% writes, %v between operations, %d replicas.\n\n", opts.Goroutines, 100*writes, opts.Think, replicas)
	counted := count(ctx, out, c, o, opts)
	if ctx.Err() != nil {
		return counted
	}
	fmt.Fprintln(out)
	return errors.Join(counted, compare(ctx, out, c, opts))
}

// open opens pgsplit. params are further settings.
func open(ctx context.Context, c *pgsplittest.Cluster, params string, opts Options) (*sql.DB, error) {
	db, err := handle.Pgsplit(c.DSN()+"&monitor_timeout=10s"+params, nil, opts.Fault)
	if err != nil {
		return nil, err
	}
	if !opts.Fault.Pin { // no replica would ever serve
		if err := handle.Ready(ctx, db, servers.Select, int64(1)); err != nil {
			return nil, errors.Join(err, db.Close())
		}
	}
	return db, nil
}

// count has the load use one handle after the other, and counts the connections on each server.
func count(ctx context.Context, out io.Writer, c *pgsplittest.Cluster, o *observer, opts Options) error {
	pgx, err := handle.PGX(c.Primary.DSN(), nil)
	if err != nil {
		return err
	}
	pgx.SetMaxIdleConns(opts.Goroutines)
	plain, reading, err := watch(ctx, pgx, o, opts)
	if err := errors.Join(err, pgx.Close()); err != nil {
		return err
	}
	if _, err := settle(ctx, o, 0); err != nil {
		return err
	}
	fmt.Fprintln(out, "The most connections at once, as the servers count them, the monitor's and the catalog's included:")
	fmt.Fprintln(out)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	defer w.Flush()
	fmt.Fprintln(w, "\tprimary\treplica 1\treplica 2\treads in use at once\t")
	fmt.Fprintf(w, "plain pgx\t%d\t%d\t%d\t%d\t\n", plain[0], plain[1], plain[2], reading)

	pgsplit, err := open(ctx, c, "&pool_health_check_period=1s", opts)
	if err != nil {
		return err
	}
	defer pgsplit.Close()
	pgsplit.SetMaxIdleConns(opts.Goroutines)
	split, reading, err := watch(ctx, pgsplit, o, opts)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "pgsplit\t%d\t%d\t%d\t%d\t\n", split[0], split[1], split[2], reading)
	left, err := settle(ctx, o, rest)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "pgsplit, after the load\t%d\t%d\t%d\t\t\n", left[0], left[1], left[2])

	var wrong []error
	if most := int(ofPlain * float64(plain[0])); split[0] > most {
		wrong = append(wrong, fmt.Errorf("the primary gets %d connections; at most %d are promised, half of plain pgx's", split[0], most))
	}
	for i := 1; i <= replicas; i++ {
		if most := int(ofShare*float64(reading)/replicas) + 1; split[i] > most { // and the monitor's
			wrong = append(wrong, fmt.Errorf("replica %d gets %d connections; at most %d are promised, its share of what was in use at once and 20 %%", i, split[i], most))
		}
	}
	for i, n := range left {
		if n > rest {
			wrong = append(wrong, fmt.Errorf("%v after the load server %d still has %d connections", goneAfter, i, n))
		}
	}
	return errors.Join(wrong...)
}

// watch has the load use a handle, and returns the most connections of each server, and the most reads at once.
func watch(ctx context.Context, db *sql.DB, o *observer, opts Options) (most []int, reading int64, err error) {
	o.forget()
	m := startMix(ctx, db, opts)
	for begin := time.Now(); time.Since(begin) < opts.For && err == nil; time.Sleep(5 * time.Millisecond) {
		_, err = o.look(ctx)
	}
	err = errors.Join(err, m.stop())
	return slices.Clone(o.most), m.most.Load(), err
}

// settle waits until no server has more than so many connections, for as long as that may take, and returns how many are left.
func settle(ctx context.Context, o *observer, most int) (now []int, err error) {
	for begin := time.Now(); time.Since(begin) < goneAfter; time.Sleep(20 * time.Millisecond) {
		if now, err = o.look(ctx); err != nil {
			return nil, err
		}
		if max(now[0], now[1], now[2]) <= most {
			break
		}
	}
	return now, nil
}

// compare has both handles take turns under the load, with the pool as database/sql makes it: two idle connections.
func compare(ctx context.Context, out io.Writer, c *pgsplittest.Cluster, opts Options) error {
	pgx, err := handle.PGX(c.Primary.DSN(), nil)
	if err != nil {
		return err
	}
	defer pgx.Close()
	pgsplit, err := open(ctx, c, "", opts)
	if err != nil {
		return err
	}
	defer pgsplit.Close()
	const turns = 4
	var done [2]float64
	var took [2]time.Duration
	for turn := range 1 + turns {
		for i, db := range []*sql.DB{pgx, pgsplit} {
			begin := time.Now()
			m := startMix(ctx, db, opts)
			time.Sleep(opts.For / turns)
			if err := m.stop(); err != nil {
				return err
			}
			if turn > 0 { // the first one opens connections
				took[i] += time.Since(begin)
				done[i] += float64(m.done.Load())
			}
		}
	}
	ratio := done[1] / took[1].Seconds() / (done[0] / took[0].Seconds())
	fmt.Fprintf(out, "With database/sql's default of two idle connections pgsplit has %.1f times the throughput of plain pgx.\n", ratio)
	if ratio < faster {
		return fmt.Errorf("with database/sql's default pool pgsplit has %.1f times the throughput of plain pgx; %d times is promised", ratio, faster)
	}
	return nil
}
