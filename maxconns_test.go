package pgsplit_test

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
)

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

	tx := begin(t, t.Context(), db, nil) // else the read below would take the primary's
	long := make(chan error, 1)
	go func() { _, err := read(t.Context()); long <- err }()
	eventually(t, func() bool { return serverStats(db, 1).Waiting+serverStats(db, 2).Waiting == 1 })
	require.NoError(t, tx.Rollback())
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

// With fewer connections than transactions under way each waits for its turn, and keeps what it has got until its end.
func TestTransactionsTakeTurnsUnderTheBound(t *testing.T) {
	for name, params := range map[string]string{"one server": "replica_reads=on", "replicas": "read_only_tx=replica"} {
		t.Run(name, func(t *testing.T) {
			c := calm(t)
			dsn := c.DSN()
			if name == "one server" {
				dsn = c.Primary.DSN()
			}
			mark := unique("turns")
			db := open(t, dsnWith(dsn, params, "max_conns_per_server=2", "monitor_timeout=10s"))
			var waited atomic.Int64
			watch := startLoad(t, 1, func(context.Context) error {
				s := serverStats(db, 0)
				waited.Store(max(waited.Load(), int64(s.Waiting)))
				time.Sleep(time.Millisecond)
				return nil
			})
			l := startLoad(t, 12, func(context.Context) error {
				ctx := t.Context() // the end of the load must not end a statement, and with it its connection
				tx, err := db.BeginTx(ctx, nil)
				if err != nil {
					return err
				}
				defer tx.Rollback()
				if _, err := tx.ExecContext(ctx, "insert into entry (test) values ($1)", mark); err != nil {
					return err
				}
				if err := tx.QueryRowContext(ctx, "select count(*) from entry where test = $1", mark).Scan(new(int)); err != nil {
					return err
				}
				return tx.Commit()
			})
			l.more(t, 300)
			l.end(t)
			watch.end(t)
			require.NotZero(t, waited.Load(), "Stats shows who waits")
			s := serverStats(db, 0)
			require.LessOrEqual(t, s.Opened, int64(2))
			require.Zero(t, s.Waiting)
			require.Equal(t, fmt.Sprint(l.done.Load()), ask(t, c.Primary, "select count(*) from entry where test = '%s'", mark))
		})
	}
}

// Who holds the last connection in a transaction and asks for another outside of it waits for itself, as with SetMaxOpenConns:
// its context ends that, and the transaction goes on.
func TestWhoWaitsForItselfIsFreedByItsContext(t *testing.T) {
	db := handle(t, calm(t), "max_conns_per_server=1")
	tx := begin(t, t.Context(), db, nil)
	execAll(t, tx, "insert into entry (v) values (1)")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := db.ExecContext(ctx, "insert into entry (v) values (1)")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "pgsplit: the 1 connections to "+serverStats(db, 0).Name+" that max_conns_per_server allows are in use")
	require.Equal(t, "1", firstValue(t, t.Context(), db, "select 1"), "replicas are free")
	execAll(t, tx, "insert into entry (v) values (1)")
	require.NoError(t, tx.Commit())
	execAll(t, db, "insert into entry (v) values (1)")
}

// The only connection is busy with forgetting a closed Stmt, as if it were in use, and is free after that.
func TestWhoWaitsForAConnectionThatIsTidiedGetsIt(t *testing.T) {
	db := open(t, dsnWith(calm(t).Primary.DSN(), "max_conns_per_server=1"))
	db.SetMaxIdleConns(10)
	for i := range 300 {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		conn := connOf(t, db)
		stmt, err := db.PrepareContext(ctx, fmt.Sprintf("select $1::int + %d", i))
		require.NoError(t, err)
		require.NoError(t, stmt.QueryRowContext(ctx, 1).Scan(new(int)))
		done := make(chan error, 1)
		go func() {
			for began := time.Now(); time.Since(began) < time.Duration(i)*time.Microsecond; { // another moment each time
			}
			done <- conn.QueryRowContext(ctx, "select 1").Scan(new(int))
		}()
		require.NoError(t, stmt.Close())
		require.NoError(t, <-done, "%+v", serverStats(db, 0))
		require.NoError(t, conn.Close())
		cancel()
	}
}

func TestABurstUnderTheBoundIsGivenBack(t *testing.T) {
	db := handle(t, calm(t), "max_conns_per_server=5&pool_health_check_period=100ms")
	db.SetMaxIdleConns(100)
	var most atomic.Int64 // at once: one that has idled too long may be given back and another opened meanwhile
	watch := startLoad(t, 1, func(context.Context) error {
		for _, s := range pgsplit.ClusterOf(db).Stats().Servers {
			most.Store(max(most.Load(), int64(s.Open)))
		}
		time.Sleep(time.Millisecond)
		return nil
	})
	burst(t, db, 20)
	watch.end(t)
	require.LessOrEqual(t, most.Load(), int64(5))
	require.Greater(t, serverStats(db, 0).Opened, int64(2))
	eventually(t, func() bool {
		for i := range 3 {
			if s := serverStats(db, i); s.Open > 2 || s.Idle != s.Open || s.InFlight != 0 {
				return false
			}
		}
		return true
	}, "%+v", pgsplit.ClusterOf(db).Stats())
}
