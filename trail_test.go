package pgsplit_test

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
)

// trail notes where the statements of a context went.
type trail struct {
	mu      sync.Mutex
	routes  []pgsplit.RouteInfo
	retries []pgsplit.RetryInfo
}

func follow(ctx context.Context) (context.Context, *trail) {
	tr := new(trail)
	return pgsplit.WithTrace(ctx, tr.trace()), tr
}

func (tr *trail) trace() *pgsplit.Trace {
	return &pgsplit.Trace{
		Route: func(_ context.Context, info pgsplit.RouteInfo) {
			tr.mu.Lock()
			defer tr.mu.Unlock()
			tr.routes = append(tr.routes, info)
		},
		Retry: func(_ context.Context, info pgsplit.RetryInfo) {
			tr.mu.Lock()
			defer tr.mu.Unlock()
			tr.retries = append(tr.retries, info)
		},
	}
}

// take returns what has been noted since the last take.
func (tr *trail) take() ([]pgsplit.RouteInfo, []pgsplit.RetryInfo) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	routes, retries := tr.routes, tr.retries
	tr.routes, tr.retries = nil, nil
	return routes, retries
}

// only returns the one route that was taken, at the first attempt.
func (tr *trail) only(t testing.TB) pgsplit.RouteInfo {
	t.Helper()
	routes, retries := tr.take()
	require.Len(t, routes, 1)
	require.Empty(t, retries)
	require.Equal(t, 1, routes[0].Attempt)
	return routes[0]
}
