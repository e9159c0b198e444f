package pgsplit_test

import (
	"cmp"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
	"github.com/pgsplit/pgsplit/pgsplittest"
)

// pidOf is the process of the primary's backend of a connection.
func pidOf(t testing.TB, q querier) string {
	t.Helper()
	return firstValue(t, pgsplit.WithPrimary(t.Context()), q, "select pg_backend_pid()")
}

// terminate ends a backend of a server and waits until it is gone. A conflict with recovery may end the statement that does so once
// the work is done: ask's second one finds nobody.
func terminate(t testing.TB, s *pgsplittest.Server, pid string) {
	t.Helper()
	require.Equal(t, "1", ask(t, s, "select count(*) from pg_stat_activity where pid = %s", pid))
	require.Equal(t, "t", ask(t, s, "select pg_terminate_backend(%[1]s, 10000) or not exists (select from pg_stat_activity where pid = %[1]s)", pid))
}

// What a session was given must not vanish without a word: once its backend has died every statement fails until the
// connection is given back.
func TestSessionStateLostWithItsBackendIsAnError(t *testing.T) {
	c := calm(t)
	db := handle(t, c)
	for _, state := range []struct{ make, use string }{
		{"set app.lost = 'x'", "select current_setting('app.lost', true)"},
		{"select set_config('app.lost', 'x', false)", "select current_setting('app.lost', true)"},
		{"create temporary table entry (v int)", "select count(*) from entry"},
		{"select pg_advisory_lock(99)", "select count(*) from item"},
		{"listen lost", "select 1"},
		{"set role reader", "select current_user"},
		{"begin", "select 1"},
		{"insert into entry (v) values (1)", "select 1"},
		{"declare c cursor with hold for select 1", "fetch c"},
	} {
		t.Run(state.make, func(t *testing.T) {
			if state.make == "set role reader" {
				require.NoError(t, c.Primary.Exec("grant reader to app"))
			}
			conn := connOf(t, db)
			execAll(t, conn, state.make)
			terminate(t, c.Primary, pidOf(t, conn))
			for range 3 {
				_, err := conn.ExecContext(t.Context(), "insert into entry (test) values ('lost')")
				require.Error(t, err)
				rows, err := conn.QueryContext(t.Context(), state.use)
				if err == nil {
					rows.Close()
				}
				require.Error(t, err, "as if nothing had happened")
				_, err = conn.PrepareContext(t.Context(), state.use)
				require.Error(t, err)
				_, err = conn.BeginTx(t.Context(), nil)
				require.Error(t, err)
				_, err = conn.BeginTx(t.Context(), &sql.TxOptions{ReadOnly: true})
				require.Error(t, err)
			}
			conn.Close()
			require.True(t, isReplica(t, db), "the handle goes on")
			execAll(t, db, "insert into entry (test) values ('found')")
		})
	}
	require.Equal(t, "0", ask(t, c.Primary, "select count(*) from entry where test = 'lost'"))
}

func TestSessionStateLostBetweenTwoReadsIsAnError(t *testing.T) {
	c := calm(t)
	conn := connOf(t, handle(t, c))
	execAll(t, conn, "set app.lost = 'x'")
	require.Equal(t, "x", firstValue(t, t.Context(), conn, "select current_setting('app.lost', true)"))
	terminate(t, c.Primary, pidOf(t, conn))
	for range 5 {
		var got sql.NullString
		err := conn.QueryRowContext(pgsplit.WithReplica(t.Context()), "select current_setting('app.lost', true)").Scan(&got)
		require.Error(t, err, "the setting is %v", got)
	}
}

// pgx closes a connection whose statement was cancelled.
func TestSessionStateLostByACancelledReadIsAnError(t *testing.T) {
	c := calm(t)
	db := handle(t, c)
	for _, state := range []string{"set app.lost = 'x'", "begin", "insert into entry (v) values (1)"} {
		test := unique("cancelled")
		conn := connOf(t, db)
		execAll(t, conn, state, "insert into entry (test) values ('"+test+"')")
		ctx, cancel := contextWithCancel(t)
		rows, err := conn.QueryContext(ctx, "select repeat('x', 1000) from generate_series(1, 100000)")
		require.NoError(t, err)
		require.True(t, rows.Next())
		cancel()
		for rows.Next() {
		}
		require.Error(t, rows.Err())
		rows.Close()
		for range 3 {
			_, err = conn.ExecContext(t.Context(), "insert into entry (test) values ('lost "+test+"')")
			require.Error(t, err, state)
			require.Error(t, conn.QueryRowContext(t.Context(), "select current_setting('app.lost', true)").Scan(new(sql.NullString)), state)
		}
		conn.Close()
		require.Equal(t, "0", ask(t, c.Primary, "select count(*) from entry where test = 'lost %s'", test))
	}
}

