package pgsplit_test

import (
	"context"
	"database/sql"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
	"github.com/pgsplit/pgsplit/pgsplittest"
)

// waiting is a handle whose reads wait.
func waiting(t testing.TB, c *pgsplittest.Cluster, params ...string) *sql.DB {
	t.Helper()
	require.NoError(t, c.WaitForCatchUp())
	return handle(t, c, append([]string{"max_lag=0", "monitor_interval=1h", "read_your_writes=strict"}, params...)...)
}

// readBack reads what has just been written, by itself and maybe others.
func readBack(t testing.TB, ctx context.Context, db *sql.DB) (replica bool, took time.Duration, err error) {
	written, got := 0, 0
	if err := db.QueryRowContext(t.Context(), "update a set v = v + 1 where id = 1 returning v").Scan(&written); err != nil {
		return false, 0, err
	}
	began := time.Now()
	err = db.QueryRowContext(ctx, "select v, pg_is_in_recovery() from a where id = 1").Scan(&got, &replica)
	if err == nil {
		assert.GreaterOrEqual(t, got, written)
	}
	return replica, time.Since(began), err
}

func TestReadsWaitForAReplica(t *testing.T) {
	t.Parallel() // it mostly waits
	c := talkative(t)
	replica := c.Replicas[0]

	t.Run("that has it in time", func(t *testing.T) {
		db := waiting(t, c, "wait=15s")
		require.NoError(t, replica.SetApplyDelay(200*time.Millisecond))
		defer replica.SetApplyDelay(0)
		began := time.Now() // the replica's delay begins with the write
		got, _, err := readBack(t, t.Context(), db)
		require.NoError(t, err)
		assert.True(t, got)
		assert.Greater(t, time.Since(began), 100*time.Millisecond, "nothing was waited for")
	})
	t.Run("that comes late", func(t *testing.T) {
		// For longer than a need is remembered.
		db := waiting(t, c, "wait=15s")
		require.NoError(t, replica.PauseReplay())
		time.AfterFunc(2500*time.Millisecond, func() { assert.NoError(t, replica.ResumeReplay()) })
		got, _, err := readBack(t, t.Context(), db)
		require.NoError(t, err)
		assert.True(t, got)
	})

	require.NoError(t, replica.PauseReplay())
	defer replica.ResumeReplay()
	t.Run("in vain", func(t *testing.T) {
		for _, stale := range []string{"primary", "error"} {
			require.NoError(t, replica.ResumeReplay())
			db := waiting(t, c, "wait=30ms", "when_stale="+stale)
			require.NoError(t, replica.PauseReplay())
			got, took, err := readBack(t, t.Context(), db)
			assert.Equal(t, stale == "error", err != nil, err)
			assert.False(t, got)
			assert.GreaterOrEqual(t, took, 30*time.Millisecond)
		}
	})
	t.Run("no longer than their context", func(t *testing.T) {
		require.NoError(t, replica.ResumeReplay())
		db := waiting(t, c, "wait=1h")
		require.NoError(t, replica.PauseReplay())
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		_, _, err := readBack(t, ctx, db)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
	})
	t.Run("until the handle is closed", func(t *testing.T) {
		require.NoError(t, replica.ResumeReplay())
		db := waiting(t, c, "wait=1h")
		require.NoError(t, replica.PauseReplay())
		time.AfterFunc(100*time.Millisecond, func() { db.Close() })
		_, _, err := readBack(t, t.Context(), db)
		assert.Error(t, err)
	})
	t.Run("together", func(t *testing.T) {
		require.NoError(t, replica.ResumeReplay())
		application := unique("app")
		db := waiting(t, c, "wait=20s", "application_name="+application)
		require.NoError(t, replica.PauseReplay())
		var wg sync.WaitGroup
		for range 30 {
			wg.Go(func() {
				got, _, err := readBack(t, t.Context(), db)
				assert.NoError(t, err)
				assert.True(t, got)
			})
		}
		written := func() int {
			n := 0
			for _, v := range pgsplit.ClusterOf(db).Stats().Servers {
				n += int(v.Routed[pgsplit.ReasonWrites])
			}
			return n
		}
		eventually(t, func() bool { return written() == 30 && db.Stats().InUse == 30 })
		_, before := said(c, application)
		began := time.Now()
		time.Sleep(1500 * time.Millisecond)
		_, after := said(c, application)
		// What brings nothing new is asked for every 50 ms in the end.
		t.Logf("%d samples in %v for 30 that wait", after-before, time.Since(began))
		assert.NotZero(t, after-before)
		assert.Less(t, float64(after-before), 25*time.Since(began).Seconds()+80)
		require.NoError(t, replica.ResumeReplay())
		wg.Wait()
	})
}
