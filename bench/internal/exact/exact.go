// Package exact measures what pgsplit adds to a statement: CPU time and allocations beyond plain pgx's, both through
// database/sql, against servers played in memory.
package exact

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"

	"github.com/pgsplit/pgsplit"
	"github.com/pgsplit/pgsplit/bench/internal/handle"
	"github.com/pgsplit/pgsplit/bench/internal/stat"
	"github.com/pgsplit/pgsplit/bench/internal/workload"
)

// Options say how long to measure, and what.
type Options struct {
	Rounds     int   // in each, every handle has one turn
	Block      int   // statements in a turn
	Goroutines []int // at once
	Fault      handle.Fault
}

// Figure is the result of one kind of statement with one configuration.
type Figure struct {
	Config     string
	Statement  string
	Goroutines int

	PGX     float64       // CPU time of plain pgx, ns for a statement
	Added   stat.Interval // what pgsplit takes more, ns for a statement
	Control stat.Interval // what a second plain pgx takes more

	PGXAllocs     float64 // allocations for a statement
	PgsplitAllocs float64
}

// turn is what one handle's block of statements took.
type turn struct{ cpu, allocs float64 }

// measure compares the handles of a setting on one statement.
func measure(ctx context.Context, s *setting, st workload.Statement, goroutines int, opts Options) (Figure, error) {
	f := Figure{Config: s.name, Statement: st.Name, Goroutines: goroutines}
	handles := []*sql.DB{s.pgx, s.control, s.pgsplit}
	for _, db := range handles {
		if err := workload.Prime(ctx, db, st, goroutines); err != nil {
			return f, err
		}
		if _, err := block(ctx, db, st, goroutines, opts.Block); err != nil {
			return f, err
		}
	}
	before := s.replicaReads()
	var pgx, added, control []float64
	var allocs [3]float64
	for range opts.Rounds {
		var t [3]turn
		for _, i := range rand.Perm(len(handles)) {
			var err error
			if t[i], err = block(ctx, handles[i], st, goroutines, opts.Block); err != nil {
				return f, err
			}
			allocs[i] += t[i].allocs / float64(opts.Rounds)
		}
		both := (t[0].cpu + t[1].cpu) / 2
		pgx, added, control = append(pgx, both), append(added, t[2].cpu-both), append(control, t[1].cpu-t[0].cpu)
	}
	if st.Replica && s.replicas {
		// What went to the primary after all would be a figure of something else.
		all := int64(opts.Rounds * (opts.Block / goroutines) * goroutines * (1 + opts.Fault.Trips))
		if n := s.replicaReads() - before; n < all*99/100 {
			return f, fmt.Errorf("exact: %s, %s: of %d reads only %d were routed to a replica", s.name, st.Name, all, n)
		}
	}
	f.PGX, f.Added, f.Control = stat.Median(pgx), stat.MedianOf(added), stat.MedianOf(control)
	f.PGXAllocs, f.PgsplitAllocs = min(allocs[0], allocs[1]), allocs[2]
	return f, nil
}

// block runs n statements on some goroutines.
func block(ctx context.Context, db *sql.DB, st workload.Statement, goroutines, n int) (turn, error) {
	n = n / goroutines
	errs := make(chan error, goroutines)
	var wg sync.WaitGroup
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	cpu := cpuTime()
	for range goroutines {
		wg.Go(func() {
			for range n {
				if err := st.Run(ctx, db, 16); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	wg.Wait()
	cpu = cpuTime() - cpu
	runtime.ReadMemStats(&after)
	total := float64(n * goroutines)
	select {
	case err := <-errs:
		return turn{}, err
	default:
		return turn{cpu: float64(cpu) / total, allocs: float64(after.Mallocs-before.Mallocs) / total}, nil
	}
}

// loopback is how long a SELECT of one row takes through plain pgx on a real server: what the added time is compared
// with. It is the lower quartile, since whatever else the machine does only makes it longer.
func loopback(ctx context.Context, dsn string) (time.Duration, error) {
	db, err := handle.PGX(dsn, nil)
	if err != nil {
		return 0, err
	}
	defer db.Close()
	const warm, n = 200, 3000
	times := make([]float64, 0, n)
	for i := range warm + n {
		begin := time.Now()
		if err := workload.Select.Run(ctx, db, 16); err != nil {
			return 0, err
		}
		if i >= warm {
			times = append(times, float64(time.Since(begin)))
		}
	}
	return time.Duration(stat.Quantile(times, 0.25)), nil
}

func (s *setting) replicaReads() (n int64) {
	for _, srv := range pgsplit.ClusterOf(s.pgsplit).Stats().Servers {
		n += srv.Routed[pgsplit.ReasonReplica]
	}
	return n
}
