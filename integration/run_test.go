package integration

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pgsplit/pgsplit"
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

// condition arranges the state of the replicas for a run; what it returns is called ahead of each step.
type condition func(t *testing.T) (before func(step string))

// asTheyAre: replicas follow as fast as they can.
func asTheyAre(*testing.T) func(string) { return func(string) {} }

// caughtUp: each step begins when the replicas have what the step before has written.
func caughtUp(t *testing.T) func(string) { return func(string) { cluster.catchUp(t) } }

// paused: replicas answer, and know nothing of what the run writes, not even the tables.
func paused(t *testing.T) func(string) {
	cluster.pauseReplicas(t)
	return func(string) {}
}

// pausedFrom: replicas have all that was written before the step of this name, and nothing of what it and the later ones write.
func pausedFrom(name string) condition {
	return func(t *testing.T) func(string) {
		return func(step string) {
			if step == name {
				cluster.catchUp(t)
				cluster.pauseReplicas(t)
			}
		}
	}
}

// run performs the steps one by one, with before ahead of each, and observes them. The application uses db.
func run(t *testing.T, db *sql.DB, steps []step.Step, before func(step string)) []observation {
	t.Helper()
	knowTables(t, db)
	cluster.takeLogs(t)
	seen := make([]observation, len(steps))
	for i, s := range steps {
		before(s.Name)
		// A step that hangs is a failure of its own, not of the whole run.
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		value, err := s.Run(ctx)
		cancel()

		o := &seen[i]
		o.Failure = step.Describe(err, sentinels)
		text, err := json.Marshal(value)
		require.NoError(t, err, s.Name)
		o.Result = string(text)
		o.Ran = cluster.takeLogs(t)
		if slices.ContainsFunc(o.Ran, func(e execution) bool { return definition.MatchString(e.Text) }) {
			knowTables(t, db)
		}
	}
	return seen
}

// definition matches statements that define something new.
var definition = regexp.MustCompile(`(?im)^(create|alter|drop)\b`)

// knowTables waits until pgsplit has read the definitions of new tables. Until then, for some milliseconds, reads of them
// run on the primary, which would make the route of the next step a matter of chance.
func knowTables(t *testing.T, db *sql.DB) {
	t.Helper()
	if c := pgsplit.ClusterOf(db); c != nil {
		require.NoError(t, c.LoadCatalog(t.Context()))
	}
}

// takeLogs returns what the application has executed since the last call, server by server.
func (w *watched) takeLogs(t *testing.T) (ran []execution) {
	t.Helper()
	taken := make([][]serverlog.Statement, len(w.logs))
	errs := make([]error, len(w.logs))
	var wg sync.WaitGroup
	for i, log := range w.logs {
		wg.Go(func() { taken[i], errs[i] = log.Take(t.Context()) })
	}
	wg.Wait()
	require.NoError(t, errors.Join(errs...))
	for i, server := range w.Servers() {
		for _, statement := range taken[i] {
			ran = append(ran, execution{server.Name, canonical(statement)})
		}
	}
	return ran
}
