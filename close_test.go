package pgsplit_test

import (
	"context"
	"database/sql"
	"runtime"
	"runtime/debug"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit/pgsplittest"
)

// gone waits until no server has a connection of an application. What was forgotten does not count as closed because the
// garbage collector has found it: closing keeps that away.
func gone(t testing.TB, c *pgsplittest.Cluster, application string) {
	t.Helper()
	for _, s := range c.Servers() {
		if s.Running() {
			eventually(t, func() bool { return connections(t, s, application) == "0" }, "connections are left on "+s.Name)
		}
	}
}

// quiet waits until there are no more goroutines than before, and shows them otherwise.
func quiet(t testing.TB, before int) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); runtime.NumGoroutine() > before; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<20)
			require.Fail(t, "goroutines are left", string(stacks[:runtime.Stack(stacks, true)]))
		}
	}
}

// closing opens a handle that the test closes itself, after its goroutines have been counted.
func closing(t testing.TB, c *pgsplittest.Cluster, params ...string) (db *sql.DB, application string, goroutines int) {
	t.Helper()
	goroutines = runtime.NumGoroutine()
	application = unique("close")
	db, err := sql.Open("pgsplit", dsnWith(c.DSN(), append(params, "application_name="+application)...))
	require.NoError(t, err)
	t.Cleanup(func() { db.Close() })
	noGC(t)
	return db, application, goroutines
}

func noGC(t testing.TB) {
	percent := debug.SetGCPercent(-1)
	t.Cleanup(func() { debug.SetGCPercent(percent) })
}

// closeSoon closes a handle; it must not take long whatever is going on.
func closeSoon(t testing.TB, db *sql.DB) {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- db.Close() }()
	select {
	case err := <-done:
		require.NoError(t, err)
	case <-time.After(5 * time.Second):
		stacks := make([]byte, 1<<20)
		require.Fail(t, "Close does not end", string(stacks[:runtime.Stack(stacks, true)]))
	}
}

func TestNothingStartsBeforeTheFirstUse(t *testing.T) {
	c := calm(t)
	before := runtime.NumGoroutine()
	direct, err := sql.Open("pgx", c.Primary.DSN())
	require.NoError(t, err)
	ofSQL := runtime.NumGoroutine() - before
	require.NoError(t, direct.Close())
	quiet(t, before)

	db, application, before := closing(t, c)
	require.LessOrEqual(t, runtime.NumGoroutine(), before+ofSQL)
	for _, s := range c.Servers() {
		require.Equal(t, "0", connections(t, s, application))
	}
	closeSoon(t, db)
	quiet(t, before)
}

func TestRepeatedOpeningAndClosingLeavesNothing(t *testing.T) {
	c := calm(t)
	before, application := runtime.NumGoroutine(), unique("close")
	noGC(t)
	for i := range 100 {
		db, err := sql.Open("pgsplit", dsnWith(c.DSN(), "application_name="+application))
		require.NoError(t, err)
		switch i % 10 { // the other times it is closed unused
		case 0:
			require.NoError(t, db.QueryRowContext(t.Context(), "select 1").Scan(new(int)))
		case 1:
			require.NoError(t, db.PingContext(t.Context()))
		case 2:
			ctx, cancel := context.WithCancel(t.Context())
			go cancel()
			db.QueryRowContext(ctx, "select pg_sleep(60)").Scan(new(int))
		case 3:
			go db.PingContext(t.Context())
		}
		closeSoon(t, db)
	}
	gone(t, c, application)
	quiet(t, before)
}

func TestRowsThatAreOpenAtCloseCanBeReadToTheirEnd(t *testing.T) {
	c := calm(t)
	db, application, before := closing(t, c)
	replicasServe(t, db, 2)
	var open []*sql.Rows
	for _, text := range []string{
		"select g, repeat('x', 1000) from generate_series(1, 20000) g",
		"/* pgsplit: primary */ select g, repeat('x', 1000) from generate_series(1, 20000) g",
	} {
		rows, err := db.QueryContext(t.Context(), text)
		require.NoError(t, err)
		require.True(t, rows.Next())
		open = append(open, rows)
	}
	closeSoon(t, db)
	for _, rows := range open {
		n := 1
		for rows.Next() {
			n++
		}
		require.NoError(t, rows.Err())
		require.Equal(t, 20000, n)
		require.NoError(t, rows.Close())
	}
	gone(t, c, application)
	quiet(t, before)
}

