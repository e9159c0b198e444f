package pgsplit_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
)

// connOf takes a connection out of the pool; it is put back when the test ends, if not before.
func connOf(t testing.TB, db *sql.DB) *sql.Conn {
	t.Helper()
	conn, err := db.Conn(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	return conn
}

func execAll(t testing.TB, q interface {
	ExecContext(context.Context, string, ...any) (sql.Result, error)
}, queries ...string) {
	t.Helper()
	for _, query := range queries {
		_, err := q.ExecContext(t.Context(), query)
		require.NoError(t, err, query)
	}
}

func TestReadsStayOnThePrimaryAfterAWriteOnTheSameConn(t *testing.T) {
	db := handle(t, calm(t))
	conn := connOf(t, db)
	require.True(t, isReplica(t, conn), "before the write")
	execAll(t, conn, "insert into entry (v) values (1)")
	ctx, tr := follow(t.Context())
	for range 20 {
		require.Equal(t, "false", firstValue(t, ctx, conn, isReplicaSQL))
		require.Equal(t, pgsplit.ReasonSticky.String(), tr.only(t).Reason.String())
	}
	require.True(t, isReplica(t, db), "another connection")
	require.NoError(t, conn.Close())
	for range 20 {
		require.True(t, isReplica(t, db), "after the checkout")
	}
}

func TestASettingIsSeenByTheReadsOfItsConn(t *testing.T) {
	db := handle(t, calm(t))
	for _, set := range []string{
		"set app.tenant = 'blue'",
		"select set_config('app.tenant', 'blue', false)",
		"set session app.tenant to blue",
		"/* pgsplit: replica */ set app.tenant = 'blue'",
	} {
		conn := connOf(t, db)
		firstValue(t, pgsplit.WithReplica(t.Context()), conn, set)
		for range 20 {
			require.Equal(t, "blue", firstValue(t, pgsplit.WithReplica(t.Context()), conn, "select current_setting('app.tenant', true)"), set)
		}
		require.ErrorIs(t, conn.Raw(func(any) error { return driver.ErrBadConn }), driver.ErrBadConn)
	}
}

// While a goroutine holds a Conn with a setting nobody else may see it, and once that driver connection is closed the
// backend that carries the setting must be gone.
func TestASettingIsNeverSeenByOthers(t *testing.T) {
	db := handle(t, calm(t))
	db.SetMaxIdleConns(16)
	setting := unique("app.secret")
	var holders, readers sync.WaitGroup
	done := make(chan struct{})
	for worker := range 8 {
		holders.Go(func() {
			for i := range 6 {
				secret := fmt.Sprintf("%d-%d", worker, i)
				conn, err := db.Conn(t.Context())
				if !assert.NoError(t, err) {
					return
				}
				_, err = conn.ExecContext(t.Context(), fmt.Sprintf("set %s = '%s'", setting, secret))
				assert.NoError(t, err)
				for range 5 {
					var got string
					assert.NoError(t, conn.QueryRowContext(t.Context(), "select current_setting($1, true) from item limit 1", setting).Scan(&got))
					assert.Equal(t, secret, got)
				}
				assert.ErrorIs(t, conn.Raw(func(any) error { return driver.ErrBadConn }), driver.ErrBadConn)
				conn.Close()
			}
		})
	}
	for range 8 {
		readers.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-done:
					return
				default:
				}
				query := []string{"select current_setting($1, true)", "/* pgsplit: primary */ select current_setting($1, true)"}[i%2]
				var got sql.NullString
				if !assert.NoError(t, db.QueryRowContext(t.Context(), query, setting).Scan(&got)) || !assert.Empty(t, got.String) {
					return
				}
			}
		})
	}
	holders.Wait()
	close(done)
	readers.Wait()
	eventually(t, func() bool { return pinned(db) == 0 }, "pinned connections are left")
}

// A driver connection that has gone back to the pool keeps what was set on it; the others get none of it.
func TestWhatAReturnedConnCarriesStaysWithIt(t *testing.T) {
	db := handle(t, calm(t))
	for how, set := range map[string]func(*sql.Conn){
		"exec": func(conn *sql.Conn) { execAll(t, conn, "set app.carried = 'x'") },
		"raw":  func(conn *sql.Conn) { execRaw(t, conn, "set app.carried = 'x'") },
		"in a transaction": func(conn *sql.Conn) {
			tx, err := conn.BeginTx(t.Context(), nil)
			require.NoError(t, err)
			execAll(t, tx, "set app.carried = 'x'")
			require.NoError(t, tx.Commit())
		},
		"prepared": func(conn *sql.Conn) {
			_, err := prepare(t, conn, "select set_config('app.carried', $1, false)").ExecContext(t.Context(), "x")
			require.NoError(t, err)
		},
	} {
		setter, other := connOf(t, db), connOf(t, db)
		set(setter)
		require.NoError(t, setter.Close())
		for range 5 {
			require.NotEqual(t, "x", firstValue(t, pgsplit.WithPrimary(t.Context()), other, "select current_setting('app.carried', true)"), how)
		}
		again := connOf(t, db)
		require.Equal(t, "x", firstValue(t, t.Context(), again, "select current_setting('app.carried', true)"), "%s: as with pgx", how)
		require.ErrorIs(t, again.Raw(func(any) error { return driver.ErrBadConn }), driver.ErrBadConn)
		require.NoError(t, other.Close())
	}
}

