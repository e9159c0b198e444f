package pgsplit_test

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
)

// routed is a text and where it belongs. The first column of its result says whether a replica has answered.
type routed struct {
	sql    string
	reason pgsplit.Reason // ReasonReplica: a replica; all others: the primary
}

func checkRoutes(t *testing.T, db *sql.DB, cases []routed) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.sql, func(t *testing.T) {
			ctx, tr := follow(t.Context())
			answer := firstValue(t, ctx, db, c.sql)
			route := tr.only(t)
			require.Equal(t, c.reason.String(), route.Reason.String())
			replica := c.reason == pgsplit.ReasonReplica
			require.Equal(t, fmt.Sprint(replica), answer, "answered by a replica")
			require.Equal(t, replica, route.Server.Role == pgsplit.RoleReplica)
			require.Equal(t, c.sql, route.SQL)
		})
	}
}

func TestReadsGoToReplicas(t *testing.T) {
	db := handle(t, calm(t))
	var cases []routed
	for _, q := range []string{
		"select pg_is_in_recovery()",
		"  SELECT pg_is_in_recovery() ; ",
		"-- insert into item\nselect pg_is_in_recovery() /* update /* nested */ item */",
		"/* a */ select /* b */ pg_is_in_recovery() -- c",
		"(select pg_is_in_recovery())",
		"select pg_is_in_recovery() union all select false",
		"with w as (select pg_is_in_recovery() as r) select r from w",
		"with recursive w(n) as (select 1 union all select n + 1 from w where n < 3) select pg_is_in_recovery() from w",
		"values (pg_is_in_recovery())",
		"table place",
		"select * from place",
		"select pg_is_in_recovery() from item where name <> 'delete from item; commit' limit 1",
		"select pg_is_in_recovery() as \"update\" from item limit 1",
		"select pg_is_in_recovery(), $$insert into item values (1)$$",
		"select pg_is_in_recovery(), count(*), max(n) from item group by n % 2 order by 3",
		"select pg_is_in_recovery(), i.name from item i join item j using (id) where i.n between 1 and 9 limit 2 offset 1",
		"select pg_is_in_recovery(), random(), now(), gen_random_uuid(), clock_timestamp()",
		"select pg_is_in_recovery() from generate_series(1, 3)",
		"select pg_is_in_recovery(), row_number() over (partition by n order by id) from item limit 1",
	} {
		cases = append(cases, routed{q, pgsplit.ReasonReplica})
	}
	checkRoutes(t, db, cases)
}

func TestWhatIsNoPlainReadGoesToThePrimary(t *testing.T) {
	db := handle(t, calm(t))
	checkRoutes(t, db, []routed{
		{"insert into entry (v) values (1) returning pg_is_in_recovery()", pgsplit.ReasonWrites},
		{"update entry set v = v returning pg_is_in_recovery()", pgsplit.ReasonWrites},
		{"delete from entry returning pg_is_in_recovery()", pgsplit.ReasonWrites},
		{"with w as (insert into entry (v) values (2) returning v) select pg_is_in_recovery() from w", pgsplit.ReasonWrites},
		{"with w as (update entry set v = v returning v) select pg_is_in_recovery()", pgsplit.ReasonWrites},
		{"with w as (select 1) delete from entry returning pg_is_in_recovery()", pgsplit.ReasonWrites},
		{"select pg_is_in_recovery(), nextval('ticket')", pgsplit.ReasonWrites},
		{"select pg_is_in_recovery(), id from item where id = 1 for update", pgsplit.ReasonLocks},
		{"select pg_is_in_recovery(), id from item where id = 1 FOR NO KEY UPDATE SKIP LOCKED", pgsplit.ReasonLocks},
		{"select pg_is_in_recovery(), id from item where id = 1 for share", pgsplit.ReasonLocks},
		{"select pg_is_in_recovery(), id from item where id = 1 for key share of item nowait", pgsplit.ReasonLocks},
		{"select pg_is_in_recovery() from (select id from item where id = 1 for update) s", pgsplit.ReasonLocks},
		{"select pg_is_in_recovery(), pg_advisory_xact_lock(4711)", pgsplit.ReasonLocks},
		{"select pg_is_in_recovery(), pg_try_advisory_xact_lock(4711)", pgsplit.ReasonLocks},
		{"select pg_is_in_recovery(), set_config('app.routing', 'x', true)", pgsplit.ReasonSessionState},
		{"select pg_is_in_recovery(), whoami()", pgsplit.ReasonUnknownFunction},
		{"select pg_is_in_recovery(), count(*) from pg_stat_activity", pgsplit.ReasonServerLocal},
		{"select pg_is_in_recovery(), count(*) from scratch", pgsplit.ReasonServerLocal}, // an unlogged table
		{"select pg_is_in_recovery(), count(*) from pg_class", pgsplit.ReasonCatalog},
		{"select pg_is_in_recovery(), count(*) from information_schema.tables", pgsplit.ReasonCatalog},
	})
}

