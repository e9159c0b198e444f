// Package speed compares throughput and latency on a real server: pgsplit with a single server in its DSN, plain pgx, and a
// second plain pgx, which shows by how much two equal handles differ.
package speed

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/pgsplit/pgsplit/bench/internal/handle"
	"github.com/pgsplit/pgsplit/bench/internal/servers"
	"github.com/pgsplit/pgsplit/bench/internal/stat"
	"github.com/pgsplit/pgsplit/bench/internal/workload"
)

// Options say how long to measure, and what.
type Options struct {
	For        time.Duration // about; at least three epochs of each figure are measured
	Epoch      time.Duration // how long the handles of one epoch are used; they are opened anew for each
	Goroutines []int         // at once
	Fault      handle.Fault
}

// The handles that are compared, in this order.
const (
	plain = iota
	control
	judged
	handles
)

// figure compares the handles on one statement with one number of goroutines. Each epoch adds one value to each list: how
// the handle compares with the first one.
type figure struct {
	contest    *contest
	statement  workload.Statement
	goroutines int

	rate, p99 [handles][]float64
}

// measure fills the figures, one epoch of each after the other in random order, so that the machine's moods meet all of them.
func measure(ctx context.Context, dsn string, opts Options, c *contest) ([]*figure, error) {
	var figures []*figure
	for _, st := range c.statements {
		for _, n := range opts.Goroutines {
			figures = append(figures, &figure{contest: c, statement: st, goroutines: n})
		}
	}
	begin := time.Now()
	for epochs := 0; epochs < leastEpochs || time.Since(begin)*time.Duration(epochs+1)/time.Duration(epochs) < opts.For; epochs++ {
		for _, i := range rand.Perm(len(figures)) {
			if err := figures[i].epoch(ctx, dsn, opts); err != nil {
				return nil, err
			}
		}
	}
	return figures, nil
}

const leastEpochs = 3

// warm is the part of an epoch that passes before it counts.
const warm = 0.1

// epoch opens the handles anew: where their connections and goroutines happen to be is a part of the difference.
func (f *figure) epoch(ctx context.Context, dsn string, opts Options) (err error) {
	dbs := make([]*sql.DB, handles)
	defer func() {
		for _, db := range dbs {
			if db != nil {
				err = errors.Join(err, db.Close())
			}
		}
	}()
	for _, i := range rand.Perm(handles) {
		if dbs[i], err = f.contest.open(ctx, dsn, i, opts.Fault); err != nil {
			return err
		}
		dbs[i].SetMaxIdleConns(f.goroutines)
		if err := workload.Prime(ctx, dbs[i], f.statement, f.goroutines); err != nil {
			return err
		}
	}
	if _, err := takeTurns(ctx, dbs, f.statement, f.goroutines, time.Duration(warm*float64(opts.Epoch))); err != nil {
		return err
	}
	out, err := takeTurns(ctx, dbs, f.statement, f.goroutines, opts.Epoch)
	if err != nil {
		return err
	}
	for i := range out {
		f.rate[i] = append(f.rate[i], out[i].rate/out[plain].rate)
		f.p99[i] = append(f.p99[i], out[i].p99/out[plain].p99)
	}
	_, err = dbs[plain].ExecContext(ctx, servers.Forget)
	return err
}

// What is promised of throughput and of the 99th percentile of latency, in relation to the first handle.
const (
	leastRate = 0.98
	mostP99   = 1.05
)

// exceeds says what of the promise a figure breaks: its whole interval is beyond the bound, and the control's is not.
func (f *figure) exceeds() error {
	what := fmt.Sprintf("%s, %d goroutines", f.statement.Name, f.goroutines)
	var err error
	if r, c := stat.MedianOf(f.rate[judged]), stat.MedianOf(f.rate[control]); r.High < min(leastRate, c.High) {
		err = fmt.Errorf("%s: %s of %s's throughput; at least %.2f is promised", what, r.Format("%.3f"), f.contest.first, leastRate)
	}
	if r, c := stat.MedianOf(f.p99[judged]), stat.MedianOf(f.p99[control]); r.Low > max(mostP99, c.Low) {
		err = errors.Join(err, fmt.Errorf("%s: %s of %s's p99; at most %.2f is promised", what, r.Format("%.3f"), f.contest.first, mostP99))
	}
	return err
}
