package pgsplit_test

import (
	"context"
	"database/sql"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
	"github.com/pgsplit/pgsplit/pgsplittest"
)

// closesAtOnce closes a handle; that takes at most a second, and what a busy machine adds, whatever is under way.
func closesAtOnce(t testing.TB, db *sql.DB) {
	t.Helper()
	stalls := stallMeter(t)
	defer stalls.stop() // the caller counts goroutines
	begin := time.Now()
	closeSoon(t, db)
	took, withheld := time.Since(begin), stalls.since(begin)
	t.Logf("closed after %v, with stalls of %v", took, withheld)
	require.Less(t, took, 2*time.Second+withheld)
}

// endedSoon is what a statement that the closing has to end returns.
func endedSoon(t testing.TB, ended <-chan error) error {
	t.Helper()
	select {
	case err := <-ended:
		return err
	case <-time.After(20 * time.Second):
		assert.Fail(t, "what was under way does not end")
		return nil
	}
}

// What is under way when a handle is closed ends, and nothing of the handle is left: no goroutine, no connection.
func TestCloseIsBackWithinASecondAndLeavesNothing(t *testing.T) {
	c := pgsplittest.Start(t, pgsplittest.Options{Replicas: 1, Proxy: true, SetupSQL: behaviourSchema})
	r := c.Replicas[0]
	const many = "select g, repeat('x', 1000) from generate_series(1, 200000) g"
	const slowOnReplica = "select pg_sleep(case when pg_is_in_recovery() then 5 else 0 end)"
	reads := func(ctx context.Context, db *sql.DB, text string) <-chan error {
		ended := make(chan error, 1)
		go func() {
			rows, err := db.QueryContext(ctx, text)
			if err == nil {
				for rows.Next() {
				}
				err = rows.Err()
				rows.Close()
			}
			ended <- err
		}()
		return ended
	}
	for name, underWay := range map[string]func(t *testing.T, db *sql.DB) (end func()){
		"rows open on a replica": func(t *testing.T, db *sql.DB) func() {
			rows, err := db.QueryContext(t.Context(), many)
			require.NoError(t, err)
			require.True(t, rows.Next())
			return func() { require.NoError(t, rows.Close()) }
		},
		"rows open on the primary": func(t *testing.T, db *sql.DB) func() {
			rows, err := db.QueryContext(t.Context(), "/* pgsplit: primary */ "+many)
			require.NoError(t, err)
			require.True(t, rows.Next())
			return func() { require.NoError(t, rows.Close()) }
		},
		"rows open on a black-holed replica": func(t *testing.T, db *sql.DB) func() {
			rows, err := db.QueryContext(t.Context(), many)
			require.NoError(t, err)
			require.True(t, rows.Next())
			r.Proxy().BlackHole()
			return func() {
				require.NoError(t, r.Proxy().Heal())
				rows.Close()
			}
		},
		"a read waits on a black-holed replica": func(t *testing.T, db *sql.DB) func() {
			ended := reads(t.Context(), db, slowOnReplica)
			busy(t, c.Replicas, "pg_sleep")
			r.Proxy().BlackHole()
			return func() {
				endedSoon(t, ended) // the primary may have answered
				require.NoError(t, r.Proxy().Heal())
			}
		},
		"a cancelled read on a black-holed replica": func(t *testing.T, db *sql.DB) func() {
			ctx, cancel := contextWithCancel(t)
			ended := reads(ctx, db, slowOnReplica)
			busy(t, c.Replicas, "pg_sleep")
			r.Proxy().BlackHole()
			cancel()
			return func() {
				assert.ErrorIs(t, endedSoon(t, ended), context.Canceled)
				require.NoError(t, r.Proxy().Heal())
			}
		},
		"a first connection to a black-holed replica": func(t *testing.T, db *sql.DB) func() {
			r.Proxy().Cut()
			r.Proxy().BlackHole()
			ended := reads(t.Context(), db, "select 1")
			return func() {
				endedSoon(t, ended) // the primary may have answered
				require.NoError(t, r.Proxy().Heal())
			}
		},
		"a statement waits for a primary": func(t *testing.T, db *sql.DB) func() {
			require.NoError(t, c.Primary.Stop())
			ended := make(chan error, 2)
			go func() { _, err := db.ExecContext(t.Context(), "insert into entry (v) values (1)"); ended <- err }()
			go func() { _, err := db.BeginTx(t.Context(), nil); ended <- err }()
			eventually(t, func() bool { return !pgsplit.ClusterOf(db).Stats().Servers[0].Healthy }, "the stop is noticed")
			return func() {
				for range 2 {
					assert.Error(t, endedSoon(t, ended))
				}
				require.NoError(t, c.Primary.Start())
			}
		},
		"a statement waits on a black-holed primary": func(t *testing.T, db *sql.DB) func() {
			c.Primary.Proxy().BlackHole()
			ended := make(chan error, 1)
			go func() { ended <- db.PingContext(t.Context()) }()
			eventually(t, func() bool { return !pgsplit.ClusterOf(db).Stats().Servers[0].Healthy }, "it is noticed")
			return func() {
				require.NoError(t, c.Primary.Proxy().Heal())
				endedSoon(t, ended) // pgx waits for an answer as long as the context lets it
			}
		},
		"no server answers": func(t *testing.T, db *sql.DB) func() {
			for _, s := range c.Servers() {
				s.Proxy().BlackHole()
			}
			ended := reads(t.Context(), db, isReplicaSQL)
			return func() {
				for _, s := range c.Servers() {
					require.NoError(t, s.Proxy().Heal())
				}
				endedSoon(t, ended)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			db, application, before := closing(t, c, "monitor_interval=100ms", "monitor_timeout=1s", "failover_timeout=1m")
			replicasServe(t, db, 1)
			eventually(t, func() bool { return isReplica(t, db) }, "the replica serves")
			end := underWay(t, db)
			closesAtOnce(t, db)
			end()
			gone(t, c, application)
			quiet(t, before)
			require.NoError(t, c.WaitForCatchUp(), fmt.Sprint(name, ": the cluster is whole again"))
		})
	}
}

