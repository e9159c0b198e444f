package integration

import (
	"database/sql"
	"testing"

	"github.com/pgsplit/pgsplit/integration/gormapp"
	"github.com/pgsplit/pgsplit/integration/step"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
)

// gormCase is one way to run the GORM application.
type gormCase struct {
	driver, dsn string
	ownHandle   bool // GORM is given a *sql.DB instead of a DSN
	prepare     bool // PrepareStmt
	replicas    condition
	only        func(step.Step) bool // nil: every step
}

func (c gormCase) run(t *testing.T) ([]step.Step, []observation) {
	t.Helper()
	cluster.emptySchema(t)
	before := c.replicas(t)
	dialect := postgres.Config{DriverName: c.driver, DSN: c.dsn}
	if c.ownHandle {
		handle, err := sql.Open(c.driver, c.dsn)
		require.NoError(t, err)
		dialect = postgres.Config{Conn: handle}
	}
	config := gormapp.Config()
	config.PrepareStmt = c.prepare
	db, err := gorm.Open(postgres.New(dialect), config)
	require.NoError(t, err)
	handle, err := db.DB()
	require.NoError(t, err)
	defer func() { require.NoError(t, handle.Close()) }()

	var steps []step.Step
	for _, s := range gormapp.Steps(db) {
		if c.only == nil || c.only(s) {
			steps = append(steps, s)
		}
	}
	return steps, run(t, handle, steps, before)
}

func TestGormApplicationBehavesAsOnPgx(t *testing.T) {
	steps, onPgx := gormCase{driver: "pgx", dsn: plain(), replicas: asTheyAre}.run(t)

	t.Run("eventually consistent, replicas caught up", func(t *testing.T) {
		_, onSplit := gormCase{driver: "pgsplit", dsn: split(), replicas: caughtUp}.run(t)
		sameResults(t, steps, onPgx, onSplit)
		sameStatements(t, steps, onPgx, onSplit)
		everyServerServed(t, onSplit)
	})
	t.Run("read your writes, waiting for replicas, over a handle of one's own", func(t *testing.T) {
		_, onSplit := gormCase{
			driver: "pgsplit", dsn: split("read_your_writes", "strict", "wait", "15s"), replicas: asTheyAre, ownHandle: true,
		}.run(t)
		sameResults(t, steps, onPgx, onSplit)
		sameStatements(t, steps, onPgx, onSplit)
		everyServerServed(t, onSplit)
	})
	t.Run("read your writes, replicas paused", func(t *testing.T) {
		_, onSplit := gormCase{driver: "pgsplit", dsn: split("read_your_writes", "strict"), replicas: pausedFrom("create users in batches")}.run(t)
		sameResults(t, steps, onPgx, onSplit)
	})
	t.Run("replica reads off", func(t *testing.T) {
		_, onSplit := gormCase{driver: "pgsplit", dsn: split("replica_reads", "off"), replicas: asTheyAre}.run(t)
		sameResults(t, steps, onPgx, onSplit)
		assert.Equal(t, servedBy(onPgx), servedBy(onSplit))
	})
}

func TestGormApplicationWithPreparedStatementsBehavesAsOnPgx(t *testing.T) {
	steps, onPgx := gormCase{driver: "pgx", dsn: plain(), replicas: asTheyAre, prepare: true}.run(t)

	t.Run("eventually consistent, replicas caught up, over a handle of one's own", func(t *testing.T) {
		_, onSplit := gormCase{driver: "pgsplit", dsn: split(), prepare: true, ownHandle: true, replicas: caughtUp}.run(t)
		sameResults(t, steps, onPgx, onSplit)
		sameStatements(t, steps, onPgx, onSplit)
	})
	t.Run("read your writes, waiting for replicas", func(t *testing.T) {
		_, onSplit := gormCase{driver: "pgsplit", dsn: split("read_your_writes", "strict", "wait", "15s"), replicas: asTheyAre, prepare: true}.run(t)
		sameResults(t, steps, onPgx, onSplit)
		sameStatements(t, steps, onPgx, onSplit)
	})
}

// AutoMigrate decides by the catalog what is there. It must not be told by a replica that lags, even while ordinary reads
// may be a moment old.
func TestMigrationsDoNotTrustALaggingReplica(t *testing.T) {
	migrations := func(s step.Step) bool { return len(s.Routes) == 1 && s.Routes[0] == step.Mixed }
	steps, onPgx := gormCase{driver: "pgx", dsn: plain(), replicas: asTheyAre, only: migrations}.run(t)
	_, onSplit := gormCase{driver: "pgsplit", dsn: split(), replicas: paused, only: migrations}.run(t)
	sameResults(t, steps, onPgx, onSplit)
}
