package pgsplit_test

import (
	"database/sql"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
	"github.com/pgsplit/pgsplit/pgsplittest"
)

// changing is a table of three columns that another process changes: the handles of these tests do not see it happen.
type changing struct {
	c    *pgsplittest.Cluster
	name string
}

func newChanging(t testing.TB, c *pgsplittest.Cluster) *changing {
	t.Helper()
	table := &changing{c: c, name: unique("changing")}
	require.NoError(t, c.Primary.Exec(fmt.Sprintf("create table %s (id int, a int, s text); insert into %[1]s values (1, 2, 'x'); grant all on %[1]s to public", table.name)))
	require.NoError(t, c.WaitForCatchUp())
	t.Cleanup(func() { require.NoError(t, c.Primary.Exec("drop table if exists "+table.name)) })
	return table
}

func (c *changing) alter(t testing.TB, how string) {
	t.Helper()
	require.NoError(t, c.c.Primary.Exec("alter table "+c.name+" "+how))
	require.NoError(t, c.c.WaitForCatchUp())
}

// width is how many columns a query has returned. All rows are read.
func width(t testing.TB, rows *sql.Rows, err error) int {
	t.Helper()
	require.NoError(t, err)
	defer rows.Close()
	names, err := rows.Columns()
	require.NoError(t, err)
	for rows.Next() {
	}
	require.NoError(t, rows.Err())
	return len(names)
}

func onPrimary(db *sql.DB) (s pgsplit.ServerStats) {
	for _, s = range pgsplit.ClusterOf(db).Stats().Servers {
		if s.Role == pgsplit.RolePrimary {
			return s
		}
	}
	return s
}

// With pgx it goes on to fail for as long as it is open.
func TestAStmtOutlivesASchemaChangeOfAnotherProcess(t *testing.T) {
	c := calm(t)
	for _, mode := range execModes {
		t.Run(mode, func(t *testing.T) {
			table := newChanging(t, c)
			db := handle(t, c, "default_query_exec_mode="+mode)
			db.SetMaxIdleConns(8)
			read := prepare(t, db, "select * from "+table.name+" where id = $1")
			write := prepare(t, db, "update "+table.name+" set id = id where id = $1 returning *")
			all := func(want int) {
				t.Helper()
				for range 4 {
					rows, err := read.QueryContext(t.Context(), 1)
					require.Equal(t, want, width(t, rows, err))
					rows, err = write.QueryContext(t.Context(), 1)
					require.Equal(t, want, width(t, rows, err))
					_, err = write.ExecContext(t.Context(), 1)
					require.NoError(t, err)
				}
			}
			all(3)
			table.alter(t, "add column b int")
			all(4)
			table.alter(t, "drop column s")
			all(3)
		})
	}
}

// oldPlan has the one backend on the primary prepare a text, on behalf of a driver connection that is then busy elsewhere.
var oldPlan = map[string]func(t testing.TB, db *sql.DB, text string){
	"by an open Stmt": func(t testing.TB, db *sql.DB, text string) {
		rows, err := prepare(t, db, text).QueryContext(t.Context(), 1)
		width(t, rows, err)
		connOf(t, db)
	},
	"by the cache": func(t testing.TB, db *sql.DB, text string) {
		rows, err := db.QueryContext(t.Context(), text, 1)
		width(t, rows, err)
		connOf(t, db)
	},
}

// In a transaction plain pgx has no old plan of what its connection has never prepared. Ours shares its backends with
// connections that have.
func TestWhatIsPreparedAnewInATransactionHasNoOldPlan(t *testing.T) {
	c := calm(t)
	for _, mode := range execModes {
		for who, makeOld := range oldPlan {
			for change, want := range map[string]int{
				"add column b int": 4, "alter column a type bigint": 3, `alter column s type text collate "C"`: 3,
			} {
				t.Run(mode+"/"+who+"/"+change, func(t *testing.T) {
					table := newChanging(t, c)
					text := "select * from " + table.name + " where id = $1 for update"
					db := handle(t, c, "default_query_exec_mode="+mode)
					makeOld(t, db, text)
					table.alter(t, change)
					tx, err := db.BeginTx(t.Context(), nil)
					require.NoError(t, err)
					defer tx.Rollback()
					rows, err := prepare(t, tx, text).QueryContext(t.Context(), 1)
					require.Equal(t, want, width(t, rows, err))
					require.NoError(t, tx.Commit())
					require.Equal(t, 1, onPrimary(db).Open, "the old plan was on another backend")
				})
			}
		}
	}
}

