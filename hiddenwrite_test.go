package pgsplit_test

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
	"github.com/pgsplit/pgsplit/pgsplittest"
)

// Under strict a write leaves a mark, however it was made: while the replicas stand still, only the mark keeps a read on
// another connection away from them.

// stand makes the replicas stand still. Whatever a replica has to know for a test must have been made before.
func stand(t testing.TB, c *pgsplittest.Cluster) {
	t.Helper()
	require.NoError(t, c.WaitForCatchUp())
	for _, r := range c.Replicas {
		require.NoError(t, r.PauseReplay())
	}
}

// marked opens a handle of its own, runs a write on one connection, and requires that reads on others see what it has
// written: rows of entry with this test's name.
func marked(t *testing.T, c *pgsplittest.Cluster, params []string, write func(t testing.TB, conn *sql.Conn, test string)) {
	t.Helper()
	db, conn, test := markedHere(t, c, params, write)
	conn.Close()
	seen(t, db, test)
}

func markedHere(t *testing.T, c *pgsplittest.Cluster, params []string, write func(t testing.TB, conn *sql.Conn, test string)) (*sql.DB, *sql.Conn, string) {
	t.Helper()
	db := handle(t, c, append(slices.Clone(params), "read_your_writes=strict", "max_lag=0")...)
	conn := connOf(t, db)
	require.True(t, isReplica(t, db), "before the write")
	test := unique("marked")
	write(t, conn, test)
	seen(t, db, test)
	return db, conn, test
}

func seen(t testing.TB, db *sql.DB, test string) {
	t.Helper()
	for range 5 {
		var n int
		require.NoError(t, db.QueryRowContext(t.Context(), "select count(*) from entry where test = $1", test).Scan(&n))
		require.NotZero(t, n, "a stale read")
	}
}

// hiddenWrites make what looks like a read write. The text of each is select … from or of what is named after the case.
const hiddenWrites = `
create function note(test text) returns int language sql volatile as 'insert into entry (test) values (test) returning 1';
create function noted() returns int language sql volatile as $$select note(current_setting('application_name'))$$;
create function stable_liar() returns int language sql stable as 'select noted()';
create function dynamic_liar() returns int language plpgsql stable as $$declare n int; begin execute 'select noted()' into n; return n; end$$;
create view noting as select noted() as n;
create view noting_twice as select n from noting;
create table guarded as select 1 as n;
alter table guarded enable row level security;
create policy notes on guarded using (noted() = 1);
grant select on guarded, noting, noting_twice to public;
create function note_ints(int, int) returns boolean language sql volatile as 'select noted() = 1';
create operator === (function = note_ints, leftarg = int, rightarg = int);
create function note_sum(int, int) returns int language sql volatile as 'select noted()';
create aggregate note_all(int) (sfunc = note_sum, stype = int, initcond = 0);
create view changeling as select 1 as n;
grant select on changeling to public;
`

func TestAWriteHiddenInAReadLeavesAMark(t *testing.T) {
	c := pgsplittest.Start(t, pgsplittest.Options{Replicas: 1, SetupSQL: behaviourSchema + hiddenWrites})
	stand(t, c)
	const safe = "safe_functions=note,noted,stable_liar,dynamic_liar,note_ints,note_sum"
	for _, read := range []string{
		"select noted()",
		"select stable_liar()",
		"select dynamic_liar()",
		"select n from noting",
		"select n from noting_twice where n > 0",
		"table guarded",
		"select 1 === 2",
		"select note_all(n) from item",
	} {
		for _, params := range [][]string{nil, {safe}} {
			for how, run := range runs {
				if params != nil && how == "transaction" {
					continue // nobody but its author, who says that it does not, knows that the text writes
				}
				t.Run(fmt.Sprint(read, params, how), func(t *testing.T) {
					name := unique("hidden")
					db := handle(t, c, append(slices.Clone(params), "read_your_writes=strict", "max_lag=0", "application_name="+name)...)
					conn := connOf(t, db)
					require.True(t, isReplica(t, db), "before the write")
					run(t, conn, read)
					require.NotEqual(t, "0", ask(t, c.Primary, "select count(*) from entry where test = '%s'", name), "it writes")
					seen(t, db, name)
				})
			}
		}
	}
}

// runs are the ways of an application to run one text.
var runs = map[string]func(t testing.TB, conn *sql.Conn, text string){
	"query": func(t testing.TB, conn *sql.Conn, text string) { firstValue(t, t.Context(), conn, text) },
	"exec":  func(t testing.TB, conn *sql.Conn, text string) { execAll(t, conn, text) },
	"prepared": func(t testing.TB, conn *sql.Conn, text string) {
		require.NoError(t, prepare(t, conn, text).QueryRowContext(t.Context()).Scan(new(any)))
	},
	"transaction": func(t testing.TB, conn *sql.Conn, text string) {
		tx, err := conn.BeginTx(t.Context(), nil)
		require.NoError(t, err)
		firstValue(t, t.Context(), tx, text)
		require.NoError(t, tx.Commit())
	},
}