func TestCloseDuringReadsAndWritesLeavesNothing(t *testing.T) {
	c := calm(t)
	db, application, before := closing(t, c)
	replicasServe(t, db, 2)
	db.SetMaxIdleConns(16)
	var wg sync.WaitGroup
	started := make(chan struct{}, 1000)
	for i := range 16 {
		wg.Go(func() {
			for {
				var err error
				switch {
				case i%4 == 0:
					_, err = db.ExecContext(t.Context(), "insert into entry (v) values (1)")
				case i%4 == 1:
					err = db.QueryRowContext(t.Context(), "select 1 from pg_sleep(0.2)").Scan(new(int))
				default:
					err = db.QueryRowContext(t.Context(), "select count(*) from item").Scan(new(int))
				}
				if err != nil {
					return
				}
				select {
				case started <- struct{}{}:
				default:
				}
			}
		})
	}
	for range 50 {
		<-started
	}
	closeSoon(t, db)
	wg.Wait()
	gone(t, c, application)
	quiet(t, before)
}

func TestCloseEndsTransactionsPinnedConnectionsAndRaw(t *testing.T) {
	c := calm(t)
	db, application, before := closing(t, c, "read_only_tx=replica")
	replicasServe(t, db, 2)
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	execAll(t, tx, "insert into entry (test) values ('"+application+"')")
	reading, err := db.BeginTx(t.Context(), readOnly)
	require.NoError(t, err)
	require.True(t, isReplica(t, reading))
	conn := connOf(t, db)
	execAll(t, conn, "set app.x = 'y'", "select pg_advisory_lock(77)")
	raw := connOf(t, db)
	onPgx(t, raw, func(pc *pgx.Conn) error { return pc.Ping(t.Context()) })
	execAll(t, db, "set app.x = 'z'") // left in the pool
	closeSoon(t, db)
	tx.Rollback()
	reading.Rollback()
	conn.Close()
	raw.Close()
	gone(t, c, application)
	quiet(t, before)
	require.Equal(t, "0", ask(t, c.Primary, "select count(*) from entry where test = '%s'", application))
}

// A server that answers nothing must not keep Close waiting, nor anything alive after it, however far the reads had come.
func TestCloseIsNotHeldUpByASilentReplica(t *testing.T) {
	c := rough(t)
	for i := range 12 {
		db, application, before := closing(t, c, "monitor_interval=50ms", "monitor_timeout=100ms")
		replicasServe(t, db, 2)
		for range 10 {
			isReplica(t, db)
		}
		for _, r := range c.Replicas {
			require.NoError(t, r.Freeze())
		}
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() { db.QueryRowContext(t.Context(), "select 1").Scan(new(int)) })
		}
		time.Sleep(time.Duration(i*i) * 10 * time.Microsecond) // not for anything to happen: for different moments
		closeSoon(t, db)
		ended := make(chan struct{})
		go func() { wg.Wait(); close(ended) }()
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			require.Fail(t, "reads wait for a silent replica although the handle is closed")
		}
		quiet(t, before)
		for _, r := range c.Replicas {
			require.NoError(t, r.Thaw())
		}
		gone(t, c, application)
	}
}

func TestAClosedHandleSaysSo(t *testing.T) {
	db, _, _ := closing(t, calm(t))
	conn := connOf(t, db)
	closeSoon(t, db)
	require.EqualError(t, db.PingContext(t.Context()), "sql: database is closed")
	_, err := conn.ExecContext(t.Context(), "select 1")
	require.Error(t, err)
	require.NoError(t, db.Close(), "twice")
}
