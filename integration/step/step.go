// Package step describes an application as a list of named operations whose results can be compared and whose statements
// have a place where they must run.
package step

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"
)

// Route says which server has to execute a statement.
type Route string

const (
	// Replica is any of the replicas, and no other server.
	Replica Route = "replica"

	// Primary is the primary, and no other server.
	Primary Route = "primary"

	// Healed is a replica that answered with an error, then the primary, whose answer stands.
	Healed Route = "replica, then primary"

	// Mixed is for steps that change and examine the catalog: reads of the catalog, and whatever is not a read, run on the
	// primary; reads of tables may run anywhere.
	Mixed Route = "catalog on the primary"
)

// Step is one operation of an application.
type Step struct {
	// Name is unique in its application.
	Name string

	// Routes has one element for every statement that the step executes, in the order of execution with plain pgx. One
	// element alone holds for all of them, however many.
	Routes []Route

	// Run performs the operation. What it returns is compared as JSON between two runs of the application, so it must
	// not hold anything that differs between two databases which were prepared equally, such as clock readings.
	Run func(ctx context.Context) (any, error)
}

// On is the list of routes of a step.
func On(routes ...Route) []Route { return routes }

// Failure is what an application can learn from an error: its type, its text, what errors.Is says about it and the fields
// of a PostgreSQL error.
type Failure struct {
	Type string
	Text string

	// Direct is true where err.(*pgconn.PgError) succeeds without unwrapping. GORM and golang-migrate ask like that.
	Direct bool

	// Is names the sentinels that errors.Is finds.
	Is []string

	Postgres *pgconn.PgError
}

// Describe makes a Failure of err. The sentinels are those which the application tests for, by name.
func Describe(err error, sentinels map[string]error) *Failure {
	if err == nil {
		return nil
	}
	f := &Failure{Type: fmt.Sprintf("%T", err), Text: err.Error()}
	for name, sentinel := range sentinels {
		if errors.Is(err, sentinel) {
			f.Is = append(f.Is, name)
		}
	}
	slices.Sort(f.Is)
	_, f.Direct = err.(*pgconn.PgError)
	if pgErr := (*pgconn.PgError)(nil); errors.As(err, &pgErr) {
		f.Postgres = pgErr
	}
	return f
}
