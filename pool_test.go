package pgsplit_test

import (
	"context"
	"database/sql"
	"errors"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
)

// serverStats are the numbers of one server, by its place in the DSN: 0 is the primary.
func serverStats(db *sql.DB, i int) pgsplit.ServerStats {
	return pgsplit.ClusterOf(db).Stats().Servers[i]
}

// burst has n statements under way at once on the primary, and n reads.
func burst(t testing.TB, db *sql.DB, n int) {
	t.Helper()
	var wg sync.WaitGroup
	for i := range 2 * n {
		wg.Go(func() {
			hint := []string{"", "/* pgsplit: primary */ "}[i%2]
			_, err := db.ExecContext(t.Context(), "select 1")
			assert.NoError(t, err)
			assert.NoError(t, db.QueryRowContext(t.Context(), hint+"select 1 from pg_sleep(0.3)").Scan(new(int)))
		})
	}
	wg.Wait()
}

func TestWhatABurstOpenedIsGivenBack(t *testing.T) {
	c := calm(t)
	application := unique("burst")
	db := handle(t, c, "pool_health_check_period=300ms", "application_name="+application)
	db.SetMaxIdleConns(100) // database/sql keeps its driver connections; they hold no server's
	burst(t, db, 20)
	require.Greater(t, serverStats(db, 0).Opened, int64(10))
	// A little goes on, and needs no more than one at a time.
	l := startLoad(t, 1, func(ctx context.Context) error {
		return errors.Join(db.QueryRowContext(ctx, "select 1").Scan(new(int)), db.PingContext(ctx))
	})
	eventually(t, func() bool {
		for i := range c.Servers() {
			if serverStats(db, i).Open > 3 { // one in use and two to spare
				return false
			}
		}
		return true
	}, "the burst's connections stay")
	for _, s := range c.Servers() {
		eventually(t, func() bool { return atoi(t, connections(t, s, application)) <= 5 }, "on the server: three, the monitor's, the catalog's")
	}
	l.end(t)
}

func TestASteadyLoadKeepsItsConnections(t *testing.T) {
	const goroutines = 8
	db := handle(t, calm(t), "pool_health_check_period=50ms")
	l := startLoad(t, goroutines, func(ctx context.Context) error { // database/sql's default pool: two idle
		return db.QueryRowContext(ctx, "/* pgsplit: primary */ select 1 from pg_sleep(0.005)").Scan(new(int))
	})
	begin := time.Now()
	l.more(t, 200)
	for time.Since(begin) < 500*time.Millisecond { // ten looks
		l.more(t, 100)
	}
	l.end(t)
	require.LessOrEqual(t, serverStats(db, 0).Opened, int64(3*goroutines), "they come and go in %d operations", l.done.Load())
}

func TestConnectionsGoWhenTheirTimeHasCome(t *testing.T) {
	for _, param := range []string{"pool_max_conn_lifetime=400ms", "pool_max_conn_idle_time=400ms", "pool_max_conn_lifetime=400ms&pool_max_conn_lifetime_jitter=100ms"} {
		db := handle(t, calm(t), param)
		db.SetMaxIdleConns(100)
		burst(t, db, 4)
		eventually(t, func() bool { return serverStats(db, 0).Open == 0 }, "%s: nobody uses them", param)
		burst(t, db, 1)
	}
}

func TestALifetimeEndsConnectionsThatAreInUseAllTheTime(t *testing.T) {
	db := handle(t, calm(t), "pool_max_conn_lifetime=200ms")
	db.SetMaxOpenConns(1)
	pids := map[string]bool{}
	eventually(t, func() bool {
		pids[pidOf(t, db)] = true
		return len(pids) > 2
	}, "it is always the same one")
}

func TestStatementsAreCountedBeyondTheLivesOfTheirConnections(t *testing.T) {
	db := handle(t, calm(t), "pool_max_conn_lifetime=50ms")
	before := serverStats(db, 0)
	n := int64(0)
	eventually(t, func() bool {
		execAll(t, db, "select 1")
		n++
		require.Equal(t, before.Total()+n, serverStats(db, 0).Total())
		return serverStats(db, 0).Opened >= before.Opened+3
	})
	eventually(t, func() bool { return serverStats(db, 0).Open == 0 })
	require.Equal(t, before.Total()+n, serverStats(db, 0).Total())
}

