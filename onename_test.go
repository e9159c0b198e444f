package pgsplit_test

import (
	"database/sql"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	rules "github.com/pgsplit/pgsplit/internal/broken"
	"github.com/pgsplit/pgsplit/pgsplittest"
)

// One name leads to two replicas, one of which has stopped replaying. A handle does not know that there are two: what its
// monitor hears is of the one, and the next connection of a read may lead to the other.
func TestOneNameOverAReplicaThatStandsStillGivesNoStaleStrictRead(t *testing.T) {
	c := rough(t)
	moves, still := c.Replicas[0], c.Replicas[1]
	var next atomic.Pointer[pgsplittest.Server]
	name := fmt.Sprintf("replicas=127.0.0.1:%d", address(t, next.Load))
	require.NoError(t, still.PauseReplay())
	test := unique("one name")
	rows := 0
	var reads, stale, byReplica, byStill int
	read := func(db *sql.DB) (port int) {
		var got int
		require.NoError(t, db.QueryRowContext(t.Context(), "select count(*), inet_server_port() from entry where test = $1", test).Scan(&got, &port))
		reads++
		if got < rows {
			stale++
		}
		if port == moves.Port {
			byReplica++
		}
		if port == still.Port {
			byStill++
		}
		return port
	}
	// A handle reads from the replica that moves until its next connections lead to the other one.
	try := func() {
		next.Store(moves)
		db := open(t, dsnWith(c.Primary.DSN(), name, "read_your_writes=strict", "max_lag=0", "monitor_timeout=10s"))
		defer db.Close()
		replicasServe(t, db, 1)
		write := func() {
			execAll(t, db, "insert into entry (test, v) values ('"+test+"', 1)")
			rows++
		}
		write()
		eventually(t, func() bool { return read(db) == moves.Port })
		next.Store(still)
		held, err := db.QueryContext(t.Context(), "select generate_series(1, 100000)") // on the connection that there is
		require.NoError(t, err)
		for range 5 {
			write()
			for range 20 {
				read(db)
			}
		}
		require.NoError(t, held.Close())
		for range 20 {
			read(db)
		}
	}
	for range 10 {
		try()
	}
	t.Logf("%d reads, %d by the replica that moves, %d by the one that stands still, %d stale", reads, byReplica, byStill, stale)
	require.Zero(t, stale)
	require.Zero(t, byStill, "it has none of the rows")
	require.NotZero(t, byReplica)

	rules.AnyInstance.Store(true)
	defer rules.AnyInstance.Store(false)
	reads, stale, byReplica, byStill = 0, 0, 0, 0
	for n := 0; n < 30 && stale == 0; n++ {
		try()
	}
	t.Logf("without the rule: %d reads, %d by the replica that moves, %d by the one that stands still, %d stale", reads, byReplica, byStill, stale)
	require.NotZero(t, stale, "without the rule")
}
