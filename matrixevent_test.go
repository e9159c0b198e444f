package pgsplit_test

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit/pgsplittest"
)

// replicaEvents hurt replicas only: nothing of it may reach the application.
var replicaEvents = []event{
	{name: "replica killed, started again", do: func(ep *episode) {
		ep.hurt((*pgsplittest.Server).Kill, ep.replica())
		ep.leaves()
		ep.mend((*pgsplittest.Server).Start)
	}},
	{name: "replica stopped fast, started again", do: func(ep *episode) {
		ep.hurt((*pgsplittest.Server).Stop, ep.replica())
		ep.leaves()
		ep.mend((*pgsplittest.Server).Start)
	}},
	{name: "replica restarted", do: func(ep *episode) {
		ep.hurt((*pgsplittest.Server).Restart, ep.replica())
		ep.goOn()
		ep.mend((*pgsplittest.Server).WaitReady)
	}},
	{name: "replica restarted, far behind", do: func(ep *episode) {
		// It comes back at its last restartpoint, with many commits missing that it had replayed already.
		v := ep.replica()
		for range 2000 {
			ep.load.burst()
		}
		require.NoError(ep.t, ep.cluster.WaitForCatchUp())
		ep.hurt(func(s *pgsplittest.Server) error { return goBack(s, immediately) }, v)
		require.Less(ep.t, ep.burstsOn(v), ep.load.bursts, "the replica has not gone back, so nothing is put to the test")
		ep.goOn()
		require.Less(ep.t, ep.burstsOn(v), ep.load.bursts, "the replica has caught up too soon")
		ep.mend(func(s *pgsplittest.Server) error { return s.SetApplyDelay(0) })
	}},
	{name: "replica frozen (SIGSTOP)", do: func(ep *episode) {
		ep.hurt((*pgsplittest.Server).Freeze, ep.replica())
		ep.leaves()
		ep.silent()
		ep.mend((*pgsplittest.Server).Thaw)
	}},
	{name: "replica cut off silently", do: func(ep *episode) {
		ep.hurt(func(s *pgsplittest.Server) error { s.Proxy().BlackHole(); return nil }, ep.replica())
		ep.leaves()
		ep.silent()
		ep.mend(func(s *pgsplittest.Server) error { return s.Proxy().Heal() })
	}},
	{name: "replica cut off with resets", do: func(ep *episode) {
		ep.hurt(func(s *pgsplittest.Server) error {
			err := s.Proxy().Refuse()
			s.Proxy().Cut()
			return err
		}, ep.replica())
		ep.leaves()
		ep.mend(func(s *pgsplittest.Server) error { return s.Proxy().Heal() })
	}},
	{name: "replica full (53300)", do: func(ep *episode) {
		free := func() {}
		ep.hurt(func(s *pgsplittest.Server) error {
			free = hog(ep, s)
			return nil
		}, ep.replica())
		eventually(ep.t, func() bool { return ep.load.seen.healed.Load() > ep.healed }, "nobody has met a full server")
		ep.goOn()
		ep.logged("FATAL:  sorry, too many clients already", "FATAL:  remaining connection slots")
		ep.mend(func(*pgsplittest.Server) error { free(); return nil })
	}},
	{name: "replica starting (57P03)", do: func(ep *episode) {
		// A server that looks into a slow archive takes connections only to refuse them.
		ep.hurt(func(s *pgsplittest.Server) error {
			if _, err := s.SetParameter("restore_command", "sleep 0.3; false"); err != nil {
				return err
			}
			return s.Restart()
		}, ep.replica())
		ep.logged("FATAL:  the database system is starting up", "FATAL:  the database system is not yet accepting connections")
		ep.mend(func(s *pgsplittest.Server) error {
			_, err := s.SetParameter("restore_command", "")
			return err
		})
	}},
	{name: "a process of a replica crashes", do: func(ep *episode) {
		ep.hurt(crashBackend, ep.replica())
		ep.goOn()
		ep.mend((*pgsplittest.Server).WaitReady)
	}},
	{name: "replay paused", do: func(ep *episode) {
		ep.hurt((*pgsplittest.Server).PauseReplay, ep.replica())
		ep.leaves()
		ep.mend((*pgsplittest.Server).ResumeReplay)
	}},
	{name: "lag beyond max_lag", do: func(ep *episode) {
		ep.hurt(func(s *pgsplittest.Server) error { return s.SetApplyDelay(3 * time.Second) }, ep.replica())
		ep.leaves()
		ep.mend(func(s *pgsplittest.Server) error { return s.SetApplyDelay(0) })
	}},
	{name: "recovery conflicts (vacuum, DDL)", do: func(ep *episode) {
		before := conflicts(ep)
		ep.hurt(func(*pgsplittest.Server) error { return nil }, ep.replicas()...)
		for deadline := ep.begin.Add(20 * time.Second); conflicts(ep) < before+20 && time.Now().Before(deadline); {
			for _, text := range []string{
				"update churn set n = n + 1", "vacuum churn", "alter table churn alter n set default 1", "vacuum full churn",
			} {
				require.NoError(ep.t, ep.cluster.CurrentPrimary().Exec(text))
			}
		}
		require.GreaterOrEqual(ep.t, conflicts(ep), before+20, "no conflicts, so nothing was put to the test")
		ep.mend(func(*pgsplittest.Server) error { return nil })
	}},
	{name: "all replicas gone, then back", do: func(ep *episode) {
		ep.hurt((*pgsplittest.Server).Kill, ep.replicas()...)
		ep.leaves()
		ep.mend((*pgsplittest.Server).Start)
	}},
	{name: "all replicas silent, then back", do: func(ep *episode) {
		ep.hurt(func(s *pgsplittest.Server) error { s.Proxy().BlackHole(); return nil }, ep.replicas()...)
		ep.leaves()
		ep.silent()
		ep.mend(func(s *pgsplittest.Server) error { return s.Proxy().Heal() })
	}},
}