func TestTheLimitsOfDatabaseSQLWorkThroughToTheServers(t *testing.T) {
	t.Run("SetConnMaxIdleTime", func(t *testing.T) {
		db := handle(t, calm(t))
		db.SetMaxIdleConns(100)
		burst(t, db, 8)
		require.NotZero(t, serverStats(db, 0).Idle)
		db.SetConnMaxIdleTime(1100 * time.Millisecond)
		eventually(t, func() bool {
			return serverStats(db, 0).Open == 0 && serverStats(db, 1).Open == 0 && serverStats(db, 2).Open == 0
		}, "%+v", pgsplit.ClusterOf(db).Stats())
	})
	t.Run("SetConnMaxLifetime", func(t *testing.T) {
		db := handle(t, calm(t))
		db.SetMaxIdleConns(100)
		burst(t, db, 8)
		db.SetConnMaxLifetime(1100 * time.Millisecond)
		eventually(t, func() bool {
			return serverStats(db, 0).Open == 0 && serverStats(db, 1).Open == 0 && serverStats(db, 2).Open == 0
		})
		// In use all the time they are replaced, too.
		pids := map[string]bool{}
		eventually(t, func() bool {
			pids[pidOf(t, db)] = true
			return len(pids) > 2
		}, "it is always the same one")
	})
	t.Run("SetMaxIdleConns", func(t *testing.T) {
		db := handle(t, calm(t))
		db.SetMaxIdleConns(100)
		burst(t, db, 8)
		begin := time.Now()
		eventually(t, func() bool { return time.Since(begin) > time.Second })
		require.Greater(t, serverStats(db, 0).Idle, 4)
		db.SetMaxIdleConns(0)
		eventually(t, func() bool { return serverStats(db, 0).Open == 0 })
	})
	t.Run("not when goroutines outnumber idle slots", func(t *testing.T) {
		db := handle(t, calm(t))
		l := startLoad(t, 16, func(ctx context.Context) error {
			err := db.QueryRowContext(ctx, "/* pgsplit: primary */ select 1").Scan(new(int))
			time.Sleep(time.Millisecond) // without a pause goroutines take again what they have just put back
			return err
		})
		eventually(t, func() bool { return db.Stats().MaxIdleClosed > 100 }, "driver connections come and go")
		l.end(t)
		require.LessOrEqual(t, serverStats(db, 0).Opened, int64(32), "server connections stay")
	})
}

// counted counts what is sent to a server.
type counted struct {
	net.Conn
	writes *atomic.Int64
}

func (c counted) Write(b []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(b)
}

// As with pgx the connection that a statement is about to use is asked whether it is alive, if it was idle for a second;
// the others are not.
func TestOnlyTheConnectionThatIsUsedIsChecked(t *testing.T) {
	c := calm(t)
	cfg, err := pgsplit.ParseConfig(dsnWith(c.DSN(), "monitor_interval=1h&max_lag=0&pool_health_check_period=1h&monitor_timeout=10s"))
	require.NoError(t, err)
	writes := make([]atomic.Int64, len(cfg.Servers))
	for i, s := range cfg.Servers {
		dial := s.DialFunc
		s.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := dial(ctx, network, addr)
			return counted{conn, &writes[i]}, err
		}
	}
	db, err := pgsplit.OpenDB(cfg)
	require.NoError(t, err)
	defer db.Close()
	db.SetMaxIdleConns(100)
	require.NoError(t, db.PingContext(t.Context()))
	require.NoError(t, pgsplit.ClusterOf(db).LoadCatalog(t.Context()))
	eventually(t, func() bool { return serverStats(db, 1).Healthy && serverStats(db, 2).Healthy })
	burst(t, db, 8)
	require.Greater(t, serverStats(db, 1).Idle, 1)
	time.Sleep(1100 * time.Millisecond) // what pgx goes by
	before := make([]int64, len(writes))
	for i := range writes {
		before[i] = writes[i].Load()
	}
	ctx, tr := follow(t.Context())
	require.Equal(t, "1", firstValue(t, ctx, db, "select 1"))
	used := tr.only(t).Server.Name
	for i := range writes {
		sent := writes[i].Load() - before[i]
		if serverStats(db, i).Name == used {
			require.LessOrEqual(t, sent, int64(3), "the ping and the statement, prepared or not")
			require.GreaterOrEqual(t, sent, int64(2), "the ping and the statement")
		} else {
			require.Zero(t, sent, "server %d is not used", i)
		}
	}
}

// A server that went silent costs a read no more than the check's own deadline, whatever the context allows.
func TestTheCheckOfAnIdleConnectionHasItsOwnDeadline(t *testing.T) {
	c := rough(t)
	db := handle(t, c, "monitor_interval=1h&max_lag=0&monitor_timeout=1h&pool_ping_timeout=100ms")
	db.SetMaxIdleConns(100)
	burst(t, db, 8)
	time.Sleep(1100 * time.Millisecond)
	require.NoError(t, c.Replicas[0].Freeze())
	require.NoError(t, c.Replicas[1].Freeze())
	require.Equal(t, "false", firstValue(t, t.Context(), db, isReplicaSQL))
	require.NoError(t, c.Replicas[0].Thaw())
	require.NoError(t, c.Replicas[1].Thaw())
}

// envHandles is how many handles are opened and closed. A thousand take half a minute.
const envHandles = "PGSPLIT_TEST_HANDLES"

func TestHandlesLeaveNothingHoweverManyThereWere(t *testing.T) {
	handles := 100
	if n := os.Getenv(envHandles); n != "" {
		handles = atoi(t, n)
	}
	c := calm(t)
	noGC(t)
	before, application := runtime.NumGoroutine(), unique("handles")
	cycle := func(i int) error {
		dsn := c.DSN()
		if i%2 == 0 {
			dsn = c.Primary.DSN()
		}
		db, err := sql.Open("pgsplit", dsnWith(dsn, "application_name="+application))
		if err != nil {
			return err
		}
		defer db.Close()
		if _, err := db.ExecContext(t.Context(), "insert into entry (v) values (1)"); err != nil {
			return err
		}
		return db.QueryRowContext(t.Context(), "select 1").Scan(new(int))
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := int(next.Add(1)); i <= handles && !t.Failed(); i = int(next.Add(1)) {
				assert.NoError(t, cycle(i))
			}
		})
	}
	wg.Wait()
	gone(t, c, application)
	quiet(t, before)
}