// pinned is how many backends carry session state.
func pinned(db *sql.DB) (n int) {
	for _, s := range pgsplit.ClusterOf(db).Stats().Servers {
		n += s.Pinned
	}
	return n
}

func TestSettingsOfAPoolOfOneBehaveAsWithPgx(t *testing.T) {
	c := calm(t)
	split, pgxDB := handle(t, c), plain(t, c.Primary.DSN())
	split.SetMaxOpenConns(1)
	pgxDB.SetMaxOpenConns(1)
	for _, query := range []string{
		"select current_setting('app.one', true)",
		"set app.one = 'x'",
		"select current_setting('app.one', true)",
		"select set_config('app.one', 'y', false)",
		"select current_setting('app.one', true)",
		"select set_config('app.one', 'z', true)",
		"select current_setting('app.one', true)",
		"set search_path = pg_catalog",
		"show search_path",
		"select current_schema()",
		"reset search_path",
		"select current_schema()",
		"set time zone 'Asia/Kolkata'",
		"select '2020-01-01 00:00+00'::timestamptz::text",
		"discard all",
		"select current_setting('app.one', true) as again",
	} {
		require.Equal(t, firstValue(t, t.Context(), pgxDB, query), firstValue(t, t.Context(), split, query), query)
	}
}

func TestATemporaryTableIsReadWhereItIs(t *testing.T) {
	db := handle(t, calm(t))
	conn := connOf(t, db)
	execAll(t, conn, "create temporary table item as select 'temporary' as name", "create temp table only_here (v int)", "insert into only_here values (42)")
	for range 10 {
		require.Equal(t, "temporary", firstValue(t, t.Context(), conn, "select name from item"), "not the permanent table of this name")
		require.Equal(t, "42", firstValue(t, t.Context(), conn, "select v from only_here"))
		require.Equal(t, "100", firstValue(t, t.Context(), db, "select count(*) from item where name like 'item %'"), "on other connections")
	}
	require.ErrorIs(t, conn.Raw(func(any) error { return driver.ErrBadConn }), driver.ErrBadConn)
}

func TestNotificationsArriveOnAListeningConn(t *testing.T) {
	db := handle(t, calm(t))
	for _, listen := range []string{"exec", "query", "raw"} {
		channel := unique("channel")
		conn := connOf(t, db)
		switch listen {
		case "exec":
			execAll(t, conn, "listen "+channel)
		case "query":
			firstValue(t, t.Context(), conn, "listen "+channel)
		}
		require.True(t, isReplica(t, db), "others")
		require.NoError(t, conn.Raw(func(dc any) error {
			c := dc.(interface{ Conn() *pgx.Conn }).Conn()
			if listen == "raw" {
				_, err := c.Exec(t.Context(), "listen "+channel)
				require.NoError(t, err)
			}
			execAll(t, db, "notify "+channel+", 'hello'")
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			n, err := c.WaitForNotification(ctx)
			if err == nil {
				require.Equal(t, "hello", n.Payload)
			}
			return err
		}), listen)
		require.NoError(t, conn.Close())
	}
}

func TestSessionAdvisoryLocksExclude(t *testing.T) {
	db := handle(t, calm(t))
	db.SetMaxIdleConns(8)
	var wg sync.WaitGroup
	counter := 0 // the race detector watches it, too
	var inside sync.Mutex
	for range 8 {
		wg.Go(func() {
			for range 6 {
				conn, err := db.Conn(t.Context())
				if !assert.NoError(t, err) {
					return
				}
				firstValue(t, t.Context(), conn, "select pg_advisory_lock(815)")
				assert.True(t, inside.TryLock(), "two hold the lock")
				counter++
				firstValue(t, t.Context(), conn, "select count(*) from item")
				inside.Unlock()
				assert.Equal(t, "true", firstValue(t, t.Context(), conn, "select pg_advisory_unlock(815)"))
				conn.Close()
			}
		})
	}
	wg.Wait()
	require.Equal(t, 48, counter)
}

func TestAnUnknownFunctionDoesNotPinTheConnection(t *testing.T) {
	db := handle(t, calm(t))
	db.SetMaxOpenConns(1)
	firstValue(t, t.Context(), db, "select whoami()")
	require.Zero(t, pinned(db))
	require.True(t, isReplica(t, db), "the next read of the same driver connection")
}

func TestAMistypedNameDoesNotPinTheConnection(t *testing.T) {
	db := handle(t, calm(t))
	db.SetMaxOpenConns(1)
	for _, text := range []string{"select * from nowhere", "select no_such_function(1)"} {
		_, err := db.QueryContext(t.Context(), text)
		require.Error(t, err)
		require.Zero(t, pinned(db), "%s: nothing of it was executed", text)
		require.True(t, isReplica(t, db))
	}
}

// pgx says that the connection is busy; what counts is that the rows are not taken away.
func TestASecondQueryLeavesTheOpenRowsOfItsConnAlone(t *testing.T) {
	conn := connOf(t, handle(t, calm(t)))
	rows, err := conn.QueryContext(t.Context(), "select g, repeat('x', 100) from generate_series(1, 5000) g")
	require.NoError(t, err)
	defer rows.Close()
	n := 0
	for rows.Next() {
		if n++; n%1000 == 1 {
			conn.QueryRowContext(t.Context(), "select 1").Scan(new(int))
			conn.ExecContext(t.Context(), "insert into entry (v) values (1)")
		}
	}
	require.NoError(t, rows.Err())
	require.Equal(t, 5000, n)
}
