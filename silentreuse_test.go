package pgsplit_test

import (
	"context"
	"database/sql"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
	"github.com/pgsplit/pgsplit/pgsplittest"
)

// silences are the ways in which a server can stop answering without a word.
var silences = map[string]struct {
	begin, end func(*pgsplittest.Server) error
}{
	"frozen": {(*pgsplittest.Server).Freeze, (*pgsplittest.Server).Thaw},
	"black hole": {
		func(s *pgsplittest.Server) error { s.Proxy().BlackHole(); return nil },
		func(s *pgsplittest.Server) error { return s.Proxy().Heal() },
	},
}

// A connection that lies idle when its server goes silent looks as good as new. What first uses it must not wait for
// long, nor fail; with all monitors asleep it is on its own.
func TestTheFirstUseOfAnIdleConnectionToASilentReplicaIsHealed(t *testing.T) {
	c := pgsplittest.Start(t, pgsplittest.Options{Replicas: 1, Proxy: true, SetupSQL: behaviourSchema})
	r := c.Replicas[0]
	const timeout = 300 * time.Millisecond
	for name, silence := range silences {
		for how, use := range firstUses {
			for _, idle := range []string{"for long", "a moment ago"} {
				t.Run(fmt.Sprint(name, "/", how, "/", idle), func(t *testing.T) {
					// A ping tells of a connection that was idle for more than a second, the monitor of others.
					interval := "1h"
					if idle != "for long" {
						interval = "200ms"
					}
					db := open(t, dsnWith(c.DSN(), "max_lag=0", "read_only_tx=replica", "monitor_interval="+interval, "monitor_timeout="+timeout.String()))
					db.SetMaxOpenConns(1)
					replicasServe(t, db, 1)
					eventually(t, func() bool { return isReplica(t, db) })
					require.Equal(t, 1, pgsplit.ClusterOf(db).Stats().Servers[1].Idle)
					if idle == "for long" {
						time.Sleep(1100 * time.Millisecond)
					} else {
						require.True(t, isReplica(t, db))
					}
					require.NoError(t, silence.begin(r))
					defer func() { require.NoError(t, silence.end(r)) }()
					ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
					defer cancel()
					begin := time.Now()
					require.False(t, use(t, ctx, db), "the primary answers")
					took := time.Since(begin)
					t.Logf("after %v", took)
					require.Less(t, took, 5*time.Second, "bounded by monitor_interval and monitor_timeout, and what a busy machine adds")
					require.NoError(t, db.PingContext(ctx))
				})
			}
		}
	}
}

// firstUses return whether a replica has answered.
var firstUses = map[string]func(t testing.TB, ctx context.Context, db *sql.DB) bool{
	"query": func(t testing.TB, ctx context.Context, db *sql.DB) (replica bool) {
		require.NoError(t, db.QueryRowContext(ctx, isReplicaSQL).Scan(&replica))
		return replica
	},
	"prepare": func(t testing.TB, ctx context.Context, db *sql.DB) (replica bool) {
		stmt, err := db.PrepareContext(ctx, isReplicaSQL)
		require.NoError(t, err)
		defer stmt.Close()
		require.NoError(t, stmt.QueryRowContext(ctx).Scan(&replica))
		return replica
	},
	"read-only transaction": func(t testing.TB, ctx context.Context, db *sql.DB) (replica bool) {
		tx, err := db.BeginTx(ctx, readOnly)
		require.NoError(t, err)
		require.NoError(t, tx.QueryRowContext(ctx, isReplicaSQL).Scan(&replica))
		require.NoError(t, tx.Commit())
		return replica
	},
}
