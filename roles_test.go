package pgsplit_test

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
	"github.com/pgsplit/pgsplit/pgsplittest"
)

// separate is a cluster of the test's own, for what a shared one does not survive.
func separate(t *testing.T, replicas int, parameters ...string) *pgsplittest.Cluster {
	t.Helper()
	opts := pgsplittest.Options{Replicas: replicas, SetupSQL: behaviourSchema, Parameters: map[string]string{}}
	for _, p := range parameters {
		name, value, _ := strings.Cut(p, "=")
		opts.Parameters[name] = value
	}
	return pgsplittest.Start(t, opts)
}

func TestStaticRolesAreTakenAsConfigured(t *testing.T) {
	t.Parallel()
	one, two := separate(t, 0), separate(t, 0) // two primaries: as a logical replica is
	dsn := dsnWith(one.Primary.DSN(), fmt.Sprintf("replicas=postgres%%3A%%2F%%2F%s%%3A%s%%40127.0.0.1%%3A%d%%2Fapp", two.User, two.Password, two.Primary.Port),
		"roles=static", "monitor_interval=100ms", "failover_timeout=200ms")
	db := open(t, dsn)
	require.NoError(t, pgsplit.ClusterOf(db).LoadCatalog(t.Context()))
	eventually(t, func() bool { return who(t, db) == two.Primary.Port })
	for range 20 {
		require.Equal(t, two.Primary.Port, who(t, db))
	}
	execAll(t, db, "insert into entry (test) values ('static')")
	require.Equal(t, "1", ask(t, one.Primary, "select count(*) from entry where test = 'static'"))
	require.Equal(t, "0", ask(t, two.Primary, "select count(*) from entry"))
	servers := pgsplit.ClusterOf(db).Servers()
	require.Equal(t, []pgsplit.Role{pgsplit.RolePrimary, pgsplit.RoleReplica}, []pgsplit.Role{servers[0].Role, servers[1].Role})
	require.False(t, servers[1].LagKnown)
	got := who2(t, db, pgsplit.WithMaxLag(t.Context(), time.Hour))
	require.Equal(t, one.Primary.Port, got, "a lag that is unknown is within no bound")

	// It is watched: a read that is lost with it is repeated, and when it comes back it is used again.
	require.NoError(t, two.Primary.Kill())
	for range 20 {
		require.Equal(t, one.Primary.Port, who(t, db))
	}
	eventually(t, func() bool { return !pgsplit.ClusterOf(db).Servers()[1].Healthy })
	require.NoError(t, two.Primary.Start())
	eventually(t, func() bool { return who(t, db) == two.Primary.Port })

	// Nothing else becomes the primary.
	require.NoError(t, one.Primary.Stop())
	_, err := db.ExecContext(t.Context(), "insert into entry (test) values ('lost')")
	require.Error(t, err)
	require.Equal(t, two.Primary.Port, who(t, db))
	require.Equal(t, "0", ask(t, two.Primary, "select count(*) from entry"))
	require.NoError(t, one.Primary.Start())
	eventually(t, func() bool {
		_, err := db.ExecContext(t.Context(), "insert into entry (test) values ('again')")
		return err == nil
	})
}

func who2(t testing.TB, db *sql.DB, ctx context.Context) (port int) {
	t.Helper()
	require.NoError(t, db.QueryRowContext(ctx, "select inet_server_port()").Scan(&port))
	return port
}

// Without the rights of pg_monitor a standby's timeline is learnt late, with them at once; lag and reads are the same.
func TestSamplesNeedNoSpecialRights(t *testing.T) {
	t.Parallel()
	c := separate(t, 2)
	require.NoError(t, c.Primary.Exec("create role watcher login password 'watcher' in role pg_monitor"))
	require.NoError(t, c.WaitForCatchUp())
	plain := handle(t, c, "monitor_interval=100ms", "read_your_writes=strict")
	watcher := open(t, as(t, dsnWith(c.DSN(), "monitor_interval=100ms", "monitor_timeout=10s", "read_your_writes=strict"), "watcher", "watcher"))
	replicasServe(t, watcher, 2)
	require.NoError(t, c.Promote(c.Replicas[0]))

	timeline := func(db *sql.DB, i int) uint32 { return pgsplit.ClusterOf(db).Servers()[i].Timeline }
	for name, db := range map[string]*sql.DB{"ordinary": plain, "pg_monitor": watcher} {
		eventually(t, func() bool {
			_, err := db.ExecContext(t.Context(), "insert into entry (test) values ('on')")
			return err == nil && pgsplit.ClusterOf(db).Servers()[1].InUse
		}, name)
		require.EqualValues(t, 2, timeline(db, 1), "%s: a primary's timeline is known at once", name)
		eventually(t, func() bool { return pgsplit.ClusterOf(db).Servers()[0].Role == pgsplit.RoleReplica }, "the former primary is a replica now")
	}
	eventually(t, func() bool { return timeline(watcher, 2) == 2 && timeline(watcher, 0) == 2 }, "the WAL receiver's timeline")
	eventually(t, func() bool { return isReplica(t, watcher) }, "a proven replica serves what needs a mark")
	before := timeline(plain, 2)
	for range 50 {
		by := who(t, plain)
		if timeline(plain, 2) == 1 { // no restartpoint since
			require.NotEqual(t, c.Replicas[1].Port, by, "a standby whose timeline is not proven has served a read that needs a mark")
		}
	}
	require.NoError(t, c.CurrentPrimary().Exec("checkpoint"))
	require.NoError(t, c.WaitForCatchUp())
	for _, i := range []int{0, 2} {
		require.NoError(t, c.Servers()[i].Exec("checkpoint"))
	}
	eventually(t, func() bool { return timeline(plain, 2) == 2 }, "the timeline of the last restartpoint")
	eventually(t, func() bool { return isReplica(t, plain) })
	t.Logf("timeline of the other standby right after the failover: ordinary role %d, pg_monitor 2; after a restartpoint 2", before)
}