// burstsOn is up to which of the load's bursts a server has them all. One that has gone back may be of before the table.
func (ep *episode) burstsOn(s *pgsplittest.Server) int64 {
	if ask(ep.t, s, "select coalesce(to_regclass('ledger')::text, '')") == "" {
		return 0
	}
	return int64(atoi(ep.t, ask(ep.t, s, "select coalesce(max(id), 0) from ledger where worker = %d", ep.load.workers)))
}

// silent waits until the reads that were caught on a silent server have come free, and checks that this was soon. The
// bound is that of the defaults, a second and a half for each server on which a read can be caught, and what a busy machine needs.
func (ep *episode) silent() {
	ep.t.Helper()
	const bound = 1500 * time.Millisecond
	last := ep.begin.Add(ep.left).UnixNano()
	eventually(ep.t, func() bool {
		for i := range ep.load.pending {
			if at := ep.load.pending[i].Load(); at != 0 && at <= last {
				return false
			}
		}
		return true
	}, "reads are caught on the silent server")
	ep.load.mu.Lock()
	slow := ep.load.slow
	ep.load.mu.Unlock()
	withheld := ep.stalls.since(ep.begin)
	if slow > time.Duration(len(ep.victims))*bound+busyMachine+withheld {
		ep.t.Errorf("a read that was caught on the silent server took %v", slow)
	}
	if ep.left > bound+busyMachine+withheld {
		ep.t.Errorf("reads were sent to the silent server for %v", ep.left)
	}
}

// busyMachine is what tests with a bound in time allow for a machine that has other things to do.
const busyMachine = time.Second

// logged waits until a victim has logged one of the texts since the event began.
func (ep *episode) logged(texts ...string) {
	ep.t.Helper()
	since := ep.begin.UTC().Format("2006-01-02 15:04:05")
	for _, v := range ep.victims {
		eventually(ep.t, func() bool {
			for line := range strings.Lines(v.Log()) {
				for _, text := range texts {
					if line >= since && strings.Contains(line, text) {
						return true
					}
				}
			}
			return false
		}, "%s has not logged any of %q", v.Name, texts)
	}
}

