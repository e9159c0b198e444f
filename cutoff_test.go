package pgsplit_test

import (
	"context"
	"database/sql"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit/pgsplittest"
)

// What waits at the gate does so when it executes, and for as long as the test has locked the gate's only row.
const gateSchema = behaviourSchema + "create table gate as select 1 as way; grant all on gate to public;"

// cutOff has a server run something that waits at the gate to its end whose answer is lost with the connection, and pgx's wish to
// cancel it, too.
func cutOff(t *testing.T, s *pgsplittest.Server, text string, run func() error) error {
	t.Helper()
	running := func(where string) bool {
		return ask(t, s, "select count(*) from pg_stat_activity where %s and query like '%s' and pid <> pg_backend_pid()", where, text) != "0"
	}
	keeper := direct(t, s)
	_, err := keeper.Exec(t.Context(), "begin; select from gate for update")
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() { done <- run() }()
	eventually(t, func() bool { return running("wait_event_type = 'Lock'") }) // it executes; while it is prepared it is active, too
	require.NoError(t, s.Proxy().Refuse())
	s.Proxy().Cut()
	_, err = keeper.Exec(t.Context(), "rollback")
	require.NoError(t, err)
	eventually(t, func() bool { return !running("state = 'active'") })
	require.NoError(t, s.Proxy().Heal())
	return <-done
}

// A statement whose connection is cut while it runs may have taken effect. pgx takes one without arguments for one that was not sent.
func TestAStatementThatIsCutOffRunsOnce(t *testing.T) {
	c := pgsplittest.Start(t, pgsplittest.Options{Replicas: 1, SetupSQL: gateSchema, Proxy: true})
	for name, db := range map[string]*sql.DB{
		"":                handle(t, c, "monitor_interval=100ms"),
		"simple protocol": handle(t, c, "monitor_interval=100ms", "default_query_exec_mode=simple_protocol"),
	} {
		for _, query := range []bool{false, true} {
			for _, args := range [][]any{nil, {true}} {
				test := unique("cut")
				text := "insert into entry (test) select '" + test + "' from gate"
				if len(args) > 0 {
					text += " where $1"
				}
				text += " for share"
				err := cutOff(t, c.Primary, "%"+test+"%", func() error {
					if query {
						return db.QueryRowContext(context.Background(), text+" returning 1", args...).Scan(new(int))
					}
					_, err := db.ExecContext(context.Background(), text, args...)
					return err
				})
				require.Error(t, err, "%s, Query: %t, arguments: %v", name, query, args)
				require.Equal(t, "1", ask(t, c.Primary, "select count(*) from entry where test = '%s'", test), "%s, Query: %t, arguments: %v: %v", name, query, args, err)
			}
		}
	}
}

// The answer to a commit is lost, but what it has kept is there: reads that are promised every write see it.
func TestACommitWhoseAnswerIsLostLeavesAMark(t *testing.T) {
	c := pgsplittest.Start(t, pgsplittest.Options{Replicas: 1, Proxy: true, SetupSQL: gateSchema + `
		create function slow() returns trigger language plpgsql as 'begin perform from gate for share; return null; end';
		create constraint trigger slow after insert on entry deferrable initially deferred for each row when (new.v = 1) execute function slow()`})
	db := handle(t, c, "monitor_interval=100ms", "read_your_writes=strict", "max_lag=0")
	insert := func(test string) string { return "insert into entry (test, v) values ('" + test + "', 1)" }
	for name, commit := range map[string]func(test string) (text string, run func() error){
		"a statement": func(test string) (string, func() error) {
			return insert(test), func() error {
				_, err := db.ExecContext(context.Background(), insert(test))
				return err
			}
		},
		"Commit": func(test string) (string, func() error) {
			tx := begin(t, context.Background(), db, nil)
			execAll(t, tx, insert(test))
			return "commit", tx.Commit
		},
		"COMMIT as text": func(test string) (string, func() error) {
			conn := connOf(t, db)
			execAll(t, conn, "begin", insert(test))
			return "COMMIT", func() error {
				_, err := conn.ExecContext(context.Background(), "COMMIT")
				return err
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			eventually(t, func() bool { return isReplica(t, db) })
			require.NoError(t, c.Replicas[0].PauseReplay())
			test := unique("lost")
			text, run := commit(test)
			require.Error(t, cutOff(t, c.Primary, strings.ReplaceAll(text, "'", "''"), run))
			for range 5 {
				require.Equal(t, "1", firstValue(t, t.Context(), db, "select count(*) from entry where test = '"+test+"'"))
			}
			require.NoError(t, c.Replicas[0].ResumeReplay())
		})
	}
}