func TestAServerThatTellsNoPositionsIsUsedAndItsLagUnknown(t *testing.T) {
	t.Parallel()
	c := separate(t, 1, "log_statement=all")
	require.NoError(t, c.Primary.Exec("revoke execute on function pg_last_wal_replay_lsn() from public"))
	require.NoError(t, c.WaitForCatchUp())
	db := open(t, dsnWith(c.DSN(), "monitor_interval=100ms", "monitor_timeout=10s", "max_lag=1s"))
	require.NoError(t, pgsplit.ClusterOf(db).LoadCatalog(t.Context()))
	eventually(t, func() bool { return isReplica(t, db) })
	s := pgsplit.ClusterOf(db).Servers()[1]
	require.True(t, s.Healthy)
	require.False(t, s.LagKnown)
	got, err := asksReplica(db, pgsplit.WithMaxLag(t.Context(), time.Hour))
	require.NoError(t, err)
	require.Equal(t, "primary", got)
	// What it refuses is not asked for again and again: twice, by the monitor and by the connection of the reads.
	eventually(t, func() bool { return strings.Count(c.Replicas[0].Log(), "pgsplit sample") > 20 })
	require.LessOrEqual(t, strings.Count(c.Replicas[0].Log(), "pg_last_wal_replay_lsn() else"), 8)
}

// A name that leads to several servers, as a load balancer over readers does: nobody knows whose the positions are.
func TestANameOfSeveralServersIsUsedAndItsLagUnknown(t *testing.T) {
	c := calm(t)
	port := readerAddress(t, c.Replicas)
	db := open(t, dsnWith(c.Primary.DSN(), fmt.Sprintf("replicas=127.0.0.1:%d", port), "monitor_interval=50ms", "monitor_timeout=10s",
		"max_lag=1s", "pool_max_conn_lifetime=20ms", "read_your_writes=strict", "stick_after_write=30ms"))
	require.NoError(t, pgsplit.ClusterOf(db).LoadCatalog(t.Context()))
	served := map[int]bool{}
	eventually(t, func() bool {
		served[who(t, db)] = true
		s := pgsplit.ClusterOf(db).Servers()[1]
		return served[c.Replicas[0].Port] && served[c.Replicas[1].Port] && s.Healthy && !s.LagKnown
	})
	execAll(t, db, "insert into entry (v) values (1)")
	for range 20 {
		require.Equal(t, c.Primary.Port, who(t, db), "nobody can tell whether it has the write, now or later")
		time.Sleep(5 * time.Millisecond)
	}
}

// readerAddress forwards each connection to the next of some servers.
func readerAddress(t *testing.T, servers []*pgsplittest.Server) (port int) {
	t.Helper()
	var turn atomic.Int64
	return address(t, func() *pgsplittest.Server { return servers[int(turn.Add(1))%len(servers)] })
}

// address forwards each connection to the server that next says.
func address(t *testing.T, next func() *pgsplittest.Server) (port int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", next().Port))
			if err != nil {
				client.Close()
				continue
			}
			pipe := func(to, from net.Conn) {
				buf := make([]byte, 32<<10)
				for {
					n, err := from.Read(buf)
					if n > 0 {
						to.Write(buf[:n])
					}
					if err != nil {
						to.Close()
						return
					}
				}
			}
			go pipe(server, client)
			go pipe(client, server)
		}
	}()
	return l.Addr().(*net.TCPAddr).Port
}

// An idle transaction that has written holds WAL back that no replica can have: that is no lag.
func TestAnIdleOpenTransactionTakesNoReplicaOut(t *testing.T) {
	c := calm(t)
	for name, prepare := range map[string]string{
		"that wrote little": "select 1",
		// The first change after a checkpoint logs a whole page, which the server cuts in two when it flushes whole pages.
		"that wrote a page": "insert into entry (test) select repeat('x', 17) from generate_series(1, 1050); checkpoint",
	} {
		t.Run(name, func(t *testing.T) { idleTransaction(t, c, prepare) })
	}
}

func idleTransaction(t *testing.T, c *pgsplittest.Cluster, prepare string) {
	require.NoError(t, c.Primary.Exec(prepare))
	require.NoError(t, c.WaitForCatchUp())
	db := handle(t, c, "max_lag=200ms", "monitor_interval=50ms")
	conn := direct(t, c.Primary)
	_, err := conn.Exec(t.Context(), "begin; insert into entry (test) values ('idle')")
	require.NoError(t, err)
	defer conn.Exec(context.Background(), "rollback")
	worst := time.Duration(0)
	ctx, tr := follow(t.Context())
	for end := time.Now().Add(2500 * time.Millisecond); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		for _, s := range pgsplit.ClusterOf(db).Servers()[1:] {
			worst = max(worst, s.Lag)
		}
		firstValue(t, ctx, db, isReplicaSQL)
	}
	routes, _ := tr.take()
	behind := 0
	for _, r := range routes {
		if r.Reason == pgsplit.ReasonLag {
			behind++
		}
	}
	t.Logf("an idle open transaction: lag at most %v, %d of %d reads on the primary for lag", worst, behind, len(routes))
	require.Less(t, behind, len(routes)/2, "if that were lag, nine in ten would be; a busy machine lets a replica lag for a moment")
}