// A read that a healthy server is busy with is not taken away: with plain pgx it ends, too.
func TestAReadThatAHealthyServerIsBusyWithOutlivesClose(t *testing.T) {
	c := calm(t)
	gate := unique("gate")
	define(t, c, "create table "+gate+" as select 1 as way; grant select on "+gate+" to public", "drop table "+gate)
	for name, r := range map[string]struct {
		db   *sql.DB
		hint string
		on   []*pgsplittest.Server
	}{
		"pgx":                    {plain(t, c.Replicas[0].DSN()), "", c.Replicas},
		"pgsplit on a replica":   {handle(t, c, "balancer=round_robin"), "", c.Replicas},
		"pgsplit on the primary": {handle(t, c), "/* pgsplit: primary */ ", []*pgsplittest.Server{c.Primary}},
	} {
		text := r.hint + "select pg_is_in_recovery() from " + gate
		read := func() (replica bool, err error) {
			err = r.db.QueryRowContext(t.Context(), text).Scan(&replica)
			return replica, err
		}
		for range 4 { // so that it is prepared on each server: what is prepared does not wait for the lock before it executes
			eventually(t, func() bool {
				replica, err := read()
				require.NoError(t, err)
				return replica == (r.on[0] != c.Primary)
			}, name)
		}
		keeper := direct(t, c.Primary)
		_, err := keeper.Exec(t.Context(), "begin; lock table "+gate+" in access exclusive mode")
		require.NoError(t, err)
		require.NoError(t, c.Primary.Exec("insert into entry (test) values ('gate')")) // sends the lock to the replicas, too
		require.NoError(t, c.WaitForCatchUp())
		ended := make(chan error, 1)
		go func() { _, err := read(); ended <- err }()
		busy(t, r.on, gate)
		closesAtOnce(t, r.db)
		select {
		case err := <-ended:
			require.NoError(t, err, "%s: the read ended with Close", name)
			require.Fail(t, "the read ended before Close was back: this shows nothing")
		default:
		}
		_, err = keeper.Exec(t.Context(), "commit")
		require.NoError(t, err)
		require.NoError(t, endedSoon(t, ended), name)
	}
}
