package pgsplit_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
)

// onEveryBackend runs a query on each connection of a handle that is idle now, and returns the answers: it takes as many
// transactions at a time as there are connections, on the primary or on replicas.
func onEveryBackend(t testing.TB, db *sql.DB, query string) (answers []string) {
	t.Helper()
	ask := func(readOnly bool, n int) {
		var open []*sql.Tx
		for range n {
			tx, err := db.BeginTx(t.Context(), &sql.TxOptions{ReadOnly: readOnly})
			require.NoError(t, err)
			defer func() { require.NoError(t, tx.Rollback()) }()
			require.Equal(t, readOnly, isReplica(t, tx)) // a first statement about the server would move it to the primary
			open = append(open, tx)
		}
		for _, tx := range open {
			answers = append(answers, firstValue(t, t.Context(), tx, query))
		}
	}
	primary, replicas := 0, 0
	for i, s := range pgsplit.ClusterOf(db).Stats().Servers {
		eventually(t, func() bool { // one is being tidied, opened or closed
			s = serverStats(db, i)
			return s.Open == s.Idle+s.InFlight
		}, s.Name)
		if s.Role == pgsplit.RolePrimary {
			primary += s.Idle
		} else {
			replicas = max(replicas, s.Idle)
		}
	}
	ask(false, primary)
	ask(true, 2*replicas) // least_busy spreads them evenly
	return answers
}

// ofStmts counts what is prepared under the names that pgx gives to statements of database/sql's Prepare.
const ofStmts = `select count(*) from pg_prepared_statements where name like 'stmt\_%'`

func TestTheStatementOfAClosedStmtIsGoneFromEveryBackend(t *testing.T) {
	c := calm(t)
	for _, mode := range execModes {
		t.Run(mode, func(t *testing.T) {
			db := handle(t, c, "default_query_exec_mode="+mode, "read_only_tx=replica")
			db.SetMaxIdleConns(16)
			stmts := map[string]*sql.Stmt{
				"read":  prepare(t, db, "select n from item where id = $1"),
				"write": prepare(t, db, "update item set n = n where id = $1 returning n"),
				"again": prepare(t, db, "select n from item where id = $1"),
			}
			use := func() {
				t.Helper()
				var wg sync.WaitGroup
				var together sync.WaitGroup
				together.Add(6)
				for g := range 6 {
					wg.Go(func() {
						var open []*sql.Rows
						for _, stmt := range stmts {
							rows, err := stmt.QueryContext(t.Context(), 1+g)
							if assert.NoError(t, err) {
								open = append(open, rows)
							}
						}
						together.Done()
						together.Wait()
						for _, rows := range open {
							assert.NoError(t, rows.Close())
						}
					})
				}
				wg.Wait()
			}
			use()
			held := onEveryBackend(t, db, ofStmts)
			has := slices.DeleteFunc(held, func(n string) bool { return n == "0" })
			require.Greater(t, len(has), 8, "backends that have run something")
			// One is closed while its rows are open on a backend, the other when nothing is under way.
			rows, err := stmts["write"].QueryContext(t.Context(), 1)
			require.NoError(t, err)
			require.NoError(t, stmts["write"].Close())
			require.NoError(t, rows.Close())
			require.NoError(t, stmts["read"].Close())
			for _, n := range onEveryBackend(t, db, ofStmts) {
				require.LessOrEqual(t, n, "1", "an open Stmt of the same text keeps it")
			}
			require.NoError(t, stmts["again"].Close())
			for _, n := range onEveryBackend(t, db, ofStmts) {
				require.Equal(t, "0", n)
			}
		})
	}
}

// A sql.Conn whose backend is its own for good looks at its own statements, as with pgx.
func TestStmtsOfAConnWithSessionStateAreDroppedAtOnce(t *testing.T) {
	c := calm(t)
	for name, db := range map[string]*sql.DB{"pgx": plain(t, c.Primary.DSN()), "pgsplit": handle(t, c)} {
		t.Run(name, func(t *testing.T) {
			conn := connOf(t, db)
			execAll(t, conn, "set application_name = 'x'")
			stmt := prepare(t, conn, "select $1::int")
			twin := prepare(t, conn, "select $1::int")
			require.NoError(t, stmt.QueryRow(1).Scan(new(int)))
			require.Equal(t, "1", firstValue(t, t.Context(), conn, ofStmts))
			require.NoError(t, stmt.Close())
			require.Equal(t, "1", firstValue(t, t.Context(), conn, ofStmts), "its twin is open")
			require.NoError(t, twin.QueryRow(1).Scan(new(int)))
			require.NoError(t, twin.Close())
			require.Equal(t, "0", firstValue(t, t.Context(), conn, ofStmts))
			require.ErrorIs(t, conn.Raw(func(any) error { return driver.ErrBadConn }), driver.ErrBadConn)
		})
	}
}