// The handle has not noticed yet what a view has become. A replica has, and refuses.
func TestAReadThatAReplicaRefusedLeavesAMark(t *testing.T) {
	c := pgsplittest.Start(t, pgsplittest.Options{Replicas: 1, SetupSQL: behaviourSchema + hiddenWrites})
	name := unique("refused")
	db := handle(t, c, "read_your_writes=strict", "max_lag=0", "monitor_interval=1h", "application_name="+name)
	require.Equal(t, "1", firstValue(t, t.Context(), db, "select n from changeling"))
	eventually(t, func() bool { // what a replica refuses counts if it is known to have the schema
		execAll(t, db, "insert into entry (test) values ('another')")
		eventually(t, func() bool { return isReplica(t, db) })
		return pgsplit.ClusterOf(db).UpToDate(1)
	})
	require.NoError(t, c.Primary.Exec("create or replace view changeling as select noted() as n"))
	stand(t, c)
	ctx, tr := follow(t.Context())
	require.Equal(t, "1", firstValue(t, ctx, db, "select n from changeling"))
	_, retries := tr.take()
	require.Len(t, retries, 1)
	require.Equal(t, "25006", code(retries[0].Err))
	seen(t, db, name)

	// The refusal is remembered, so no replica is asked the next time; a mark is left all the same.
	for _, r := range c.Replicas {
		require.NoError(t, r.ResumeReplay())
	}
	require.NoError(t, c.WaitForCatchUp())
	eventually(t, func() bool { return isReplica(t, db) }, "caught up")
	stand(t, c)
	require.NoError(t, c.Primary.Exec("delete from entry where test = '"+name+"'"))
	require.True(t, isReplica(t, db))
	require.Equal(t, "1", firstValue(t, ctx, db, "select n from changeling"))
	require.Equal(t, pgsplit.RolePrimary, tr.only(t).Server.Role) // refused before, or the catalog has been read again
	before := ask(t, c.Primary, "select count(*) from entry where test = '%s'", name)
	require.Equal(t, before, firstValue(t, t.Context(), db, "select count(*) from entry where test = $1", name))
	require.False(t, isReplica(t, db))
}

func TestEveryWayToCommitLeavesAMark(t *testing.T) {
	c := rough(t)
	require.NoError(t, c.Primary.Exec(`create procedure deliver(test text, fails boolean) language plpgsql as $$
		begin insert into entry (test) values (test); commit; if fails then raise 'after the commit'; end if; end$$`))
	stand(t, c)
	exec := func(texts ...string) func(testing.TB, *sql.Conn, string) {
		return func(t testing.TB, conn *sql.Conn, test string) {
			for _, text := range texts {
				execAll(t, conn, fmt.Sprintf(text, test))
			}
		}
	}
	query := func(texts ...string) func(testing.TB, *sql.Conn, string) {
		return func(t testing.TB, conn *sql.Conn, test string) {
			for _, text := range texts {
				firstValue(t, t.Context(), conn, fmt.Sprintf(text, test))
			}
		}
	}
	fails := func(text string) func(testing.TB, *sql.Conn, string) {
		return func(t testing.TB, conn *sql.Conn, test string) {
			_, err := conn.ExecContext(t.Context(), fmt.Sprintf(text, test))
			require.Error(t, err)
		}
	}
	const insert = "insert into entry (test) values ('%s')"
	const unchanged = "/* %s */ "
	const simple = "default_query_exec_mode=simple_protocol"
	for name, way := range map[string]struct {
		params []string
		write  func(t testing.TB, conn *sql.Conn, test string)
	}{
		"exec":                                  {nil, exec(insert)},
		"query of RETURNING":                    {nil, query(insert + " returning 1")},
		"query of a write without RETURNING":    {nil, query(insert)},
		"writing CTE":                           {nil, query("with w as (" + insert + " returning 1) select * from w")},
		"BEGIN, COMMIT":                         {nil, exec(unchanged+"begin", insert, unchanged+"commit")},
		"BEGIN, COMMIT by query":                {nil, query(unchanged+"begin", insert, unchanged+"commit")},
		"COMMIT AND CHAIN":                      {nil, exec(unchanged+"begin", insert, unchanged+"commit and chain")},
		"COMMIT AND CHAIN by query":             {nil, query(unchanged+"begin", insert, unchanged+"commit and chain")},
		"END AND CHAIN":                         {nil, exec(unchanged+"start transaction", insert, unchanged+"end work and chain")},
		"COMMIT AND CHAIN, then ROLLBACK":       {nil, exec(unchanged+"begin", insert, unchanged+"commit and chain", unchanged+"rollback")},
		"savepoint released":                    {nil, exec(unchanged+"begin", unchanged+"savepoint s", insert, unchanged+"release s", unchanged+"commit")},
		"two writes in one text":                {[]string{simple}, exec(insert + "; delete from entry where false")},
		"a write, then a read":                  {[]string{simple}, query(insert + "; select 1")},
		"a read, then a write":                  {[]string{simple}, query("select 1; " + insert)},
		"BEGIN to COMMIT in one text":           {[]string{simple}, exec("begin; " + insert + "; commit")},
		"BEGIN to COMMIT in one query":          {[]string{simple}, query("begin; " + insert + "; commit; select 1")},
		"COMMIT and BEGIN in one text":          {[]string{simple}, exec(unchanged+"begin", insert, unchanged+"commit; begin")},
		"COMMIT and BEGIN in one query":         {[]string{simple}, query(unchanged+"begin", insert, unchanged+"commit; begin; select 1")},
		"all of it and BEGIN in one text":       {[]string{simple}, exec("begin; " + insert + "; commit; begin")},
		"COMMIT in one text, then an error":     {[]string{simple}, fails("begin; " + insert + "; commit; select 1/0")},
		"CALL":                                  {nil, exec("call deliver('%s', false)")},
		"CALL by query":                         {nil, query("call deliver('%s', false)")},
		"CALL that commits, then an error":      {nil, fails("call deliver('%s', true)")},
		"DO":                                    {nil, exec("do $$begin " + insert + "; end$$")},
		"DO that commits, then an error":        {nil, fails("do $$begin " + insert + "; commit; raise 'after the commit'; end$$")},
		"SQL PREPARE and EXECUTE":               {nil, exec("prepare w as "+insert, unchanged+"execute w")},
		"SQL PREPARE and EXECUTE by query":      {nil, query("prepare w as "+insert+" returning 1", unchanged+"execute w")},
		"EXPLAIN ANALYZE":                       {nil, query("explain analyze " + insert)},
		"CREATE TABLE, then the row":            {nil, exec("create temporary table w as select '%s' as test", unchanged+"insert into entry (test) select test from w")},
		"PREPARE TRANSACTION, COMMIT PREPARED":  {nil, exec(unchanged+"begin", insert, "prepare transaction '%s'", "commit prepared '%s'")},
		"COMMIT PREPARED by query":              {nil, query(unchanged+"begin", insert, "prepare transaction '%s'", "commit prepared '%s'")},
		"prepared statement":                    {nil, preparedWrite},
		"sql.Tx":                                {nil, txWrite},
		"rows that are closed before their end": {nil, closedEarly},
		"raw pgx":                               {nil, rawWrite},
		"raw pgx, given back":                   {nil, func(t testing.TB, conn *sql.Conn, test string) { rawWrite(t, conn, test); conn.Close() }},
	} {
		t.Run(name, func(t *testing.T) { marked(t, c, way.params, way.write) })
	}
}