func TestSeveralStatementsInOneTextGoToThePrimary(t *testing.T) {
	db := handle(t, calm(t), "default_query_exec_mode=simple_protocol")
	checkRoutes(t, db, []routed{
		{"select pg_is_in_recovery(); select pg_is_in_recovery()", pgsplit.ReasonSeveral},
		{"select pg_is_in_recovery(); insert into entry (v) values (3)", pgsplit.ReasonSeveral},
	})
}

// EXPLAIN and SHOW do not return a column of ours: the servers' settings tell them apart.
func TestExplainAndShowAnswerAsThePrimaryWouldOrFromAReplica(t *testing.T) {
	c := calm(t)
	db := handle(t, c)
	for _, q := range []string{"explain (settings) select * from item", "show random_page_cost"} {
		ctx, tr := follow(t.Context())
		rows, err := db.QueryContext(ctx, q)
		require.NoError(t, err)
		var text strings.Builder
		for rows.Next() {
			var line string
			require.NoError(t, rows.Scan(&line))
			text.WriteString(line)
		}
		require.NoError(t, rows.Err())
		cost := map[pgsplit.Role]string{pgsplit.RolePrimary: "3.5", pgsplit.RoleReplica: "4.5"}
		route := tr.only(t)
		require.Contains(t, text.String(), cost[route.Server.Role], "%s: it ran elsewhere than the trace says (%v)", q, route.Server)
	}
	// What it explains is executed.
	ctx, tr := follow(t.Context())
	firstValue(t, ctx, db, "explain analyze insert into entry (v) values (4)")
	require.Equal(t, pgsplit.RolePrimary, tr.only(t).Server.Role)
}

func TestExecGoesToThePrimaryWhateverItRuns(t *testing.T) {
	c := calm(t)
	db := handle(t, c)
	for _, q := range []string{"select pg_is_in_recovery()", "insert into entry (v) values (5)", "select 1 from item for update"} {
		ctx, tr := follow(t.Context())
		_, err := db.ExecContext(ctx, q)
		require.NoError(t, err)
		route := tr.only(t)
		require.Equal(t, pgsplit.ReasonExec.String(), route.Reason.String())
		require.Equal(t, fmt.Sprintf("127.0.0.1:%d", c.Primary.Port), route.Server.Name)
	}
	// The trace says so; the rows prove it.
	_, err := db.ExecContext(t.Context(), "insert into item (name, n) select 'by exec', 1 from place where not replica")
	require.NoError(t, err)
	var port int
	require.NoError(t, plain(t, c.Primary.DSN()).QueryRow("select distinct port from item where name = 'by exec'").Scan(&port))
	require.Equal(t, c.Primary.Port, port)
}

func TestATransactionRunsOnThePrimaryAsAWhole(t *testing.T) {
	c := calm(t)
	db := handle(t, c)
	ctx, tr := follow(t.Context())
	for _, opts := range []*sql.TxOptions{nil, {Isolation: sql.LevelSerializable}, {Isolation: sql.LevelRepeatableRead}, {ReadOnly: true}} {
		tx, err := db.BeginTx(ctx, opts)
		require.NoError(t, err)
		require.Equal(t, c.Primary.Port, who(t, tx))
		require.Equal(t, "false", firstValue(t, ctx, tx, "select pg_is_in_recovery()"))
		require.NoError(t, tx.Commit())
		routes, _ := tr.take()
		require.Equal(t, pgsplit.ReasonTransaction.String(), routes[len(routes)-1].Reason.String())
		require.True(t, isReplica(t, db), "after the transaction")
	}
}

func TestTextsOfGeneratorsAndORMsGoWhereTheyBelong(t *testing.T) {
	db := handle(t, calm(t))
	checkRoutes(t, db, []routed{
		{"-- name: ListItems :many\nselect pg_is_in_recovery(), id, name from item\norder by name\nlimit 3", pgsplit.ReasonReplica},
		{"-- name: CreateEntry :one\ninsert into entry (\n  test, v\n) values (\n  'sqlc', 1\n)\nreturning pg_is_in_recovery(), v", pgsplit.ReasonWrites},
		{"-- name: TakeJob :one\nwith job as (select id from item order by id for update skip locked limit 1) update item set n = n where id in (select id from job) returning pg_is_in_recovery()", pgsplit.ReasonWrites},
		{`SELECT pg_is_in_recovery(),* FROM "item" WHERE "item"."id" = 1 AND "item"."name" <> '' ORDER BY "item"."id" LIMIT 1`, pgsplit.ReasonReplica},
		{`SELECT pg_is_in_recovery(), count(*) FROM "item" WHERE name IN ('a','b')`, pgsplit.ReasonReplica},
		{`INSERT INTO "entry" ("test","v") VALUES ('gorm',1),('gorm',2) ON CONFLICT DO NOTHING RETURNING pg_is_in_recovery(),"v"`, pgsplit.ReasonWrites},
		{`SELECT pg_is_in_recovery(),* FROM "item" WHERE "item"."id" = 1 LIMIT 1 FOR UPDATE`, pgsplit.ReasonLocks},
		{`SELECT "t0".* FROM (SELECT pg_is_in_recovery() AS "r" FROM "item" AS "i" WHERE ("i"."n" > 3)) AS "t0" LIMIT 1`, pgsplit.ReasonReplica},
	})
}