// Preparing and closing again and again, by many, accumulates nothing.
func TestPreparingForEachUseAccumulatesNothing(t *testing.T) {
	db := handle(t, calm(t), "read_only_tx=replica")
	db.SetMaxIdleConns(8)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 25 {
				stmt, err := db.PrepareContext(t.Context(), fmt.Sprintf("select %d + $1::int", (g+i)%5))
				if !assert.NoError(t, err) {
					return
				}
				var n int
				assert.NoError(t, stmt.QueryRowContext(t.Context(), 1).Scan(&n))
				assert.Equal(t, (g+i)%5+1, n)
				assert.NoError(t, stmt.Close())
			}
		})
	}
	wg.Wait()
	for _, n := range onEveryBackend(t, db, ofStmts) {
		require.Equal(t, "0", n)
	}
}

// What a driver connection that database/sql closes has prepared goes as well.
func TestStatementsOfAClosedDriverConnectionAreGone(t *testing.T) {
	db := handle(t, calm(t), "read_only_tx=replica")
	stmt, err := db.PrepareContext(t.Context(), "select n from item where id = $1")
	require.NoError(t, err)
	var open []*sql.Rows
	for range 4 { // on a driver connection each
		rows, err := stmt.QueryContext(t.Context(), 1)
		require.NoError(t, err)
		open = append(open, rows)
	}
	for _, rows := range open {
		require.NoError(t, rows.Close())
	}
	db.SetMaxIdleConns(0)
	require.Zero(t, db.Stats().OpenConnections)
	require.NoError(t, stmt.Close())
	for _, n := range onEveryBackend(t, db, ofStmts) {
		require.Equal(t, "0", n)
	}
}

// A backend in use drops a closed text when it is given back, although its user has had nothing to do with that.
func TestABackendInUseDropsClosedStatementsWhenItIsGivenBack(t *testing.T) {
	db := handle(t, calm(t))
	stmt := prepare(t, db, "update item set n = n where id = $1 returning n")
	require.NoError(t, stmt.QueryRow(1).Scan(new(int)))
	preparer := connOf(t, db) // the driver connection that has prepared it
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, "1", firstValue(t, t.Context(), tx, ofStmts))
	require.NoError(t, stmt.Close())
	require.NoError(t, preparer.Close()) // database/sql closes a driver's Stmt when its connection is not in use
	require.NoError(t, tx.Commit())
	require.Equal(t, []string{"0"}, onEveryBackend(t, db, ofStmts))
}

// A wrapper may forget to close statements. They end with their driver connection.
func TestStmtsEndWithTheirDriverConnection(t *testing.T) {
	connector, err := (&pgsplit.Driver{}).OpenConnector(calm(t).DSN())
	require.NoError(t, err)
	db := sql.OpenDB(connector)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	for {
		born := time.Now()
		dc, err := connector.Connect(t.Context())
		require.NoError(t, err)
		stmt, err := dc.(driver.ConnPrepareContext).PrepareContext(t.Context(), "update item set n = n where id = $1 returning n")
		require.NoError(t, err)
		require.True(t, dc.(driver.Validator).IsValid())
		require.Equal(t, []string{"1"}, onEveryBackend(t, db, ofStmts))
		require.NoError(t, dc.Close())
		age := time.Since(born)
		left := onEveryBackend(t, db, ofStmts)
		require.NoError(t, stmt.Close())
		require.NoError(t, stmt.Close(), "late, and twice")
		if age < time.Second { // an older one takes a server's connection with it, so that nothing could be seen
			require.Equal(t, []string{"0"}, left)
			return
		}
	}
}

func TestTheCacheOfStatementsIsBoundedAsByPgx(t *testing.T) {
	c := calm(t)
	count := func(db *sql.DB, begin func() (*sql.Tx, error)) string {
		db.SetMaxOpenConns(1)
		tx, err := begin()
		require.NoError(t, err)
		defer tx.Rollback()
		for i := range 60 {
			require.NoError(t, tx.QueryRowContext(t.Context(), fmt.Sprintf("select %d + $1::int", i), i).Scan(new(int)))
		}
		return firstValue(t, t.Context(), tx, "select count(*) from pg_prepared_statements")
	}
	direct := plain(t, c.Primary.DSN(), "statement_cache_capacity=20")
	want := count(direct, func() (*sql.Tx, error) { return direct.BeginTx(t.Context(), nil) })
	require.Contains(t, []string{"20", "21"}, want)
	split := handle(t, c, "statement_cache_capacity=20", "read_only_tx=replica")
	require.Equal(t, want, count(split, func() (*sql.Tx, error) { return split.BeginTx(t.Context(), nil) }))
	require.Equal(t, want, count(split, func() (*sql.Tx, error) {
		return split.BeginTx(t.Context(), &sql.TxOptions{ReadOnly: true})
	}), "on a replica")
}

// A statement closed on a server that went silent costs its time once, and the handle goes on.
func TestClosingAStmtWaitsForASilentServerOnce(t *testing.T) {
	c := rough(t)
	db := handle(t, c, "monitor_timeout=300ms")
	db.SetMaxIdleConns(8)
	stmt := prepare(t, db, "select n from item where id = $1")
	load := startLoad(t, 8, func(ctx context.Context) error { return stmt.QueryRowContext(ctx, 1).Scan(new(int)) })
	load.more(t, 100)
	load.end(t)
	require.NoError(t, c.Replicas[0].Freeze())
	require.NoError(t, stmt.Close())
	require.NoError(t, db.QueryRowContext(t.Context(), "select n from item where id = $1", 1).Scan(new(int)))
}
