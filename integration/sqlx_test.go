package integration

import (
	"testing"

	"github.com/pgsplit/pgsplit/integration/sqlxapp"
	"github.com/pgsplit/pgsplit/integration/step"
	_ "github.com/pgsplit/pgsplit/sqlxbind"

	"github.com/jmoiron/sqlx"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// sqlxOn runs the sqlx application on an empty schema.
func sqlxOn(t *testing.T, driver, dsn string, replicas condition) ([]step.Step, []observation) {
	t.Helper()
	cluster.emptySchema(t)
	before := replicas(t)
	db, err := sqlx.ConnectContext(t.Context(), driver, dsn)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	steps := sqlxapp.Steps(db)
	return steps, run(t, db.DB, steps, before)
}

func TestSqlxApplicationBehavesAsOnPgx(t *testing.T) {
	steps, onPgx := sqlxOn(t, "pgx", plain(), asTheyAre)

	t.Run("eventually consistent, replicas caught up", func(t *testing.T) {
		_, onSplit := sqlxOn(t, "pgsplit", split(), caughtUp)
		sameResults(t, steps, onPgx, onSplit)
		sameStatements(t, steps, onPgx, onSplit)
		everyServerServed(t, onSplit)
	})
	t.Run("read your writes, waiting for replicas", func(t *testing.T) {
		_, onSplit := sqlxOn(t, "pgsplit", split("read_your_writes", "strict", "wait", "15s"), asTheyAre)
		sameResults(t, steps, onPgx, onSplit)
		sameStatements(t, steps, onPgx, onSplit)
		everyServerServed(t, onSplit)
	})
	t.Run("read your writes, replicas paused", func(t *testing.T) {
		_, onSplit := sqlxOn(t, "pgsplit", split("read_your_writes", "strict"), pausedFrom("create a user"))
		sameResults(t, steps, onPgx, onSplit)
	})
	t.Run("replica reads off", func(t *testing.T) {
		_, onSplit := sqlxOn(t, "pgsplit", split("replica_reads", "off"), asTheyAre)
		sameResults(t, steps, onPgx, onSplit)
		assert.Equal(t, servedBy(onPgx), servedBy(onSplit))
	})
}

// Results differ between the modes in which pgx talks to the server, but not between pgx and pgsplit.
func TestSqlxApplicationInEveryExecMode(t *testing.T) {
	for _, mode := range []string{"cache_describe", "describe_exec", "exec", "simple_protocol"} {
		t.Run(mode, func(t *testing.T) {
			steps, onPgx := sqlxOn(t, "pgx", plain("default_query_exec_mode", mode), asTheyAre)
			_, onSplit := sqlxOn(t, "pgsplit", split("default_query_exec_mode", mode), caughtUp)
			sameResults(t, steps, onPgx, onSplit)
			everyServerServed(t, onSplit)
		})
	}
}

func everyServerServed(t *testing.T, seen []observation) {
	t.Helper()
	counts := servedBy(seen)
	for _, s := range cluster.Servers() {
		assert.NotZero(t, counts[s.Name], "executions on %s, of %v", s.Name, counts)
	}
}
