package pgsplit_test

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
)

func prepare(t testing.TB, q interface {
	PrepareContext(context.Context, string) (*sql.Stmt, error)
}, query string) *sql.Stmt {
	t.Helper()
	stmt, err := q.PrepareContext(t.Context(), query)
	require.NoError(t, err)
	t.Cleanup(func() { stmt.Close() })
	return stmt
}

// replicaSays runs a prepared query that returns whether a replica has answered.
func replicaSays(t testing.TB, stmt *sql.Stmt, args ...any) bool {
	t.Helper()
	var replica bool
	require.NoError(t, stmt.QueryRowContext(t.Context(), args...).Scan(&replica))
	return replica
}

func TestAPreparedStatementGoesWhereItsTextBelongs(t *testing.T) {
	db := handle(t, calm(t))
	read := prepare(t, db, "select pg_is_in_recovery() from item where id = $1")
	write := prepare(t, db, "insert into entry (v) values ($1) returning pg_is_in_recovery()")
	lock := prepare(t, db, "select pg_is_in_recovery() from item where id = $1 for update")
	for range 20 {
		require.True(t, replicaSays(t, read, 1))
		require.False(t, replicaSays(t, write, 1))
		require.False(t, replicaSays(t, lock, 1))
	}
	ctx, tr := follow(t.Context())
	res, err := read.ExecContext(ctx, 1)
	require.NoError(t, err)
	n, err := res.RowsAffected()
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	require.Equal(t, pgsplit.ReasonExec.String(), tr.only(t).Reason.String())

	var replica bool
	require.NoError(t, read.QueryRowContext(pgsplit.WithPrimary(ctx), 1).Scan(&replica))
	require.False(t, replica, "under WithPrimary")
}

func TestAPreparedReadFollowsItsTransaction(t *testing.T) {
	c := calm(t)
	db := handle(t, c)
	read := prepare(t, db, "select pg_is_in_recovery() from entry where test = $1")
	write := prepare(t, db, "insert into entry (test) values ($1)")
	test := unique("prepared")
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = tx.StmtContext(t.Context(), write).ExecContext(t.Context(), test)
	require.NoError(t, err)
	require.False(t, replicaSays(t, tx.StmtContext(t.Context(), read), test), "it sees the transaction's own row")
	inside := prepare(t, tx, "select pg_is_in_recovery() from entry where test = $1 and true")
	require.False(t, replicaSays(t, inside, test))
	require.NoError(t, tx.Rollback())
	require.Equal(t, "0", ask(t, c.Primary, "select count(*) from entry where test = '%s'", test))
	require.ErrorIs(t, read.QueryRowContext(t.Context(), test).Scan(new(bool)), sql.ErrNoRows)
}

func TestAStatementPreparedOnAConnFollowsTheConn(t *testing.T) {
	db := handle(t, calm(t))
	conn := connOf(t, db)
	read := prepare(t, conn, "select pg_is_in_recovery() from item where id = $1")
	require.True(t, replicaSays(t, read, 1), "nothing has used the primary")
	execAll(t, conn, "begin")
	require.False(t, replicaSays(t, read, 1), "in a transaction")
	execAll(t, conn, "rollback")
	require.False(t, replicaSays(t, read, 1), "the connection has used the primary")

	conn = connOf(t, db)
	write := prepare(t, conn, "insert into entry (v) values ($1)")
	_, err := write.ExecContext(t.Context(), 1)
	require.NoError(t, err)
	require.False(t, isReplica(t, conn))
}

// In every exec mode the statements are prepared, run and closed; pgx's own cache may stay.
func TestPreparingLeavesNothingOnTheServersButPgxsCache(t *testing.T) {
	c := calm(t)
	for _, mode := range execModes {
		t.Run(mode, func(t *testing.T) {
			db := handle(t, c, "default_query_exec_mode="+mode, "read_only_tx=replica")
			for i := range 8 {
				for _, query := range []string{"select %d + $1::int", "update item set n = n where id = %d and n = $1::int returning n"} {
					stmt, err := db.PrepareContext(t.Context(), fmt.Sprintf(query, i+1))
					require.NoError(t, err)
					rows, err := stmt.QueryContext(t.Context(), 1)
					require.NoError(t, err)
					require.NoError(t, rows.Close())
					require.NoError(t, stmt.Close())
				}
			}
			left := "select count(*) from pg_prepared_statements where name not like 'stmtcache\\_%'"
			if mode != "cache_statement" {
				left = "select count(*) - count(*) filter (where statement like '%pg_prepared_statements%') from pg_prepared_statements"
			}
			conn := connOf(t, db)
			require.Equal(t, "0", firstValue(t, t.Context(), conn, left), "on the primary")
			require.NoError(t, conn.Close())
			tx, err := db.BeginTx(t.Context(), &sql.TxOptions{ReadOnly: true})
			require.NoError(t, err)
			require.True(t, isReplica(t, tx))
			require.Equal(t, "0", firstValue(t, t.Context(), tx, left), "on a replica")
			require.True(t, isReplica(t, tx))
			require.NoError(t, tx.Rollback())
		})
	}
}

// database/sql closes statements while the connections on which they were prepared are idle or in others' hands.
func TestStatementsAreSharedByGoroutinesAndClosedWhileInUse(t *testing.T) {
	db := handle(t, calm(t))
	var wg sync.WaitGroup
	for range 5 {
		read, err := db.PrepareContext(t.Context(), "select $1::int")
		require.NoError(t, err)
		write, err := db.PrepareContext(t.Context(), "update item set n = n where id = $1 returning 1")
		require.NoError(t, err)
		var users sync.WaitGroup
		for g := range 8 {
			users.Go(func() {
				for i := range 8 {
					var got int
					assert.NoError(t, read.QueryRowContext(t.Context(), g*100+i).Scan(&got))
					assert.Equal(t, g*100+i, got)
					assert.NoError(t, write.QueryRowContext(t.Context(), 1+g).Scan(&got))
				}
			})
		}
		users.Wait()
		wg.Go(func() { assert.NoError(t, read.Close()) })
		wg.Go(func() { assert.NoError(t, write.Close()) })
	}
	wg.Wait()
}

func TestAPreparedReadGoesOnWhileReplicasDie(t *testing.T) {
	c := rough(t)
	db := handle(t, c)
	db.SetMaxIdleConns(8)
	stmt := prepare(t, db, "select n from item where id = $1")
	load := startLoad(t, 8, func(ctx context.Context) error {
		return stmt.QueryRowContext(ctx, 7).Scan(new(int))
	})
	load.more(t, 50)
	require.NoError(t, c.Replicas[0].Kill())
	load.more(t, 50)
	require.NoError(t, c.Replicas[1].StopImmediate())
	load.more(t, 50)
	require.NoError(t, c.Replicas[0].Start())
	load.more(t, 50)
	load.end(t)
}