// A prototype went on with the rest of a dead transaction on a fresh connection, where each statement committed by itself.
func TestATransactionWhoseBackendDiedCommitsNothing(t *testing.T) {
	c := calm(t)
	db := handle(t, c)
	insert := func(test string, v int) string {
		return fmt.Sprintf("insert into entry (test, v) values ('%s', %d)", test, v)
	}
	none := func(t *testing.T, test string) {
		t.Helper()
		require.Equal(t, "0", ask(t, c.Primary, "select count(*) from entry where test = '%s'", test))
	}
	t.Run("sql.Tx", func(t *testing.T) {
		test := unique("piecemeal")
		tx, err := db.BeginTx(t.Context(), nil)
		require.NoError(t, err)
		stmt, err := tx.PrepareContext(t.Context(), "insert into entry (test, v) values ($1, $2)")
		require.NoError(t, err)
		execAll(t, tx, insert(test, 1))
		terminate(t, c.Primary, pidOf(t, tx))
		for v := range 3 {
			_, err = tx.ExecContext(t.Context(), insert(test, v))
			require.Error(t, err)
			_, err = stmt.ExecContext(t.Context(), test, v)
			require.Error(t, err)
			_, err = tx.QueryContext(t.Context(), insert(test, v)+" returning v")
			require.Error(t, err)
			require.Error(t, tx.QueryRowContext(t.Context(), "select v from entry limit 1").Scan(new(int)))
		}
		require.Error(t, tx.Commit())
		none(t, test)
	})
	t.Run("raw BEGIN", func(t *testing.T) {
		test := unique("piecemeal")
		conn := connOf(t, db)
		execAll(t, conn, "begin", insert(test, 1))
		terminate(t, c.Primary, pidOf(t, conn))
		for v := range 3 {
			_, err := conn.ExecContext(t.Context(), insert(test, v))
			require.Error(t, err)
			_, err = conn.QueryContext(t.Context(), insert(test, v)+" returning v")
			require.Error(t, err)
		}
		_, err := conn.ExecContext(t.Context(), "commit")
		require.Error(t, err)
		none(t, test)
	})
	t.Run("Raw with pgx", func(t *testing.T) {
		test := unique("piecemeal")
		conn := connOf(t, db)
		execRaw(t, conn, "begin", insert(test, 1))
		terminate(t, c.Primary, pidOf(t, conn))
		_, err := conn.ExecContext(t.Context(), insert(test, 2))
		require.Error(t, err)
		_, err = conn.ExecContext(t.Context(), "commit")
		require.Error(t, err)
		none(t, test)
	})
	t.Run("before the first statement", func(t *testing.T) {
		test := unique("piecemeal")
		tx, err := db.BeginTx(t.Context(), nil)
		require.NoError(t, err)
		terminate(t, c.Primary, pidOf(t, tx))
		_, err = tx.ExecContext(t.Context(), insert(test, 1))
		require.Error(t, err)
		require.Error(t, tx.Commit())
		none(t, test)
	})
}

// With plain pgx a pooled connection that broke while it was idle for less than a second costs the statement that meets it next
// an error, or has database/sql repeat it. Here nobody notices.
func TestAConnectionThatBreaksWhileIdleCostsNothing(t *testing.T) {
	c := pgsplittest.Start(t, pgsplittest.Options{Replicas: 1, SetupSQL: behaviourSchema})
	application := unique("idle")
	given := pgsplit.NewConfig()
	given.Primary, given.Replicas = pgxConnector(t, c.Primary), []driver.Connector{pgxConnector(t, c.Replicas[0])}
	connectors, err := pgsplit.OpenDB(given)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, connectors.Close()) })
	handles := map[string]*sql.DB{
		"replicas":        handle(t, c, "application_name="+application),
		"one server":      open(t, dsnWith(c.Primary.DSN(), "application_name="+application)),
		"simple protocol": open(t, dsnWith(c.Primary.DSN(), "application_name="+application, "default_query_exec_mode=simple_protocol")),
		"connectors":      connectors,
	}
	for death, kill := range map[string]func(){
		"terminated": func() { // all, so the monitor's, too
			ask(t, c.Primary, "select count(pg_terminate_backend(pid, 10000)) from pg_stat_activity where usename = 'app' and backend_type = 'client backend'")
		},
		"server restarted": func() { require.NoError(t, c.Primary.Restart()) },
	} {
		for name, db := range handles {
			test := unique(strings.ReplaceAll(name, " ", ""))
			text := "insert into entry (test, v) values ('" + test + "', 1)"
			db.SetMaxIdleConns(8)
			prepared, err := db.PrepareContext(t.Context(), text)
			require.NoError(t, err)
			ways := map[string]func() error{
				"Exec":           func() error { _, err := db.ExecContext(t.Context(), text); return err },
				"with arguments": func() error { _, err := db.ExecContext(t.Context(), text+", ($1, $2)", test, 2); return err },
				"Query":          func() error { return db.QueryRowContext(t.Context(), text+" returning v").Scan(new(int)) },
				"Stmt":           func() error { _, err := prepared.ExecContext(t.Context()); return err },
				"transaction": func() error {
					tx, err := db.BeginTx(t.Context(), nil)
					if err == nil {
						_, err = tx.ExecContext(t.Context(), text)
						err = cmp.Or(err, tx.Commit())
					}
					return err
				},
			}
			if death == "server restarted" { // which takes its time
				delete(ways, "Query")
				delete(ways, "Stmt")
			}
			for way, run := range ways {
				for range 3 { // in the end the text is known
					require.NoError(t, run())
				}
				kill()
				require.NoError(t, run(), "%s, %s, %s", death, name, way)
			}
			require.NoError(t, prepared.Close())
			want := strconv.Itoa(4 * len(ways))
			require.Equal(t, want, ask(t, c.Primary, "select count(*) from entry where test = '%s' and v = 1", test), "%s, %s: each once", death, name)
		}
	}
}
