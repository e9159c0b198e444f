package pgsplit_test

import (
	"context"
	"database/sql"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
	"github.com/pgsplit/pgsplit/pgsplittest"
)

// traffic writes numbered rows and reads from the primary all the time. Statements may fail while no primary answers.
type traffic struct {
	db   *sql.DB
	test string
	next atomic.Int64 // the number of the last row
	done atomic.Int64 // rows whose writer was told that they are kept
	seen atomic.Int64 // reads of the primary
	l    *load
}

func startTraffic(t *testing.T, db *sql.DB) *traffic {
	t.Helper()
	f := &traffic{db: db, test: unique("traffic")}
	f.l = startLoad(t, 4, func(ctx context.Context) error {
		if _, err := db.ExecContext(ctx, "insert into entry (test, v) values ($1, $2)", f.test, f.next.Add(1)); err == nil {
			f.done.Add(1)
		}
		var port int
		if err := db.QueryRowContext(pgsplit.WithPrimary(ctx), "select inet_server_port()").Scan(&port); err == nil {
			f.seen.Add(1)
		}
		time.Sleep(time.Millisecond)
		return nil
	})
	return f
}

// more waits until n more rows were kept.
func (f *traffic) more(t *testing.T, n int64) {
	t.Helper()
	n += f.done.Load()
	eventually(t, func() bool { return f.done.Load() >= n }, "writes are stuck")
}

// rows is how many rows of it a server has, from a number on.
func (f *traffic) rows(t *testing.T, s *pgsplittest.Server, from int64) int {
	t.Helper()
	return atoi(t, ask(t, s, "select count(*) from entry where test = '%s' and v >= %d", f.test, from))
}

// How the primary in use may have hiccups, and how they end.
var hiccups = map[string]struct {
	begin, end func(*pgsplittest.Server) error
}{
	"frozen":       {(*pgsplittest.Server).Freeze, (*pgsplittest.Server).Thaw},
	"out of reach": {func(s *pgsplittest.Server) error { s.Proxy().BlackHole(); return nil }, heal},
	"cut and refused": {func(s *pgsplittest.Server) error {
		err := s.Proxy().Refuse()
		s.Proxy().Cut()
		return err
	}, heal},
}

func heal(s *pgsplittest.Server) error { return s.Proxy().Heal() }

// hiccup lasts until the monitor has noticed, has looked at the others again and again, and half a second more.
func hiccup(t *testing.T, db *sql.DB, c *pgsplittest.Cluster, s int, kind string, during func()) {
	t.Helper()
	server, cluster := c.Servers()[s], pgsplit.ClusterOf(db)
	require.NoError(t, hiccups[kind].begin(server))
	eventually(t, func() bool { return !cluster.Servers()[s].Healthy }, "the hiccup is not noticed: %s", kind)
	if during != nil {
		during()
	}
	for range 3 {
		asked := time.Now()
		for i, other := range cluster.Servers() {
			if i != s && other.Healthy {
				eventually(t, func() bool { return cluster.Servers()[i].Sampled.After(asked) })
			}
		}
	}
	time.Sleep(500 * time.Millisecond)
	require.NoError(t, hiccups[kind].end(server))
	eventually(t, func() bool { return cluster.Servers()[s].Healthy })
}

// Two standbys were promoted when their primary was lost: both are on one timeline, and neither has what the other has.
// Whoever is in use stays, also while it does not answer; nor does the primary of before get anything.
func TestAPrimaryThatHasHiccupsIsNotLeftForItsRival(t *testing.T) {
	c := pgsplittest.Start(t, pgsplittest.Options{Replicas: 2, SetupSQL: behaviourSchema, Proxy: true})
	db := handle(t, c, "monitor_interval=50ms", "monitor_timeout=200ms", "failover_timeout=30s")
	cluster := pgsplit.ClusterOf(db)
	former, used, rival := c.Primary, c.Replicas[0], c.Replicas[1]
	require.NoError(t, former.Stop())
	require.NoError(t, used.Promote())
	eventually(t, func() bool { return cluster.Servers()[1].InUse })
	f := startTraffic(t, db)
	f.more(t, 20)

	t.Run("promoted during a hiccup", func(t *testing.T) {
		hiccup(t, db, c, 1, "frozen", func() {
			require.NoError(t, rival.Promote())
			eventually(t, func() bool { return cluster.Servers()[2].Role == pgsplit.RolePrimary })
		})
		require.True(t, cluster.Servers()[1].InUse)
		f.more(t, 20)
	})
	require.Equal(t, cluster.Servers()[1].Timeline, cluster.Servers()[2].Timeline)
	for kind := range hiccups {
		t.Run(kind, func(t *testing.T) {
			hiccup(t, db, c, 1, kind, nil)
			require.True(t, cluster.Servers()[1].InUse)
			f.more(t, 20)
		})
	}
	t.Run("the primary of before is back", func(t *testing.T) {
		require.NoError(t, former.Start())
		eventually(t, func() bool { return cluster.Servers()[0].Healthy })
		hiccup(t, db, c, 1, "frozen", nil)
		f.more(t, 20)
	})
	f.l.end(t)
	t.Logf("%d rows sent, %d acknowledged, %d in the primary in use", f.next.Load(), f.done.Load(), f.rows(t, used, 0))
	require.Zero(t, f.rows(t, rival, 0), "writes on the rival")
	require.Zero(t, f.rows(t, former, 0), "writes on the primary of before")
	require.GreaterOrEqual(t, f.rows(t, used, 0), int(f.done.Load()))
	require.NotZero(t, f.seen.Load())
}