func preparedWrite(t testing.TB, conn *sql.Conn, test string) {
	_, err := prepare(t, conn, "insert into entry (test) values ($1)").ExecContext(t.Context(), test)
	require.NoError(t, err)
}

func txWrite(t testing.TB, conn *sql.Conn, test string) {
	tx, err := conn.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = tx.ExecContext(t.Context(), "insert into entry (test) values ($1)", test)
	require.NoError(t, err)
	require.NoError(t, tx.Commit())
}

// The first rows of a large RETURNING arrive before the commit.
const largeWrite = "insert into entry (test, v) select $1, g from generate_series(1, 20000) g returning repeat('x', 100)"

func closedEarly(t testing.TB, conn *sql.Conn, test string) {
	rows, err := conn.QueryContext(t.Context(), largeWrite, test)
	require.NoError(t, err)
	require.True(t, rows.Next())
	require.NoError(t, rows.Close())
}

func TestRowsOfAWriteThatAreStillOpenLeaveAMark(t *testing.T) {
	c := rough(t)
	stand(t, c)
	markedHere(t, c, nil, func(t testing.TB, conn *sql.Conn, test string) {
		rows, err := conn.QueryContext(t.Context(), largeWrite, test)
		require.NoError(t, err)
		t.Cleanup(func() { rows.Close() }) // before the connection, whose Close waits for it
		for n := 1; n <= 20000; n++ {
			require.True(t, rows.Next())
		}
	})
}

func rawWrite(t testing.TB, conn *sql.Conn, test string) {
	require.NoError(t, conn.Raw(func(dc any) error {
		rows := [][]any{{test, 1}}
		_, err := dc.(interface{ Conn() *pgx.Conn }).Conn().CopyFrom(context.Background(), pgx.Identifier{"entry"}, []string{"test", "v"}, pgx.CopyFromRows(rows))
		return err
	}))
}

// What was rolled back leaves none: the replicas go on serving.
func TestARollbackLeavesNoMark(t *testing.T) {
	c := rough(t)
	stand(t, c)
	db := handle(t, c, "read_your_writes=strict", "max_lag=0")
	conn := connOf(t, db)
	execAll(t, conn, "begin", "insert into entry (v) values (1)", "rollback")
	tx, err := conn.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	execAll(t, tx, "insert into entry (v) values (1)")
	require.NoError(t, tx.Rollback())
	_, err = conn.ExecContext(t.Context(), "insert into entry (v) values (1/0)")
	require.Error(t, err)
	require.True(t, isReplica(t, db))
}
