package pgsplit_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
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

// Two of each server, for sixteen goroutines that read, write, and do both on one connection while rows are open.
func TestNoServerGetsMoreThanItsBoundAndNobodyWaitsForEver(t *testing.T) {
	for _, most := range []int{1, 2} {
		t.Run(fmt.Sprint(most), func(t *testing.T) {
			c := calm(t)
			application := unique("bound")
			db := handle(t, c, fmt.Sprintf("max_conns_per_server=%d&application_name=%s&read_only_tx=replica", most, application))
			var over atomic.Int64
			watch := startLoad(t, 1, func(ctx context.Context) error {
				for _, s := range pgsplit.ClusterOf(db).Stats().Servers {
					over.Store(max(over.Load(), int64(s.Open)))
				}
				time.Sleep(time.Millisecond)
				return nil
			})
			l := startLoad(t, 16, func(ctx context.Context) error {
				ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
				defer cancel()
				return anything(ctx, db, rand.IntN(6))
			})
			l.more(t, 1500)
			l.end(t)
			watch.end(t)
			require.LessOrEqual(t, over.Load(), int64(most))
			for _, s := range pgsplit.ClusterOf(db).Stats().Servers {
				require.Zero(t, s.Waiting)
				require.NotZero(t, s.Total())
			}
		})
	}
}

// anything takes connections of servers in one of the orders in which an application can.
func anything(ctx context.Context, db *sql.DB, how int) error {
	one := new(int)
	switch how {
	case 0:
		return db.QueryRowContext(ctx, "select 1").Scan(one)
	case 1:
		_, err := db.ExecContext(ctx, "insert into entry (v) values (1)")
		return err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	switch how {
	case 2: // the replica's connection is busy while the primary's is needed
		rows, err := conn.QueryContext(ctx, "select pg_is_in_recovery() from item")
		if err != nil {
			return err
		}
		defer rows.Close()
		replica := false
		if !rows.Next() {
			return rows.Err()
		}
		if err := rows.Scan(&replica); err != nil {
			return err
		}
		if !replica { // with rows open on the primary the next statement would be as wrong as with pgx
			return rows.Close()
		}
		if _, err := conn.ExecContext(ctx, "insert into entry (v) values (1)"); err != nil {
			return err
		}
		return rows.Close()
	case 3: // it is idle
		if err := conn.QueryRowContext(ctx, "select 1").Scan(one); err != nil {
			return err
		}
		return conn.PingContext(ctx)
	case 4: // the primary's is held while a replica would serve
		if err := conn.PingContext(ctx); err != nil {
			return err
		}
		if err := conn.QueryRowContext(ctx, "select 1").Scan(one); err != nil {
			return err
		}
		return conn.PingContext(ctx)
	default:
		tx, err := conn.BeginTx(ctx, readOnly)
		if err != nil {
			return err
		}
		defer tx.Rollback()
		return tx.QueryRowContext(ctx, "select 1").Scan(one)
	}
}

func TestReadsMoveToAnotherServerRatherThanWait(t *testing.T) {
	db := handle(t, calm(t), "max_conns_per_server=1")
	var open []*sql.Rows
	read := func(ctx context.Context) (pgsplit.RouteInfo, error) {
		ctx, tr := follow(ctx)
		rows, err := db.QueryContext(ctx, "select n from item")
		if err != nil {
			return pgsplit.RouteInfo{}, err
		}
		open = append(open, rows)
		require.True(t, rows.Next())
		return tr.only(t), nil
	}
	servers := map[string]bool{}
	for i := range 3 {
		info, err := read(t.Context())
		require.NoError(t, err)
		servers[info.Server.Name] = true
		if i == 2 {
			require.Equal(t, pgsplit.ReasonFull.String(), info.Reason.String(), "the primary is free")
		}
	}
	require.Len(t, servers, 3)

	// Now none is: the wait ends with the context, or when a connection comes free.
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err := read(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "max_conns_per_server")
	_, err = db.ExecContext(ctx, "select 1")
	require.ErrorIs(t, err, context.DeadlineExceeded)

	waiting := make(chan error, 1)
	go func() {
		_, err := db.ExecContext(t.Context(), "insert into entry (v) values (1)")
		waiting <- err
	}()
	eventually(t, func() bool { return serverStats(db, 0).Waiting == 1 })
	require.NoError(t, open[2].Close())
	require.NoError(t, <-waiting)

	long := make(chan error, 1)
	go func() { _, err := read(t.Context()); long <- err }()
	_, err = db.ExecContext(t.Context(), "insert into entry (v) values (1)")
	require.NoError(t, err, "and the primary stays free for writes")
	for _, rows := range open[:2] {
		require.NoError(t, rows.Close())
	}
	require.NoError(t, <-long)
	require.NoError(t, open[len(open)-1].Close())
}

func TestAWaitForConnectionsThatIdleDriverConnectionsKeepEndsWithAnError(t *testing.T) {
	db := handle(t, calm(t), "max_conns_per_server=1")
	keeps, other := connOf(t, db), connOf(t, db)
	execAll(t, keeps, "set app.kept = 'x'")
	require.NoError(t, keeps.Close())
	_, err := other.ExecContext(t.Context(), "insert into entry (v) values (1)")
	require.ErrorContains(t, err, "max_conns_per_server")
	require.ErrorContains(t, err, "session state")
	require.ErrorContains(t, err, "SetMaxOpenConns")
	require.Equal(t, "x", firstValue(t, t.Context(), db, "select current_setting('app.kept', true)"), "it is where it was")
}

// The wait for a connection to a server that goes is not endless, either.
func TestAWaitForAConnectionEndsWithItsServer(t *testing.T) {
	c := rough(t)
	db := handle(t, c, "max_conns_per_server=1&monitor_interval=50ms&when_stale=error")
	pgsplit.ClusterOf(db)
	conns := []*sql.Conn{connOf(t, db), connOf(t, db), connOf(t, db)}
	var open []*sql.Rows
	for _, conn := range conns { // one of each server
		rows, err := conn.QueryContext(t.Context(), "select n from item")
		require.NoError(t, err)
		require.True(t, rows.Next())
		defer rows.Close()
		open = append(open, rows)
	}
	done := make(chan error, 1)
	go func() { done <- db.QueryRowContext(t.Context(), "select 1").Scan(new(int)) }()
	eventually(t, func() bool { return serverStats(db, 1).Waiting+serverStats(db, 2).Waiting == 1 })
	for _, r := range c.Replicas {
		require.NoError(t, r.Kill())
	}
	for i, conn := range conns { // the primary's connection comes free
		open[i].Close() // before its connection, which would wait for that
		conn.Close()
	}
	select {
	case err := <-done:
		require.NoError(t, err)
	case <-time.After(20 * time.Second):
		t.Fatal("it waits for a dead server")
	}
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
	cfg, err := pgsplit.ParseConfig(dsnWith(c.DSN(), "monitor_interval=1h&max_lag=0&pool_health_check_period=1h"))
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

func TestAThousandHandlesLeaveNothing(t *testing.T) {
	c := calm(t)
	noGC(t)
	before, application := runtime.NumGoroutine(), unique("thousand")
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
			for i := next.Add(1); i <= 1000 && !t.Failed(); i = next.Add(1) {
				assert.NoError(t, cycle(int(i)))
			}
		})
	}
	wg.Wait()
	gone(t, c, application)
	quiet(t, before)
}
