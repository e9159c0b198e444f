package pgsplit_test

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
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

// untilReplica reads until a replica serves it, for at most a time, and returns how many samples each server was asked for
// meanwhile.
func untilReplica(t testing.TB, c *pgsplittest.Cluster, db *sql.DB, most time.Duration) (samples []int, served bool) {
	t.Helper()
	count := func() (n []int) {
		for _, s := range c.Servers() {
			n = append(n, strings.Count(s.Log(), "pgsplit sample */"))
		}
		return n
	}
	before := count()
	for deadline := time.Now().Add(most); !served && time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		served = isReplica(t, db)
	}
	for i, n := range count() {
		samples = append(samples, n-before[i])
	}
	return samples, served
}

func TestACommitAtTheEndOfAPageIsReachedByReplicas(t *testing.T) {
	c := pgsplittest.Start(t, pgsplittest.Options{
		Replicas: 1, SetupSQL: behaviourSchema, InitdbArgs: []string{"--wal-segsize=1"}, Parameters: map[string]string{"log_statement": "all"},
	})
	for name, unit := range map[string]uint64{"page": 8192, "segment": 1 << 20} {
		t.Run(name, func(t *testing.T) {
			db := handle(t, c, "read_your_writes=strict", "max_lag=0", "monitor_interval=1h")
			var samples []int
			for range 5 { // on a busy machine the sampler asks more than once before the next read
				commitAt(t, db, c.Primary, unit)
				require.NoError(t, c.WaitForCatchUp())
				var served bool
				samples, served = untilReplica(t, c, db, 20*time.Second)
				require.True(t, served, "reads stay on the primary")
				if slices.Max(samples) <= 2 {
					break
				}
			}
			assert.LessOrEqual(t, slices.Max(samples), 2, "samples of a server until then")
			rules.PageHeaders.Store(true)
			defer rules.PageHeaders.Store(false)
			stalled := false
			for range 5 { // other records of the server may come after it
				commitAt(t, db, c.Primary, unit)
				require.NoError(t, c.WaitForCatchUp())
				if _, served := untilReplica(t, c, db, 2*time.Second); !served {
					stalled = true
					break
				}
			}
			assert.True(t, stalled, "without the rule")
		})
	}
}

// What an open transaction has written behind a commit belongs to nobody yet, but a position does not tell. The server flushes it
// with the next commit, or every 15 s.
func TestAnOpenTransactionBehindACommitKeepsReadsFromReplicasForSixteenSeconds(t *testing.T) {
	t.Parallel() // it waits, and measures nothing else
	c := pgsplittest.Start(t, pgsplittest.Options{Replicas: 1, SetupSQL: behaviourSchema})
	db := handle(t, c, "read_your_writes=strict", "max_lag=0", "monitor_interval=1h")
	idle := plain(t, c.Primary.DSN())
	for range 5 { // the server may do it right away
		_, err := db.ExecContext(t.Context(), "insert into entry values ('before', 1)")
		require.NoError(t, err)
		tx, err := idle.BeginTx(t.Context(), nil)
		require.NoError(t, err)
		_, err = tx.ExecContext(t.Context(), "insert into entry values ('open', 1)")
		require.NoError(t, err)
		began := time.Now()
		for !isReplica(t, db) {
			require.Less(t, time.Since(began), 16*time.Second)
			time.Sleep(10 * time.Millisecond)
		}
		took := time.Since(began)
		require.NoError(t, tx.Rollback())
		if took > 500*time.Millisecond {
			t.Logf("a replica served reads after %v", took)
			return
		}
	}
	t.Fatal("the transaction has kept back nothing")
}
