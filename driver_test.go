package pgsplit_test

import (
	"context"
	"database/sql"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
	"github.com/pgsplit/pgsplit/pgsplittest"
)

// who is the server that answered: its port.
func who(t testing.TB, q interface {
	QueryRowContext(context.Context, string, ...any) *sql.Row
}) int {
	t.Helper()
	var port int
	require.NoError(t, q.QueryRowContext(t.Context(), "select inet_server_port()").Scan(&port))
	return port
}

// open opens a handle. Its monitors are patient if the DSN does not say how patient they are: a busy machine is no reason for a
// replica to be left out.
func open(t testing.TB, dsn string) *sql.DB {
	t.Helper()
	if strings.Contains(dsn, "?") && !strings.Contains(dsn, "monitor_timeout=") {
		dsn = dsnWith(dsn, "monitor_timeout=10s")
	}
	db, err := sql.Open("pgsplit", dsn)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// replicasServe waits until a handle knows all replicas of its cluster to be fit, and what the catalog says.
func replicasServe(t testing.TB, db *sql.DB, n int) {
	t.Helper()
	require.NoError(t, db.PingContext(t.Context()))
	require.NoError(t, pgsplit.ClusterOf(db).LoadCatalog(t.Context()))
	require.Eventually(t, func() bool {
		healthy := 0
		for _, s := range pgsplit.ClusterOf(db).Stats().Servers {
			if s.Role == pgsplit.RoleReplica && s.Healthy && s.LagKnown {
				healthy++
			}
		}
		return healthy == n
	}, 20*time.Second, 5*time.Millisecond)
}

// schemaKnown waits until a handle has read the catalog anew after a schema change: until then reads go to the primary.
func schemaKnown(t testing.TB, db *sql.DB) {
	t.Helper()
	require.Eventually(t, func() bool {
		return pgsplit.ClusterOf(db).Explain("select 1").Target == pgsplit.RoleReplica
	}, 20*time.Second, time.Millisecond)
}

func TestReadsGoToReplicasAndWritesToThePrimary(t *testing.T) {
	c := pgsplittest.Start(t, pgsplittest.Options{Replicas: 2})
	db := open(t, c.DSN())
	replicasServe(t, db, 2)
	within(t, db, 10*time.Second)

	_, err := db.ExecContext(t.Context(), "create table t (id int primary key, server int default inet_server_port())")
	require.NoError(t, err)
	var server int
	require.NoError(t, db.QueryRowContext(t.Context(), "insert into t values (1) returning server").Scan(&server))
	require.Equal(t, c.Primary.Port, server)
	schemaKnown(t, db)

	const reads = 1000
	served := map[int]int{}
	for range reads {
		served[who(t, db)]++
	}
	require.Zero(t, served[c.Primary.Port], "reads on the primary")
	for _, r := range c.Replicas {
		require.InDelta(t, reads/2, served[r.Port], reads/10, "an uneven spread: %v", served)
	}
}
