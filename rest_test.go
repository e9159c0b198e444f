package pgsplit_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
)

// Handles with a single server: connections rest with the driver connections that used them, and known texts go a short way.

// known makes texts known to a handle, and returns a driver connection that finds a connection at rest.
func known(t testing.TB, db *sql.DB, texts ...string) *sql.Conn {
	t.Helper()
	db.SetMaxIdleConns(100)
	for range 3 {
		for _, text := range texts {
			rows, err := db.QueryContext(t.Context(), text)
			require.NoError(t, err)
			require.NoError(t, rows.Close())
		}
	}
	conn, err := db.Conn(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	return conn
}

func ranPlain(t testing.TB, conn *sql.Conn) (plain bool) {
	t.Helper()
	require.NoError(t, conn.Raw(func(dc any) error {
		plain = dc.(*pgsplit.Conn).RanPlain()
		return nil
	}))
	return plain
}

func TestKnownTextsGoTheShortWay(t *testing.T) {
	c := calm(t)
	for text, short := range map[string]bool{
		"select 1 as one":                                    true,
		"insert into entry (v) values (1)":                   true,
		"update item set n = n where id = 1 returning n":     true,
		"select n from item where id = 1 for update":         true,
		"select set_config('app.x', '1', false)":             false,
		"select pg_try_advisory_lock_shared(77) as l":        false,
		"set application_name = 'x'":                         false,
		"select 1; select 2":                                 false,
		"create temporary table if not exists brief (v int)": false,
		"begin":                             false,
		"select v from pg_temp.brief":       false,
		"/* pgsplit: primary */ select 1":   true,
		"select stable_pid()":               false,
		"listen something":                  false,
		"do $$ begin end $$":                false,
		"select txid_current()":             true,
		"select currval('entry_id_seq')":    false,
		"select lastval()":                  false,
		"explain analyze select 1":          false,
		"table item":                        true,
		"values (1)":                        true,
		"select 1 into temporary table ttt": false,
	} {
		db := open(t, dsnWith(c.Primary.DSN(), "default_query_exec_mode=simple_protocol"))
		conn := known(t, db, "select 1")
		for range 2 {
			rows, err := conn.QueryContext(t.Context(), text)
			if err == nil {
				rows.Close()
			}
		}
		require.NoError(t, conn.Close())
		conn = known(t, db, "select 1")
		rows, err := conn.QueryContext(t.Context(), text)
		if err == nil {
			rows.Close()
		}
		require.Equal(t, short, ranPlain(t, conn), text)
		execAll(t, conn, "select 1")
		require.False(t, ranPlain(t, conn), "the second statement of a checkout")
	}
}

func TestConnectionsAtRestAreEverybodys(t *testing.T) {
	db := open(t, dsnWith(calm(t).Primary.DSN(), "max_conns_per_server=1"))
	db.SetMaxIdleConns(100)
	var conns []*sql.Conn
	for range 10 {
		conn, err := db.Conn(t.Context())
		require.NoError(t, err)
		conns = append(conns, conn)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for _, conn := range conns {
		require.Equal(t, "1", firstValue(t, ctx, conn, "select 1"), "it rests with the one before")
		require.NoError(t, conn.Close())
	}
	s := serverStats(db, 0)
	require.Equal(t, []int64{1, 1, 1, 0}, []int64{s.Opened, int64(s.Open), int64(s.Idle), int64(s.InFlight)})

	// Who waits gets the one that comes to rest.
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for range 50 {
				assert.NoError(t, db.QueryRowContext(ctx, "select 1").Scan(new(int)))
			}
		})
	}
	wg.Wait()
	s = serverStats(db, 0)
	require.Equal(t, []int64{1, 1, 0}, []int64{s.Opened, int64(s.Idle), int64(s.Waiting)})
}

func TestConnectionsAtRestGoWhenTheirTimeHasCome(t *testing.T) {
	c := calm(t)
	for _, param := range []string{"pool_max_conn_lifetime=300ms", "pool_max_conn_idle_time=300ms", "pool_health_check_period=300ms"} {
		application := unique("rest")
		db := open(t, dsnWith(c.Primary.DSN(), param, "application_name="+application))
		db.SetMaxIdleConns(100)
		burst(t, db, 8)
		require.Greater(t, serverStats(db, 0).Opened, int64(8))
		eventually(t, func() bool { return serverStats(db, 0).Open <= 2 }, param)
		if param != "pool_health_check_period=300ms" {
			eventually(t, func() bool { return serverStats(db, 0).Open == 0 }, param)
		}
		eventually(t, func() bool { return atoi(t, connections(t, c.Primary, application)) <= 2 }, param)
	}
	t.Run("in use all the time", func(t *testing.T) {
		db := open(t, dsnWith(c.Primary.DSN(), "pool_max_conn_lifetime=200ms"))
		db.SetMaxOpenConns(1)
		pids := map[string]bool{}
		eventually(t, func() bool {
			pids[firstValue(t, t.Context(), db, "select pg_backend_pid()")] = true
			return len(pids) > 2
		}, "it is always the same one")
	})
	t.Run("database/sql's limits", func(t *testing.T) {
		db := open(t, c.Primary.DSN())
		db.SetMaxIdleConns(100)
		burst(t, db, 8)
		db.SetConnMaxIdleTime(1100 * time.Millisecond)
		eventually(t, func() bool { return serverStats(db, 0).Open == 0 }, "%+v", serverStats(db, 0))
	})
}