// Modes that keep no plans never meet an old one with pgx, whatever others have prepared.
func TestWhatOthersHavePreparedIsNotUsedInATransaction(t *testing.T) {
	c := calm(t)
	for _, mode := range execModes[1:] {
		t.Run(mode, func(t *testing.T) {
			table := newChanging(t, c)
			text := "select * from " + table.name + " where id = $1 for update"
			db := handle(t, c, "default_query_exec_mode="+mode)
			oldPlan["by an open Stmt"](t, db, text)
			table.alter(t, "add column b int")
			tx, err := db.BeginTx(t.Context(), nil)
			require.NoError(t, err)
			defer tx.Rollback()
			rows, err := tx.QueryContext(t.Context(), text, 1)
			require.Equal(t, 4, width(t, rows, err))
			require.Equal(t, 1, onPrimary(db).Open)
		})
	}
}

// The Stmt is newer than the change, one of the backends is not.
func TestAStmtNewerThanAChangeMeetsNoOldPlan(t *testing.T) {
	c := calm(t)
	for _, sameConn := range []bool{true, false} {
		table := newChanging(t, c)
		db := handle(t, c, "replica_reads=off")
		db.SetMaxIdleConns(8)
		text := "select * from " + table.name + " where id = $1"
		old := prepare(t, db, text)
		var all []*sql.Tx
		for range 2 { // on two backends
			tx, err := db.BeginTx(t.Context(), nil)
			require.NoError(t, err)
			rows, err := tx.StmtContext(t.Context(), old).QueryContext(t.Context(), 1)
			width(t, rows, err)
			all = append(all, tx)
		}
		for _, tx := range all {
			require.NoError(t, tx.Rollback())
		}
		require.Equal(t, 2, onPrimary(db).Open)
		table.alter(t, "add column b int")

		connOf(t, db) // the driver connections that hold the old Stmt are away; they hold no backend
		connOf(t, db)
		stmt := prepare(t, db, text)
		preparer := connOf(t, db) // the driver connection that was used last; it holds no backend
		if !sameConn {
			require.NoError(t, preparer.Close())
		}
		taken, err := db.BeginTx(t.Context(), nil) // takes the backend that was used last
		require.NoError(t, err)
		if sameConn {
			require.NoError(t, preparer.Close())
		}
		tx, err := db.BeginTx(t.Context(), nil)
		require.NoError(t, err)
		rows, err := tx.StmtContext(t.Context(), stmt).QueryContext(t.Context(), 1)
		require.Equal(t, 4, width(t, rows, err))
		require.NoError(t, tx.Rollback())
		require.NoError(t, taken.Rollback())
		require.Equal(t, 2, onPrimary(db).Open)
	}
}

// The parameter's type is the statement's as well.
func TestAStmtPreparedAnewTakesArgumentsOfTheNewType(t *testing.T) {
	c := calm(t)
	table := newChanging(t, c)
	db := handle(t, c)
	text := "update " + table.name + " set a = $1 returning a"
	old := prepare(t, db, text)
	require.NoError(t, old.QueryRow(5).Scan(new(int)))
	connOf(t, db)
	table.alter(t, "alter column a type text")
	require.NoError(t, prepare(t, db, text).QueryRow("five").Scan(new(string)))
}

// pgx's error, from pgx's place, although a backend has the text prepared.
func TestPreparingWhatIsGoneFailsAsWithPgx(t *testing.T) {
	c := calm(t)
	table := newChanging(t, c)
	db, direct := handle(t, c), plain(t, c.Primary.DSN())
	text := "update " + table.name + " set a = $1"
	prepare(t, db, text)
	require.NoError(t, c.Primary.Exec("drop table "+table.name))
	connOf(t, db)
	_, want := direct.PrepareContext(t.Context(), text)
	_, got := db.PrepareContext(t.Context(), text)
	require.Equal(t, want, got)
}

// One transaction may meet an old plan, as with pgx. The others need not find it out by themselves.
func TestAnOldPlanIsMetOnceForAllConnections(t *testing.T) {
	c := calm(t)
	table := newChanging(t, c)
	use := func(db *sql.DB) (failed int) {
		var all []*sql.Tx
		for range 4 {
			tx, err := db.BeginTx(t.Context(), nil)
			require.NoError(t, err)
			all = append(all, tx)
		}
		for _, tx := range all {
			rows, err := tx.QueryContext(t.Context(), "select * from "+table.name+" where id = $1", 1)
			if err == nil {
				width(t, rows, nil)
			} else {
				pgErr, ok := err.(*pgconn.PgError)
				require.True(t, ok, "%v", err)
				require.Equal(t, "0A000", pgErr.Code)
				failed++
			}
		}
		for _, tx := range all {
			require.NoError(t, tx.Rollback())
		}
		return failed
	}
	direct, split := plain(t, c.Primary.DSN()), handle(t, c)
	for _, db := range []*sql.DB{direct, split} {
		db.SetMaxIdleConns(8)
		require.Zero(t, use(db))
	}
	table.alter(t, "add column b int")
	require.Equal(t, 4, use(direct))
	require.Equal(t, 1, use(split))
	require.Zero(t, use(split))
}
