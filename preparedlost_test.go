package pgsplit_test

import (
	"database/sql/driver"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit/pgsplittest"
)

// With pgx a Stmt fails until it is closed once its connection was told to forget all statements.
func TestAStmtOutlivesDeallocateAll(t *testing.T) {
	c := calm(t)
	for _, mode := range execModes {
		for _, drop := range []string{"deallocate all", "discard all", "deallocate prepare all", "do $$ begin execute 'deallocate all'; end $$", "select 1; deallocate all"} {
			t.Run(mode+"/"+drop, func(t *testing.T) {
				db := handle(t, c, "default_query_exec_mode="+mode)
				conn := connOf(t, db)
				stmt := prepare(t, conn, "update item set n = n where id = $1 returning id")
				use := func() {
					t.Helper()
					for range 2 {
						require.NoError(t, stmt.QueryRow(1).Scan(new(int)))
						require.NoError(t, conn.QueryRowContext(t.Context(), "select n from item where id = $1", 2).Scan(new(int)))
						_, err := stmt.Exec(3)
						require.NoError(t, err)
					}
				}
				use()
				execAll(t, conn, drop)
				use()
				require.NoError(t, stmt.Close())
				require.ErrorIs(t, conn.Raw(func(any) error { return driver.ErrBadConn }), driver.ErrBadConn)
			})
		}
	}
}

// The error would end the transaction.
func TestDeallocateAllInATransactionDoesNotEndIt(t *testing.T) {
	db := handle(t, calm(t))
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	defer tx.Rollback()
	stmt := prepare(t, tx, "select n from item where id = $1")
	require.NoError(t, stmt.QueryRow(1).Scan(new(int)))
	require.NoError(t, tx.QueryRow("select id from item where id = $1", 1).Scan(new(int)))
	execAll(t, tx, "deallocate all")
	require.NoError(t, stmt.QueryRow(1).Scan(new(int)))
	require.NoError(t, tx.QueryRow("select id from item where id = $1", 1).Scan(new(int)))
	require.NoError(t, tx.Commit())
}

// What one user of a backend has dropped behind our back the next one does not miss.
func TestStatementsDroppedByAFunctionAreMissedByNobody(t *testing.T) {
	c := calm(t)
	name := unique("forgetful")
	require.NoError(t, c.Primary.Exec("create function "+name+"() returns void language plpgsql as $$ begin execute 'deallocate all'; end $$"))
	require.NoError(t, c.WaitForCatchUp())
	db := handle(t, c)
	db.SetMaxOpenConns(1)
	stmt := prepare(t, db, "update item set n = n where id = $1 returning id")
	for range 3 {
		require.NoError(t, stmt.QueryRow(1).Scan(new(int)))
		_, err := db.Exec("update item set n = n where id = $1", 2)
		require.NoError(t, err)
		execAll(t, db, "select "+name+"()")
	}
}

func TestAStmtOutlivesRestartsAndAFailover(t *testing.T) {
	c := pgsplittest.Start(t, pgsplittest.Options{Replicas: 2, SetupSQL: behaviourSchema})
	db := handle(t, c, "monitor_interval=100ms", "monitor_timeout=1s")
	db.SetMaxIdleConns(8)
	read := prepare(t, db, "select n from item where id = $1")
	write := prepare(t, db, "insert into entry (test, v) values ($1, $2) returning v")
	use := func(what string) {
		t.Helper()
		for i := range 4 {
			require.NoError(t, read.QueryRow(1+i).Scan(new(int)), what)
		}
		// A write that meets a connection which has just died may have run: it is not repeated. The next one works.
		deadline := time.Now().Add(20 * time.Second)
		for {
			err := write.QueryRow(what, 1).Scan(new(int))
			if err == nil {
				break
			}
			require.True(t, time.Now().Before(deadline), "%s: %v", what, err)
		}
		tx, err := db.BeginTx(t.Context(), nil)
		require.NoError(t, err, what)
		defer tx.Rollback()
		require.NoError(t, tx.Stmt(read).QueryRow(2).Scan(new(int)), what)
		_, err = tx.Stmt(write).Exec(what, 2)
		require.NoError(t, err, what)
		require.NoError(t, tx.Commit(), what)
	}
	use("at first")
	for _, r := range c.Replicas {
		require.NoError(t, r.Restart())
		use("a replica restarted")
	}
	require.NoError(t, c.Primary.Restart())
	use("the primary restarted")
	require.NoError(t, c.WaitForCatchUp())
	require.NoError(t, c.Promote(c.Replicas[0]))
	use("after a failover")
	require.NoError(t, read.Close())
	require.NoError(t, write.Close())
	var n int
	require.NoError(t, db.QueryRow("insert into entry (test) values ('end') returning (select count(distinct test) from entry)").Scan(&n))
	require.Equal(t, 4, n, "every stage has written")
}
