package pgsplit_test

import (
	"context"
	"database/sql"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
	"github.com/pgsplit/pgsplit/pgsplittest"
)

var readOnly = &sql.TxOptions{ReadOnly: true}

func begin(t testing.TB, ctx context.Context, db *sql.DB, opts *sql.TxOptions) *sql.Tx {
	t.Helper()
	tx, err := db.BeginTx(ctx, opts)
	require.NoError(t, err)
	t.Cleanup(func() { tx.Rollback() })
	return tx
}

func TestReadOnlyTransactionsGoToAReplicaIfTheHandleSaysSo(t *testing.T) {
	c := calm(t)
	db := handle(t, c, "read_only_tx=replica")
	served := map[int]int{}
	ctx, tr := follow(t.Context())
	for range 30 {
		tx := begin(t, ctx, db, readOnly)
		first := who(t, tx)
		require.Equal(t, first, who(t, tx), "one server for all of it")
		require.Equal(t, "on", firstValue(t, ctx, tx, "show transaction_read_only"))
		require.NoError(t, tx.Commit())
		served[first]++
		routes, retries := tr.take()
		require.Empty(t, retries)
		for _, r := range routes {
			require.Equal(t, pgsplit.ReasonReadOnlyTransaction.String(), r.Reason.String())
		}
	}
	require.Zero(t, served[c.Primary.Port])
	for _, s := range pgsplit.ClusterOf(db).Stats().Servers {
		require.Zero(t, s.InFlight, "connections that are not given back")
		require.LessOrEqual(t, s.Open, 1)
	}
}

func TestReadOnlyTransactionsGoToThePrimaryOtherwise(t *testing.T) {
	c := calm(t)
	offDB, onDB := handle(t, c), handle(t, c, "read_only_tx=replica")
	for name, where := range map[string]struct {
		db   *sql.DB
		ctx  context.Context
		opts *sql.TxOptions
	}{
		"by default":                 {offDB, t.Context(), readOnly},
		"by default, WithReplica":    {offDB, pgsplit.WithReplica(t.Context()), readOnly},
		"serializable":               {onDB, t.Context(), &sql.TxOptions{ReadOnly: true, Isolation: sql.LevelSerializable}},
		"serializable, WithReplica":  {onDB, pgsplit.WithReplica(t.Context()), &sql.TxOptions{ReadOnly: true, Isolation: sql.LevelSerializable}},
		"under WithPrimary":          {onDB, pgsplit.WithPrimary(t.Context()), readOnly},
		"a transaction that writes":  {onDB, t.Context(), nil},
		"a writer under WithReplica": {onDB, pgsplit.WithReplica(t.Context()), nil},
	} {
		ctx, tr := follow(where.ctx)
		tx := begin(t, ctx, where.db, where.opts)
		require.Equal(t, "false", firstValue(t, ctx, tx, isReplicaSQL), name)
		require.NoError(t, tx.Commit())
		routes, _ := tr.take()
		for _, r := range routes {
			require.Equal(t, pgsplit.RolePrimary, r.Server.Role, "%s: a replica was asked, too", name)
		}
	}
	pgsplit.ClusterOf(onDB).SetReplicaReads(false)
	tx := begin(t, t.Context(), onDB, readOnly)
	require.False(t, isReplica(t, tx), "replica reads are off")
}

func TestARepeatableReadTransactionOnAReplicaSeesOneSnapshot(t *testing.T) {
	c := rough(t)
	db := handle(t, c, "read_only_tx=replica")
	settled(t, db)
	test := unique("snapshot")
	tx := begin(t, t.Context(), db, &sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead})
	count := func() string {
		return firstValue(t, t.Context(), tx, "select count(*) from entry where test = $1", test)
	}
	require.Equal(t, "0", count())
	require.True(t, isReplica(t, tx))
	execAll(t, db, "insert into entry (test) values ('"+test+"')")
	require.NoError(t, c.WaitForCatchUp())
	require.Equal(t, "0", count())
	require.Equal(t, "repeatable read", firstValue(t, t.Context(), tx, "show transaction_isolation"))
}

