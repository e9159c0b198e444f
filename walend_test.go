package pgsplit_test

import (
	"database/sql"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	rules "github.com/pgsplit/pgsplit/internal/broken"
	"github.com/pgsplit/pgsplit/pgsplittest"
)

// commitAt makes a write through the handle whose commit record ends exactly where a page (or segment) of the log does.
func commitAt(t testing.TB, db *sql.DB, primary *pgsplittest.Server, unit uint64) {
	t.Helper()
	const segment = 1 << 20
	header := uint64(24)
	if unit == segment {
		header = 40
	}
	emit := func(n uint64) {
		_, err := db.ExecContext(t.Context(), fmt.Sprintf("select pg_logical_emit_message(true, 'p', repeat('x', %d))", n))
		require.NoError(t, err)
	}
	const page, probe = 8192, 1000
	for range 50 {
		// A message and its commit take as much as the probe, but for its length and the headers of the pages in between.
		before := lsnOf(t, primary)
		emit(probe)
		at := lsnOf(t, primary)
		target := at - at%unit + unit
		extra := at - before - probe
		crossed := (target-1)/page - at/page
		if at/page != before/page || target-at < extra+2*probe {
			continue
		}
		emit(target - at - extra - 24*crossed)
		if lsnOf(t, primary) == target+header {
			return
		}
	}
	t.Fatalf("no commit ended at the end of %d bytes", unit)
}

func TestACommitAtTheEndOfAPageIsReachedByReplicas(t *testing.T) {
	c := pgsplittest.Start(t, pgsplittest.Options{Replicas: 1, SetupSQL: behaviourSchema, InitdbArgs: []string{"--wal-segsize=1"}})
	for name, unit := range map[string]uint64{"page": 8192, "segment": 1 << 20} {
		t.Run(name, func(t *testing.T) {
			db := handle(t, c, "read_your_writes=strict", "max_lag=0", "monitor_interval=1h")
			stalls := func() bool {
				require.NoError(t, c.WaitForCatchUp())
				for deadline := time.Now().Add(2 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
					if isReplica(t, db) {
						return false
					}
				}
				return true
			}
			commitAt(t, db, c.Primary, unit)
			assert.False(t, stalls(), "reads stay on the primary")
			rules.PageHeaders.Store(true)
			defer rules.PageHeaders.Store(false)
			stalled := false
			for range 5 { // other records of the server may come after it
				commitAt(t, db, c.Primary, unit)
				if stalled = stalls(); stalled {
					break
				}
			}
			assert.True(t, stalled, "without the rule")
		})
	}
}

// A standby that was restarted serves reads below its former position.
func TestASampleFromBeforeTheConnectionDoesNotCount(t *testing.T) {
	c := pgsplittest.Start(t, pgsplittest.Options{Replicas: 1, SetupSQL: "create table a (v int); insert into a values (0); grant all on a to public"})
	replica := c.Replicas[0]
	read := func(rule bool) (missed bool) {
		require.NoError(t, replica.SetApplyDelay(0))
		require.NoError(t, c.WaitForCatchUp())
		require.NoError(t, c.Primary.Exec("checkpoint")) // replay begins here
		require.NoError(t, c.WaitForCatchUp())
		require.NoError(t, replica.Exec("checkpoint"))
		db := handle(t, c, "read_your_writes=strict", "max_lag=0", "monitor_interval=1h")
		defer db.Close()
		_, err := db.ExecContext(t.Context(), "update a set v = v + 1")
		require.NoError(t, err)
		eventually(t, func() bool { return isReplica(t, db) })
		want := firstValue(t, t.Context(), db, "select v from a")
		time.Sleep(1100 * time.Millisecond) // an idle connection is pinged then, as database/sql does with pgx

		// Restarted, it replays again what it has replayed before, this time with a delay.
		require.NoError(t, replica.SetApplyDelay(20*time.Second))
		require.NoError(t, replica.StopImmediate())
		require.NoError(t, replica.Start())
		rules.OldSample.Store(!rule)
		defer rules.OldSample.Store(false)
		return firstValue(t, t.Context(), db, "select v from a") != want
	}
	assert.False(t, read(true))
	missed := false
	for range 3 {
		missed = missed || read(false)
	}
	assert.True(t, missed, "without the rule")
}
