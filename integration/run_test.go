package integration

import (
	"context"
	"database/sql"
	"encoding/json"
	"testing"
	"time"

	"github.com/pgsplit/pgsplit/integration/serverlog"
	"github.com/pgsplit/pgsplit/integration/step"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"
)

// execution is a statement as one server has logged it.
type execution struct {
	Server string
	serverlog.Statement
}

// observation is all that there is to see of one step.
type observation struct {
	Result  string // JSON
	Failure *step.Failure
	Ran     []execution
}

// sentinels are the errors that applications on sqlx and GORM test for.
var sentinels = map[string]error{
	"sql.ErrNoRows":                   sql.ErrNoRows,
	"sql.ErrTxDone":                   sql.ErrTxDone,
	"sql.ErrConnDone":                 sql.ErrConnDone,
	"context.Canceled":                context.Canceled,
	"context.DeadlineExceeded":        context.DeadlineExceeded,
	"gorm.ErrRecordNotFound":          gorm.ErrRecordNotFound,
	"gorm.ErrDuplicatedKey":           gorm.ErrDuplicatedKey,
	"gorm.ErrForeignKeyViolated":      gorm.ErrForeignKeyViolated,
	"gorm.ErrCheckConstraintViolated": gorm.ErrCheckConstraintViolated,
	"gorm.ErrInvalidField":            gorm.ErrInvalidField,
	"gorm.ErrMissingWhereClause":      gorm.ErrMissingWhereClause,
}

// condition is the state of the replicas during a run.
type condition int

const (
	// asTheyAre: replicas follow as fast as they can.
	asTheyAre condition = iota

	// caughtUp: each step begins when the replicas have what the step before has written.
	caughtUp

	// paused: replicas answer, and know nothing of what the run writes.
	paused
)

// arrange brings the condition about and returns what has to be done ahead of each step.
func (c condition) arrange(t *testing.T) (beforeStep func()) {
	t.Helper()
	switch c {
	case caughtUp:
		return newHeart(t).beat
	case paused:
		pauseReplicas(t)
	}
	return func() {}
}

// run performs the steps one by one, with before ahead of each, and observes them.
func run(t *testing.T, steps []step.Step, before func()) []observation {
	t.Helper()
	type follower struct {
		server string
		log    *serverlog.Log
	}
	var followers []follower
	for _, s := range cluster.Servers() {
		log, err := serverlog.Follow(t.Context(), s.SuperDSN(), application)
		require.NoError(t, err)
		defer log.Close()
		followers = append(followers, follower{s.Name, log})
	}

	seen := make([]observation, len(steps))
	for i, s := range steps {
		before()
		// A step that hangs is a failure of its own, not of the whole run.
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		value, err := s.Run(ctx)
		cancel()

		o := &seen[i]
		o.Failure = step.Describe(err, sentinels)
		text, err := json.Marshal(value)
		require.NoError(t, err, s.Name)
		o.Result = string(text)
		for _, f := range followers {
			statements, err := f.log.Take(t.Context())
			require.NoError(t, err, s.Name)
			for _, statement := range statements {
				o.Ran = append(o.Ran, execution{f.server, canonical(statement)})
			}
		}
	}
	return seen
}
