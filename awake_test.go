package pgsplit

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTimeAwakeEndsAsAnyContextDoes(t *testing.T) {
	began := time.Now()
	ctx, cancel := withTimeAwake(t.Context(), 50*time.Millisecond)
	require.NoError(t, ctx.Err())
	<-ctx.Done()
	require.Equal(t, context.DeadlineExceeded, ctx.Err())
	require.GreaterOrEqual(t, time.Since(began), 50*time.Millisecond)
	cancel()
	require.Equal(t, context.DeadlineExceeded, ctx.Err())

	ctx, cancel = withTimeAwake(t.Context(), time.Hour)
	child, stop := context.WithCancel(ctx)
	defer stop()
	cancel()
	<-child.Done()
	require.Equal(t, context.Canceled, child.Err())

	parent, end := context.WithCancel(t.Context())
	ctx, cancel = withTimeAwake(parent, time.Hour)
	defer cancel()
	end()
	<-ctx.Done()
	require.Equal(t, context.Canceled, ctx.Err())

	over, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	ctx, cancel = withTimeAwake(over, time.Hour)
	defer cancel()
	<-ctx.Done()
	require.Equal(t, context.DeadlineExceeded, ctx.Err())
}
