package pgsplit_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// load runs an operation again and again on several goroutines, and counts how often it worked.
type load struct {
	cancel context.CancelFunc
	wg     sync.WaitGroup
	done   atomic.Int64
	errs   chan error
}

func startLoad(t testing.TB, goroutines int, op func(context.Context) error) *load {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	l := &load{cancel: cancel, errs: make(chan error, goroutines)}
	for range goroutines {
		l.wg.Go(func() {
			for ctx.Err() == nil {
				if err := op(ctx); err == nil {
					l.done.Add(1)
				} else if ctx.Err() == nil {
					l.errs <- err
					return
				}
			}
		})
	}
	t.Cleanup(func() { cancel(); l.wg.Wait() })
	return l
}

// more waits until the operation has worked n more times.
func (l *load) more(t testing.TB, n int64) {
	t.Helper()
	n += l.done.Load()
	eventually(t, func() bool { return l.done.Load() >= n || len(l.errs) > 0 }, "the load is stuck")
	l.check(t)
}

func (l *load) check(t testing.TB) {
	t.Helper()
	select {
	case err := <-l.errs:
		require.NoError(t, err, "under load")
	default:
	}
}

// end stops the load; no operation may have failed.
func (l *load) end(t testing.TB) {
	t.Helper()
	l.cancel()
	l.wg.Wait()
	l.check(t)
}
