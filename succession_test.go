package pgsplit_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
	"github.com/pgsplit/pgsplit/pgsplittest"
)

// A standby that is promoted while its primary has hiccups is on a higher timeline: writes go there, and to nobody else from then on.
func TestAPrimaryThatHasHiccupsIsLeftForItsSuccessor(t *testing.T) {
	for kind := range hiccups {
		t.Run(kind, func(t *testing.T) {
			c := pgsplittest.Start(t, pgsplittest.Options{Replicas: 1, SetupSQL: behaviourSchema, Proxy: true})
			db := handle(t, c, "monitor_interval=50ms", "monitor_timeout=200ms", "failover_timeout=30s")
			cluster := pgsplit.ClusterOf(db)
			former, next := c.Primary, c.Replicas[0]
			f := startTraffic(t, db)
			f.more(t, 20)
			var from int64
			hiccup(t, db, c, 0, kind, func() {
				require.NoError(t, next.Promote())
				eventually(t, func() bool { return cluster.Servers()[1].InUse })
				from = f.next.Load() + 1 // what was sent before may have been under way on the former one
				f.more(t, 20)
			})
			f.more(t, 20)
			f.l.end(t)
			require.True(t, cluster.Servers()[1].InUse)
			require.Zero(t, f.rows(t, former, from), "writes on the former primary")
			require.NotZero(t, f.rows(t, next, from))
		})
	}
}

// Whoever holds a connection to the former primary, which still runs, is told: what is written there is lost, whatever that
// server says.
func TestWhatIsHeldOnAPrimaryThatHasASuccessorIsNotKeptThere(t *testing.T) {
	c := separate(t, 1)
	db := handle(t, c, "monitor_interval=50ms")
	former := c.Primary
	conn, tx, pinned := connOf(t, db), begin(t, t.Context(), db, nil), connOf(t, db)
	execAll(t, conn, "insert into entry (test) values ('before')")
	execAll(t, tx, "insert into entry (test) values ('in the transaction')")
	execAll(t, pinned, "set app.x = 'pinned'")
	slow := make(chan error, 1)
	go func() {
		_, err := db.ExecContext(context.Background(), "insert into entry (test) select 'under way' from pg_sleep(60)")
		slow <- err
	}()
	eventually(t, func() bool {
		return ask(t, former, "select count(*) from pg_stat_activity where wait_event = 'PgSleep'") == "1"
	})
	require.NoError(t, c.Replicas[0].Promote()) // tells nobody
	eventually(t, func() bool { return pgsplit.ClusterOf(db).Servers()[1].InUse })

	select {
	case err := <-slow:
		require.Error(t, err)
	case <-time.After(30 * time.Second):
		require.Fail(t, "it waits for the former primary")
	}
	_, err := conn.ExecContext(t.Context(), "insert into entry (test) values ('after')")
	require.Error(t, err)
	require.Error(t, tx.Commit())
	_, err = pinned.ExecContext(t.Context(), "insert into entry (test) values ('after')")
	require.Error(t, err)
	execAll(t, db, "insert into entry (test) values ('kept')")
	require.Equal(t, "0", ask(t, former, "select count(*) from entry where test in ('after', 'in the transaction', 'kept')"))
	require.Equal(t, "1", ask(t, c.Replicas[0], "select count(*) from entry where test = 'kept'"))
}
