package demo

import (
	"context"

	"github.com/pgsplit/pgsplit"
)

// watch sees where the statements of one goroutine go.
type watch struct {
	route pgsplit.RouteInfo // of the latest attempt of the latest statement
	moved int               // statements that a server's trouble sent to another one
}

// in returns a context whose statements are watched.
func (w *watch) in(ctx context.Context) context.Context {
	return pgsplit.WithTrace(ctx, &pgsplit.Trace{
		Route: func(_ context.Context, info pgsplit.RouteInfo) { w.route = info },
		Retry: func(context.Context, pgsplit.RetryInfo) { w.moved++ },
	})
}
