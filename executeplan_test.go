package pgsplit_test

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit/pgsplittest"
)

// SQL's own PREPARE and EXECUTE on a sql.Conn, while the schema changes through the same handle: what the server answers
// is what plain pgx gets, since a handle must neither drop what the application has prepared nor run its text twice.
func TestExecuteAcrossSchemaChangesAnswersAsWithPgx(t *testing.T) {
	c := calm(t)
	for _, change := range []string{
		"alter table TABLE add column b int default 7",
		"alter table TABLE alter column a type bigint",
		"alter table TABLE drop column s",
		"create index on TABLE (a)",
		"drop table TABLE",
		"create table TABLE_other ()",
	} {
		for _, prepared := range []string{
			"select * from TABLE order by id",
			"insert into TABLE (id, a) values ((select max(id) + 1 from TABLE), 5) returning *",
			"update TABLE set a = a + 1",
		} {
			for _, where := range []string{"on another connection", "on the same connection", "in the same transaction"} {
				t.Run(change+"/"+prepared+"/"+where, func(t *testing.T) {
					run := func(db *sql.DB) []string { return executed(t, c, db, change, prepared, where) }
					require.Equal(t, run(plain(t, c.Primary.DSN())), run(handle(t, c)))
				})
			}
		}
	}
}

// executed plays one case and returns what an application sees, and what the table holds in the end.
func executed(t testing.TB, c *pgsplittest.Cluster, db *sql.DB, change, prepared, where string) (answers []string) {
	t.Helper()
	table := unique("executed")
	of := func(text string) string { return strings.ReplaceAll(text, "TABLE", table) }
	execAll(t, db, of("create table TABLE (id int, a int, s text)"), of("insert into TABLE values (1, 2, 'x')"))
	defer db.ExecContext(t.Context(), of("drop table if exists TABLE, TABLE_other"))
	conn := connOf(t, db)
	defer conn.Close()
	say := func(text string) {
		answers = append(answers, text+": "+strings.ReplaceAll(everything(t, conn, of(text)), table, "TABLE"))
	}
	say("prepare p as " + prepared)
	say("execute p")
	switch where {
	case "on another connection":
		other := connOf(t, db)
		execAll(t, other, of(change))
		require.NoError(t, other.Close())
	case "on the same connection":
		say(change)
	default:
		say("begin")
		say(change)
	}
	for range 2 {
		say("execute p")
	}
	say("commit")
	say("execute p")
	say("deallocate p")
	say("execute p")
	say("select * from TABLE order by 1")
	return answers
}

// everything is all that an application can see of a query: its columns, its rows, its error.
func everything(t testing.TB, q querier, text string) string {
	t.Helper()
	rows, err := q.QueryContext(t.Context(), text)
	if err != nil {
		return fmt.Sprintf("%T %v", err, err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	require.NoError(t, err)
	answer := fmt.Sprint(columns)
	for rows.Next() {
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(any)
		}
		require.NoError(t, rows.Scan(values...))
		for _, v := range values {
			answer += fmt.Sprintf(" %v", *v.(*any))
		}
		answer += ";"
	}
	if err := rows.Err(); err != nil {
		answer += fmt.Sprintf(" %T %v", err, err)
	}
	return answer
}

// A block that has committed and meets an old plan then must not run again from its beginning.
func TestABlockThatMeetsAnOldPlanAfterItsCommitRunsOnce(t *testing.T) {
	c := calm(t)
	for how, run := range map[string]func(conn *sql.Conn, text string) error{
		"exec": func(conn *sql.Conn, text string) error {
			_, err := conn.ExecContext(t.Context(), text)
			return err
		},
		"query": func(conn *sql.Conn, text string) error {
			rows, err := conn.QueryContext(t.Context(), text)
			if err == nil {
				rows.Close()
			}
			return err
		},
	} {
		for _, mode := range execModes {
			t.Run(how+"/"+mode, func(t *testing.T) {
				db := handle(t, c, "default_query_exec_mode="+mode)
				table, test := unique("executed"), unique("once")
				execAll(t, db, "create table "+table+" (id int)")
				conn := connOf(t, db)
				execAll(t, conn, "prepare p as select * from "+table, "execute p")
				execAll(t, db, "alter table "+table+" add column b int")
				err := run(conn, fmt.Sprintf("do $$begin insert into entry (test) values ('%s'); commit; execute 'execute p'; end$$", test))
				require.Equal(t, "0A000", code(err), "%v", err)
				require.Equal(t, "1", ask(t, c.Primary, "select count(*) from entry where test = '%s'", test))
				execAll(t, conn, "discard all")
				execAll(t, db, "drop table "+table)
			})
		}
	}
}