// hog takes all connections of a server, in place of those of the load, until free is called. The monitors keep theirs.
func hog(ep *episode, s *pgsplittest.Server) (free func()) {
	ctx, cancel := context.WithCancel(context.Background())
	super, err := pgx.Connect(ctx, s.SuperDSN())
	require.NoError(ep.t, err)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			var held []*pgx.Conn
			for ctx.Err() == nil {
				conn, err := pgx.Connect(ctx, s.SuperDSN())
				if err != nil {
					select {
					case <-ctx.Done():
					case <-time.After(2 * time.Millisecond):
					}
					continue
				}
				held = append(held, conn)
			}
			for _, conn := range held {
				conn.Close(context.Background())
			}
		})
	}
	free = sync.OnceFunc(func() { cancel(); wg.Wait() })
	ep.t.Cleanup(free)
	ep.logged("FATAL:  sorry, too many clients already")
	const others = "select count(pg_terminate_backend(pid)) from pg_stat_activity where usename <> current_user and application_name !~ 'pgsplit monitor'"
	_, err = super.Exec(ctx, others)
	require.NoError(ep.t, err)
	require.NoError(ep.t, super.Close(ctx))
	return free
}

// crashBackend kills one process of a server, whereupon it ends all connections and recovers.
func crashBackend(s *pgsplittest.Server) error {
	conn, err := pgx.Connect(context.Background(), s.SuperDSN())
	if err != nil {
		return err
	}
	defer conn.Close(context.Background())
	return s.KillBackend(int(conn.PgConn().PID()))
}

// conflicts is how many statements the replicas have cancelled in favour of recovery.
func conflicts(ep *episode) (n int) {
	for _, r := range ep.replicas() {
		n += atoi(ep.t, ask(ep.t, r, "select confl_lock + confl_snapshot from pg_stat_database_conflicts where datname = current_database()"))
	}
	return n
}

// primaryEvents hurt the primary, or move it.
var primaryEvents = []event{
	{name: "answers of the primary lost", noPrimary: true, do: func(ep *episode) {
		// With the answers long under way, what has been executed is not known to have been when the connections break.
		proxy := ep.cluster.CurrentPrimary().Proxy()
		proxy.Latency(100 * time.Millisecond)
		ep.goOn()
		proxy.Cut()
		require.NoError(ep.t, proxy.Heal())
		ep.goOn()
	}},
	{name: "planned switchover", noPrimary: true, do: func(ep *episode) {
		old, next := ep.cluster.CurrentPrimary(), ep.replica()
		ep.begin = time.Now()
		ep.promote(next) // stops the old primary first, and makes it a replica
		ep.serving(old)
	}},
	{name: "primary killed, replica promoted", noPrimary: true, do: func(ep *episode) {
		old, next := ep.cluster.CurrentPrimary(), ep.replica()
		// What the primary has acknowledged alone is lost with it; that is not the driver's affair.
		_, err := old.SetParameter("synchronous_standby_names", next.Name)
		require.NoError(ep.t, err)
		ep.goOn()
		ep.begin = time.Now()
		require.NoError(ep.t, old.Kill())
		if !ep.load.strict {
			reads := ep.load.seen.reads.Load()
			eventually(ep.t, func() bool { return ep.load.seen.reads.Load() > reads+enoughReads }, "reads do not go on without a primary")
		}
		ep.promote(next)
		ep.victims = []*pgsplittest.Server{old}
		ep.mend(func(s *pgsplittest.Server) error {
			if _, err := s.SetParameter("synchronous_standby_names", ""); err != nil {
				return err
			}
			return s.Follow(next)
		})
	}},
}

// promote moves the role of the primary to a replica, and measures how soon after that writes come through again.
func (ep *episode) promote(next *pgsplittest.Server) {
	ep.t.Helper()
	seen := &ep.load.seen
	done := make(chan error, 1)
	seen.resumed.Store(0)
	go func() { done <- ep.cluster.Promote(next) }()
	eventually(ep.t, func() bool {
		recovering, err := next.QueryString("select pg_is_in_recovery()")
		return err == nil && recovering == "f"
	}, "the replica is not promoted")
	promoted := time.Now()
	seen.promoted.Store(promoted.UnixNano())
	require.NoError(ep.t, <-done)
	eventually(ep.t, func() bool { return seen.resumed.Load() > 0 }, "writes do not come back")
	seen.promoted.Store(0)
	ep.resumed = time.Duration(seen.resumed.Load())
	const bound = 2*time.Second + busyMachine
	if ep.resumed > bound+ep.stalls.since(promoted) {
		ep.t.Errorf("writes came back %v after the promotion", ep.resumed)
	}
	ep.goOn()
}
