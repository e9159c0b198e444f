package pgsplit_test

import (
	"database/sql"
	"database/sql/driver"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
)

// execRaw runs statements on the pgx connection below a Conn, past the driver.
func execRaw(t testing.TB, conn *sql.Conn, queries ...string) {
	t.Helper()
	require.NoError(t, conn.Raw(func(dc any) error {
		for _, query := range queries {
			if _, err := dc.(interface{ Conn() *pgx.Conn }).Conn().Exec(t.Context(), query); err != nil {
				return err
			}
		}
		return nil
	}))
}

// begins are the ways in which a transaction can begin without BeginTx.
var begins = map[string]func(t testing.TB, conn *sql.Conn){
	"exec":  func(t testing.TB, conn *sql.Conn) { execAll(t, conn, "begin") },
	"query": func(t testing.TB, conn *sql.Conn) { firstValue(t, t.Context(), conn, "start transaction read write") },
	"disguised": func(t testing.TB, conn *sql.Conn) {
		execAll(t, conn, "/* select */ BEGIN ISOLATION LEVEL REPEATABLE READ; ")
	},
	"raw, in one text": func(t testing.TB, conn *sql.Conn) { execRaw(t, conn, "begin; insert into entry (v) values (7)") },
	"raw":              func(t testing.TB, conn *sql.Conn) { execRaw(t, conn, "begin") },
}

func TestInARawTransactionEverythingRunsOnThePrimary(t *testing.T) {
	c := calm(t)
	db := handle(t, c)
	for how, begin := range begins {
		ends := []string{"commit", "rollback"}
		if how == "exec" {
			ends = append(ends, "end", "abort")
		}
		for _, end := range ends {
			t.Run(how+"/"+end, func(t *testing.T) {
				test := unique("raw")
				conn := connOf(t, db)
				require.True(t, isReplica(t, conn))
				begin(t, conn)
				ctx, tr := follow(pgsplit.WithReplica(t.Context()))
				for range 5 {
					require.Equal(t, "false", firstValue(t, ctx, conn, isReplicaSQL))
					require.Equal(t, pgsplit.ReasonTransaction.String(), tr.only(t).Reason.String())
				}
				execAll(t, conn, "insert into entry (test) values ('"+test+"')")
				require.Equal(t, "1", firstValue(t, ctx, conn, "select count(*) from entry where test = $1", test), "its own row")
				require.Equal(t, "0", ask(t, c.Primary, "select count(*) from entry where test = '%s'", test), "not committed yet")
				execAll(t, conn, end)
				require.False(t, isReplica(t, conn), "this checkout has used the primary")
				if strings.HasPrefix(how, "raw") {
					// What was handed out stays with its driver connection.
					require.ErrorIs(t, conn.Raw(func(any) error { return driver.ErrBadConn }), driver.ErrBadConn)
				} else {
					require.NoError(t, conn.Close())
				}
				committed := map[string]string{"commit": "1", "end": "1", "rollback": "0", "abort": "0"}[end]
				require.Equal(t, committed, ask(t, c.Primary, "select count(*) from entry where test = '%s'", test))
				require.True(t, isReplica(t, db), "the next checkout")
			})
		}
	}
}

func TestSavepointsAndFailedTransactionsBehaveAsWithPgx(t *testing.T) {
	c := calm(t)
	test := unique("savepoint")
	steps := []string{
		"begin",
		"insert into entry values ('" + test + "', 1)",
		"savepoint s",
		"insert into entry values ('" + test + "', 2)",
		"select 1/0",
		"select 1",
		"insert into entry values ('" + test + "', 3)",
		"rollback to s",
		"select count(*) from entry where test = '" + test + "'",
		"release s",
		"insert into entry values ('" + test + "', 4)",
		"commit and chain",
		"insert into entry values ('" + test + "', 5)",
		"selec",
		"commit", // answered by ROLLBACK
		"select string_agg(v::text, ',' order by v) from entry where test = '" + test + "'",
		"delete from entry where test = '" + test + "'",
	}
	run := func(db *sql.DB) (answers []string) {
		conn := connOf(t, db)
		defer conn.Close()
		for _, step := range steps {
			rows, err := conn.QueryContext(t.Context(), step)
			answer := ""
			if err == nil {
				for rows.Next() {
					require.NoError(t, rows.Scan(&answer))
				}
				err = rows.Err()
				rows.Close()
			}
			if err != nil {
				answer = fmt.Sprintf("%T %v", err, err)
			}
			answers = append(answers, step+": "+answer)
		}
		return answers
	}
	want := run(plain(t, c.Primary.DSN()))
	require.Contains(t, want[5], "25P02")
	require.Contains(t, want[15], "1,4")
	require.Equal(t, want, run(handle(t, c)))
}

// With plain pgx, database/sql discards a connection that comes back inside a transaction.
func TestAConnGivenBackInATransactionDoesNotLeakIt(t *testing.T) {
	c := calm(t)
	for how, begin := range begins {
		t.Run(how, func(t *testing.T) {
			application, test := unique("leak"), unique("leak")
			db := handle(t, c, "application_name="+application)
			db.SetMaxOpenConns(1)
			for range 2 {
				conn := connOf(t, db)
				begin(t, conn)
				execAll(t, conn, "insert into entry (test) values ('"+test+"')")
				require.NoError(t, conn.Close())
				eventually(t, func() bool {
					return ask(t, c.Primary, "select count(*) from pg_stat_activity where application_name = '%s' and state like 'idle in transaction%%'", application) == "0"
				}, "a transaction is left open")
				require.True(t, strings.HasPrefix(how, "raw") || isReplica(t, db), "the next user")
				execAll(t, db, "insert into entry (test) values ('after "+test+"')")
				require.Equal(t, "1", firstValue(t, t.Context(), db, "insert into entry (test) values ('after "+test+"') returning 1"))
			}
			require.Equal(t, "0", ask(t, c.Primary, "select count(*) from entry where test = '%s'", test), "nobody has committed this")
			require.Equal(t, "4", ask(t, c.Primary, "select count(*) from entry where test = 'after %s'", test))
		})
	}
}

// A sql.Tx that is forgotten holds its connection; its context ends it.
func TestATransactionEndsWithItsContext(t *testing.T) {
	c := calm(t)
	db := handle(t, c)
	test := unique("cancelled")
	ctx, cancel := contextWithCancel(t)
	tx, err := db.BeginTx(ctx, nil)
	require.NoError(t, err)
	execAll(t, tx, "insert into entry (test) values ('"+test+"')")
	pid := pidOf(t, tx)
	cancel()
	eventually(t, func() bool {
		return ask(t, c.Primary, "select count(*) from pg_stat_activity where pid = %s and state like 'idle in transaction%%'", pid) == "0"
	})
	require.Error(t, tx.Commit())
	require.Equal(t, "0", ask(t, c.Primary, "select count(*) from entry where test = '%s'", test))
	require.True(t, isReplica(t, db))
}
