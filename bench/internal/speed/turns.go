package speed

import (
	"context"
	"database/sql"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pgsplit/pgsplit/bench/internal/stat"
	"github.com/pgsplit/pgsplit/bench/internal/workload"
)

// outcome is what one handle did in an epoch.
type outcome struct {
	rate float64 // operations per second of its turns
	p99  float64 // of their times, ns
}

// turnOf is how long one handle is used before it is the next one's turn: short, so that whatever else the machine does
// meets all of them, and long against the time of an operation, since those under way at the change overlap.
func turnOf(goroutines int) time.Duration {
	return 20*time.Millisecond + time.Duration(goroutines)*2500*time.Microsecond
}

// takeTurns has all goroutines use one handle after the other, in random order, for about as long as it is told.
func takeTurns(ctx context.Context, dbs []*sql.DB, st workload.Statement, goroutines int, length time.Duration) ([]outcome, error) {
	var turn atomic.Int32
	var over atomic.Bool
	var wg sync.WaitGroup
	times := make([][][]float64, goroutines) // by goroutine and handle
	errs := make([]error, goroutines)
	for g := range goroutines {
		times[g] = make([][]float64, len(dbs))
		wg.Go(func() {
			for n := rand.Int64N(1 << 30); !over.Load(); n++ {
				i := turn.Load()
				begin := time.Now()
				if errs[g] = st.Run(ctx, dbs[i], n); errs[g] != nil {
					return
				}
				times[g][i] = append(times[g][i], float64(time.Since(begin)))
			}
		})
	}
	took := make([]time.Duration, len(dbs))
	begin := time.Now()
	for at := begin; time.Since(begin) < length && ctx.Err() == nil; {
		for _, i := range rand.Perm(len(dbs)) {
			turn.Store(int32(i))
			time.Sleep(turnOf(goroutines))
			now := time.Now()
			took[i] += now.Sub(at)
			at = now
		}
	}
	over.Store(true)
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	out := make([]outcome, len(dbs))
	for i := range dbs {
		var all []float64
		for g := range times {
			all = append(all, times[g][i]...)
		}
		out[i] = outcome{rate: float64(len(all)) / took[i].Seconds(), p99: stat.Quantile(all, 0.99)}
	}
	return out, ctx.Err()
}
