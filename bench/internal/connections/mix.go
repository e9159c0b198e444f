package connections

import (
	"context"
	"database/sql"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pgsplit/pgsplit/bench/internal/workload"
)

// writes is the part of the operations that are INSERTs; the others are SELECTs of one row.
const writes = 0.1

// mix is a load under way: goroutines that run an operation, think, and run the next.
type mix struct {
	done    atomic.Int64
	reading atomic.Int64 // reads under way
	most    atomic.Int64 // the most of them at once

	stop func() error // ends it
}

func startMix(ctx context.Context, db *sql.DB, opts Options) *mix {
	m := &mix{}
	var over atomic.Bool
	var wg sync.WaitGroup
	errs := make([]error, opts.Goroutines)
	for g := range opts.Goroutines {
		wg.Go(func() {
			for n := rand.Int64N(1 << 30); !over.Load() && errs[g] == nil; n++ {
				if rand.Float64() < writes {
					errs[g] = workload.Insert.Run(ctx, db, n)
				} else {
					m.raise(m.reading.Add(1))
					errs[g] = workload.Select.Run(ctx, db, n)
					m.reading.Add(-1)
				}
				m.done.Add(1)
				time.Sleep(opts.Think)
			}
		})
	}
	m.stop = func() error {
		over.Store(true)
		wg.Wait()
		for _, err := range errs {
			if err != nil {
				return err
			}
		}
		return nil
	}
	return m
}

func (m *mix) raise(n int64) {
	for {
		most := m.most.Load()
		if n <= most || m.most.CompareAndSwap(most, n) {
			return
		}
	}
}
