package pgsplit_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
)

func TestPingAsksThePrimary(t *testing.T) {
	c := rough(t)
	db := handle(t, c)
	ctx, tr := follow(t.Context())
	require.NoError(t, db.PingContext(ctx))
	route := tr.only(t)
	require.Equal(t, pgsplit.ReasonPing.String(), route.Reason.String())
	require.Equal(t, fmt.Sprintf("127.0.0.1:%d", c.Primary.Port), route.Server.Name)
	for _, r := range c.Replicas {
		require.NoError(t, r.Stop())
	}
	for range 10 {
		require.NoError(t, db.PingContext(t.Context()), "without replicas")
	}
}

// onPgx runs a function with the pgx connection below a Conn, as applications of pgx's driver do.
func onPgx(t testing.TB, conn *sql.Conn, f func(*pgx.Conn) error) {
	t.Helper()
	require.NoError(t, conn.Raw(func(dc any) error { return f(dc.(interface{ Conn() *pgx.Conn }).Conn()) }))
}

func TestRawGivesThePrimarysPgxConnection(t *testing.T) {
	c := calm(t)
	db := handle(t, c)
	conn := connOf(t, db)
	require.True(t, isReplica(t, conn))
	test := unique("copy")
	onPgx(t, conn, func(pc *pgx.Conn) error {
		n, err := pc.CopyFrom(t.Context(), pgx.Identifier{"entry"}, []string{"test", "v"}, pgx.CopyFromRows([][]any{{test, 1}, {test, 2}, {test, 3}}))
		require.EqualValues(t, 3, n)
		return err
	})
	onPgx(t, conn, func(pc *pgx.Conn) error {
		var batch pgx.Batch
		var count int
		var replica bool
		batch.Queue("insert into entry values ($1, 4)", test)
		batch.Queue("select count(*) from entry where test = $1", test).QueryRow(func(row pgx.Row) error { return row.Scan(&count) })
		batch.Queue("select pg_is_in_recovery()").QueryRow(func(row pgx.Row) error { return row.Scan(&replica) })
		err := pc.SendBatch(t.Context(), &batch).Close()
		require.Equal(t, 4, count)
		require.False(t, replica)
		return err
	})
	require.Equal(t, "4", firstValue(t, t.Context(), conn, "select count(*) from entry where test = $1", test), "this connection reads what it wrote")
	require.Equal(t, "4", ask(t, c.Primary, "select count(*) from entry where test = '%s'", test))
}

func TestRawOfAClosedHandleGivesAClosedConnection(t *testing.T) {
	db := open(t, calm(t).DSN())
	conn := connOf(t, db)
	require.NoError(t, db.Close())
	onPgx(t, conn, func(pc *pgx.Conn) error {
		require.True(t, pc.IsClosed())
		_, err := pc.Exec(t.Context(), "select 1")
		require.Error(t, err)
		return nil
	})
}

func TestAContextThatIsOverBeforehandIsToldAsByPgx(t *testing.T) {
	c := calm(t)
	split, direct := handle(t, c), plain(t, c.Primary.DSN())
	require.NoError(t, direct.Ping())
	ctx, cancel := contextWithCancel(t)
	cancel()
	for _, text := range []string{"select 1", "insert into entry (v) values (1)"} {
		_, want := direct.QueryContext(ctx, text)
		_, got := split.QueryContext(ctx, text)
		require.Equal(t, want, got)
		require.ErrorIs(t, got, context.Canceled)
		_, got = split.ExecContext(ctx, text)
		require.ErrorIs(t, got, context.Canceled)
	}
	_, got := split.BeginTx(ctx, nil)
	require.ErrorIs(t, got, context.Canceled)
}

// The caller's own wish is no failure of the server: nothing runs again and the replica stays in use.
func TestADeadlineEndsAReadAndNothingElse(t *testing.T) {
	c := calm(t)
	split, direct := handle(t, c, "balancer=round_robin"), plain(t, c.Primary.DSN())
	for range 4 { // so that no connection has to be opened within the deadline
		require.True(t, isReplica(t, split))
		require.False(t, isReplica(t, direct))
	}
	for _, text := range []string{"select pg_sleep(60)", "select pg_sleep(60) from item where id = 1 for update"} {
		deadline := func() context.Context {
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			t.Cleanup(cancel)
			return ctx
		}
		_, want := direct.QueryContext(deadline(), text)
		ctx, tr := follow(deadline())
		begin := time.Now()
		_, got := split.QueryContext(ctx, text)
		require.Less(t, time.Since(begin), 10*time.Second)
		require.ErrorIs(t, got, context.DeadlineExceeded)
		require.Equal(t, want.Error(), got.Error())
		require.IsType(t, want, got)
		tr.only(t)
	}
	ctx, cancel := contextWithCancel(t)
	time.AfterFunc(100*time.Millisecond, cancel)
	_, err := split.QueryContext(ctx, "select pg_sleep(60)")
	require.ErrorIs(t, err, context.Canceled)

	for _, s := range pgsplit.ClusterOf(split).Stats().Servers {
		require.True(t, s.Healthy, s.Name)
		require.Zero(t, s.Healed, s.Name)
	}
	require.True(t, isReplica(t, split))
}