// What a read-only transaction may not do fails as on the primary, as its first statement and later.
func TestWritesInAReadOnlyTransactionFailAsOnThePrimary(t *testing.T) {
	c := calm(t)
	direct, split := plain(t, c.Primary.DSN(), "default_query_exec_mode=exec"), handle(t, c, "read_only_tx=replica", "default_query_exec_mode=exec")
	for _, text := range []string{
		"insert into entry (v) values (1)",
		"update item set n = 0",
		"delete from entry returning v",
		"select id from item where id = 1 for update",
		"select id from item where id = 1 for key share",
		"select nextval('ticket')",
		"create table never (id int)",
		"create temporary table never (id int)",
		"truncate entry",
		"with w as (insert into entry (v) values (1) returning v) select * from w",
		"select 1/0",
		"select * from nowhere",
		"selec",
	} {
		for _, before := range []string{"", "select 1"} {
			run := func(db *sql.DB) error {
				tx := begin(t, t.Context(), db, readOnly)
				defer tx.Rollback()
				if before != "" {
					firstValue(t, t.Context(), tx, before)
				}
				rows, err := tx.QueryContext(t.Context(), text)
				if err == nil {
					for rows.Next() {
					}
					err = rows.Err()
					rows.Close()
				}
				return err
			}
			want := run(direct)
			require.Error(t, want, text)
			got := run(split)
			require.Equal(t, want.Error(), got.Error(), "after %q: %s", before, text)
			require.Equal(t, code(want), code(got))
			require.IsType(t, want, got)
		}
	}
	require.Equal(t, "0", ask(t, c.Primary, "select count(*) from pg_class where relname = 'never'"))
}

// A standby's advisory lock would exclude nobody.
func TestAnAdvisoryLockAsFirstStatementMovesTheTransactionToThePrimary(t *testing.T) {
	db := handle(t, calm(t), "read_only_tx=replica")
	one, two := begin(t, t.Context(), db, readOnly), begin(t, t.Context(), db, readOnly)
	require.Equal(t, "true", firstValue(t, t.Context(), one, "select pg_try_advisory_xact_lock(3)"))
	require.Equal(t, "false", firstValue(t, t.Context(), two, "select pg_try_advisory_xact_lock(3)"))
	require.False(t, isReplica(t, one), "the whole transaction has moved")
	require.Equal(t, "on", firstValue(t, t.Context(), one, "show transaction_read_only"))
	require.NoError(t, one.Commit())
	require.Equal(t, "true", firstValue(t, t.Context(), two, "select pg_try_advisory_xact_lock(3)"))

	three := begin(t, t.Context(), db, readOnly)
	require.True(t, isReplica(t, three))
	_, err := three.ExecContext(t.Context(), "select pg_advisory_xact_lock(3)")
	require.ErrorContains(t, err, "WithPrimary", "later it is too late")
	require.NoError(t, three.Rollback())
}

func TestAReadOnlyTransactionMovesWhenItsReplicaDiesBeforeTheFirstStatement(t *testing.T) {
	c := calm(t)
	application := unique("rotx")
	db := handle(t, c, "read_only_tx=replica", "application_name="+application)
	for _, first := range []string{"query", "exec", "prepare"} {
		replicasServe(t, db, 2)
		ctx, tr := follow(t.Context())
		tx := begin(t, ctx, db, readOnly)
		routes, _ := tr.take()
		require.Equal(t, pgsplit.RoleReplica, routes[0].Server.Role)
		for _, r := range c.Replicas {
			ask(t, r, "select count(pg_terminate_backend(pid, 10000)) from pg_stat_activity where application_name = '%s'", application)
		}
		switch first {
		case "query":
			require.False(t, isReplica(t, tx))
		case "exec":
			execAll(t, tx, "select 1")
		case "prepare":
			require.False(t, replicaSays(t, prepare(t, tx, isReplicaSQL)))
		}
		require.Equal(t, "on", firstValue(t, ctx, tx, "show transaction_read_only"))
		require.NoError(t, tx.Commit())
	}
}

func TestAReadOnlyTransactionWhoseReplicaDiesLaterFailsAndTheNextWorks(t *testing.T) {
	c := calm(t)
	application := unique("rotx")
	db := handle(t, c, "read_only_tx=replica", "application_name="+application)
	tx := begin(t, t.Context(), db, readOnly)
	require.True(t, isReplica(t, tx))
	killOn := func(s *pgsplittest.Server) {
		ask(t, s, "select count(pg_terminate_backend(pid, 10000)) from pg_stat_activity where application_name = '%s'", application)
	}
	killOn(c.Replicas[0])
	killOn(c.Replicas[1])
	for range 3 {
		require.Error(t, tx.QueryRowContext(t.Context(), "select 1").Scan(new(int)), "its snapshot is gone")
	}
	require.Error(t, tx.Commit())
	for range 10 {
		tx := begin(t, t.Context(), db, readOnly)
		who(t, tx)
		require.NoError(t, tx.Commit())
	}
}