// A connection that has died at rest costs nothing, and the others stay.
func TestAConnectionThatDiesAtRest(t *testing.T) {
	c := calm(t)
	db := open(t, c.Primary.DSN())
	for _, text := range []string{"select pg_backend_pid()", "update item set n = n where id = 1 returning pg_backend_pid()"} {
		for _, idle := range []time.Duration{0, 1100 * time.Millisecond} { // after a second a connection is asked in any case
			conn := known(t, db, text)
			pid := firstValue(t, t.Context(), conn, text)
			require.True(t, ranPlain(t, conn), text)
			require.NoError(t, conn.Close())
			terminate(t, c.Primary, pid)
			time.Sleep(idle)
			opened := serverStats(db, 0).Opened
			require.NotEqual(t, pid, firstValue(t, t.Context(), db, text), "%s after %v", text, idle)
			require.LessOrEqual(t, serverStats(db, 0).Opened, opened+1)
		}
	}
}

// Another process changes a table that plans of resting connections are about.
func TestAPlanThatIsOutOfDateAtRest(t *testing.T) {
	c := calm(t)
	table := unique("replan")
	define(t, c, "create table "+table+" as select 1 as a; grant all on "+table+" to public", "drop table "+table)
	db := open(t, c.Primary.DSN())
	read, write := "select * from "+table, "update "+table+" set a = a returning *"
	require.NoError(t, known(t, db, read, write).Close())
	require.NoError(t, c.Primary.Exec("alter table "+table+" add b int"))
	for _, text := range []string{read, write} {
		conn, err := db.Conn(t.Context())
		require.NoError(t, err)
		rows, err := conn.QueryContext(t.Context(), text)
		require.NoError(t, err, text)
		columns, err := rows.Columns()
		require.NoError(t, err)
		require.Len(t, columns, 2, text)
		require.NoError(t, rows.Close())
		require.NoError(t, conn.Close())
	}
}

// What goes the short way never meets another's session state, and leaves none.
func TestSessionStateAndTheShortWay(t *testing.T) {
	db := open(t, dsnWith(calm(t).Primary.DSN(), "application_name=nobody"))
	db.SetMaxIdleConns(4) // some come, some go
	var wg sync.WaitGroup
	for g := range 16 {
		wg.Go(func() {
			for range 60 {
				if g%4 != 0 {
					var tenant string
					assert.NoError(t, db.QueryRowContext(t.Context(), "select coalesce(current_setting('app.tenant', true), '')").Scan(&tenant))
					assert.Empty(t, tenant)
					continue
				}
				func() {
					conn, err := db.Conn(t.Context())
					if !assert.NoError(t, err) {
						return
					}
					defer conn.Close()
					_, err = conn.ExecContext(t.Context(), "select set_config('app.tenant', $1, false)", "me")
					assert.NoError(t, err)
					var tenant string
					assert.NoError(t, conn.QueryRowContext(t.Context(), "select current_setting('app.tenant', true)").Scan(&tenant))
					assert.Equal(t, "me", tenant)
					// The driver connection ends, and nobody is to have what it leaves.
					assert.ErrorIs(t, conn.Raw(func(any) error { return driver.ErrBadConn }), driver.ErrBadConn)
				}()
			}
		})
	}
	wg.Wait()
}

func TestAHandleClosesWhatRests(t *testing.T) {
	c := calm(t)
	application := unique("closing")
	for range 20 {
		db, err := sql.Open("pgsplit", dsnWith(c.Primary.DSN(), "application_name="+application))
		require.NoError(t, err)
		db.SetMaxIdleConns(100)
		l := startLoad(t, 8, func(ctx context.Context) error {
			err := db.QueryRowContext(context.Background(), "select 1").Scan(new(int))
			if err != nil && ctx.Err() == nil && err.Error() == "sql: database is closed" {
				<-ctx.Done()
			}
			return err
		})
		l.more(t, 50)
		require.NoError(t, db.Close())
		l.cancel()
		l.wg.Wait()
	}
	eventually(t, func() bool { return connections(t, c.Primary, application) == "0" }, "connections outlive their handle")
}