func TestADeadlineEndsAReadWhoseRowsAreComing(t *testing.T) {
	db := handle(t, calm(t))
	require.True(t, isReplica(t, db))
	var rows *sql.Rows
	for limit := 300 * time.Millisecond; ; limit *= 2 { // a machine that stands still may take longer for the first row
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		var err error
		rows, err = db.QueryContext(ctx, "select g, pg_sleep(case when g > 2000 then 60 else 0 end) from generate_series(1, 4000) g")
		if !errors.Is(err, context.DeadlineExceeded) || limit > 4*time.Second {
			require.NoError(t, err)
			break
		}
	}
	defer rows.Close()
	n := 0
	for rows.Next() {
		n++
	}
	require.ErrorIs(t, rows.Err(), context.DeadlineExceeded)
	require.Less(t, n, 4000)
}

func TestAStatementTimeoutIsAnAnswer(t *testing.T) {
	db := handle(t, calm(t), "statement_timeout=100", "default_query_exec_mode=exec")
	for _, text := range []string{"select pg_sleep(60)", "with w as (insert into entry (v) values (1)) select pg_sleep(60)"} {
		ctx, tr := follow(t.Context())
		_, err := db.QueryContext(ctx, text)
		pgErr, ok := err.(*pgconn.PgError)
		require.True(t, ok, "%T", err)
		require.Equal(t, "57014", pgErr.Code)
		tr.only(t)
	}
	require.True(t, isReplica(t, db))
}

// Cancelling is told to the server: nothing goes on running there.
func TestACancelledReadEndsOnItsServer(t *testing.T) {
	c := calm(t)
	application := unique("cancel")
	db := handle(t, c, "application_name="+application)
	ctx, cancel := contextWithCancel(t)
	failed := make(chan error, 1)
	go func() {
		_, err := db.ExecContext(ctx, "select pg_sleep(60)")
		failed <- err
	}()
	eventually(t, func() bool { return asleep(t, c, application) == 1 })
	cancel()
	require.ErrorIs(t, <-failed, context.Canceled)
	eventually(t, func() bool { return asleep(t, c, application) == 0 }, "the statement goes on")
}

func TestRowsKeepPgxsOptionalInterfaces(t *testing.T) {
	db := handle(t, calm(t), "read_your_writes=strict")
	for _, text := range []string{
		"select 1.5::numeric(8,3) as a, 'x'::varchar(7) as b",
		"insert into entry (v) values (1) returning 1.5::numeric(8,3) as a, 'x'::varchar(7) as b",
	} {
		rows, err := db.QueryContext(t.Context(), text)
		require.NoError(t, err)
		types, err := rows.ColumnTypes()
		require.NoError(t, err)
		precision, scale, ok := types[0].DecimalSize()
		require.True(t, ok)
		require.EqualValues(t, []int64{8, 3}, []int64{precision, scale})
		length, ok := types[1].Length()
		require.True(t, ok)
		require.EqualValues(t, 7, length)
		require.Equal(t, "VARCHAR", types[1].DatabaseTypeName())
		require.Equal(t, "float64", types[0].ScanType().String())
		require.NoError(t, rows.Close())
	}
}

func TestAnErrorAfterRowsWereDeliveredShowsInTheRows(t *testing.T) {
	c := calm(t)
	const text = "select g, 1/(3000 - g) from generate_series(1, 9000) g"
	read := func(db *sql.DB) (n int, err error) {
		ctx, tr := follow(t.Context())
		rows, err := db.QueryContext(ctx, text)
		require.NoError(t, err)
		defer rows.Close()
		for rows.Next() {
			n++
		}
		_, retries := tr.take()
		require.Empty(t, retries)
		return n, rows.Err()
	}
	wantN, want := read(plain(t, c.Primary.DSN(), "default_query_exec_mode=exec"))
	gotN, got := read(handle(t, c, "default_query_exec_mode=exec"))
	require.Equal(t, 2999, wantN)
	require.Equal(t, wantN, gotN)
	require.Equal(t, want, got)
	var pgErr *pgconn.PgError
	require.True(t, errors.As(got, &pgErr))
	require.Equal(t, "22012", pgErr.Code)
}