// What it has read is whole, and there is nothing to keep.
func TestAReadOnlyTransactionWhoseReplicaDiesBeforeItsEndHasEnded(t *testing.T) {
	c := pgsplittest.Start(t, pgsplittest.Options{Replicas: 1, SetupSQL: behaviourSchema})
	db := handle(t, c, "read_only_tx=replica", "monitor_timeout=500ms", "monitor_interval=100ms")
	victim := c.Replicas[0]
	for name, die := range map[string]func() (revive func() error){
		"terminated": func() func() error {
			require.NoError(t, victim.Exec("select pg_terminate_backend(pid, 10000) from pg_stat_activity where usename = 'app' and state like 'idle in transaction%'"))
			return func() error { return nil }
		},
		"killed": func() func() error { require.NoError(t, victim.Kill()); return victim.Start },
		"frozen": func() func() error { require.NoError(t, victim.Freeze()); return victim.Thaw },
	} {
		for _, failed := range []bool{false, true} {
			for what, end := range map[string]func(*sql.Tx) error{"commit": (*sql.Tx).Commit, "rollback": (*sql.Tx).Rollback} {
				eventually(t, func() bool { return isReplica(t, db) })
				tx := begin(t, t.Context(), db, readOnly)
				require.True(t, isReplica(t, tx), "%s, %s", name, what)
				if failed {
					require.Equal(t, "22012", code(tx.QueryRowContext(t.Context(), "select 1/0").Scan(new(int))))
				}
				revive := die()
				err := end(tx)
				if failed && what == "commit" {
					require.Error(t, err, "%s, %s: it had failed", name, what)
				} else {
					require.NoError(t, err, "%s, %s", name, what)
				}
				require.Equal(t, "1", firstValue(t, t.Context(), db, "select 1"))
				require.NoError(t, revive())
			}
		}
	}
}

// Rows that Raw has left open were not delivered.
func TestRowsThatRawLeavesOpenFailTheCommitAsWithPgx(t *testing.T) {
	for _, db := range []*sql.DB{plain(t, calm(t).Replicas[0].DSN()), handle(t, calm(t), "read_only_tx=replica")} {
		conn := connOf(t, db)
		tx, err := conn.BeginTx(t.Context(), readOnly)
		require.NoError(t, err)
		require.NoError(t, conn.Raw(func(dc any) error {
			rows, err := dc.(interface{ Conn() *pgx.Conn }).Conn().Query(t.Context(), "select repeat('x', 1000) from generate_series(1, 10000)")
			if err == nil {
				rows.Next()
			}
			return err
		}))
		require.ErrorContains(t, tx.Commit(), "conn busy")
	}
}

func TestLocalSettingsWorkInAReadOnlyTransactionAndStayInIt(t *testing.T) {
	db := handle(t, calm(t), "read_only_tx=replica")
	for _, set := range []string{"set local app.local = 'x'", "select set_config('app.local', 'x', true)"} {
		tx := begin(t, t.Context(), db, readOnly)
		firstValue(t, t.Context(), tx, set)
		require.Equal(t, "x", firstValue(t, t.Context(), tx, "select current_setting('app.local', true)"))
		require.NoError(t, tx.Commit())
		for range 20 {
			require.NotEqual(t, "x", firstValue(t, t.Context(), db, "select current_setting('app.local', true)"))
		}
	}
	require.Zero(t, pinned(db))
}

func TestAFailedStatementInAReadOnlyTransactionFailsTheRest(t *testing.T) {
	db := handle(t, calm(t), "read_only_tx=replica")
	tx := begin(t, t.Context(), db, readOnly)
	require.True(t, isReplica(t, tx))
	require.Equal(t, "22012", code(tx.QueryRowContext(t.Context(), "select 1/0").Scan(new(int))))
	require.Equal(t, "25P02", code(tx.QueryRowContext(t.Context(), "select 1").Scan(new(int))))
	require.Error(t, tx.Commit())
	require.True(t, isReplica(t, db), fmt.Sprint(pgsplit.ClusterOf(db).Stats()))
}
