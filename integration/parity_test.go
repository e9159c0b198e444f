package integration

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pgsplit/pgsplit/integration/serverlog"
	"github.com/pgsplit/pgsplit/integration/step"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// sameResults compares what the application saw.
func sameResults(t *testing.T, steps []step.Step, onPgx, onSplit []observation) {
	t.Helper()
	require.Len(t, onSplit, len(onPgx))
	for i, s := range steps {
		assert.Equal(t, onPgx[i].Result, onSplit[i].Result, "result of %q", s.Name)
		assert.Equal(t, onPgx[i].Failure, onSplit[i].Failure, "error of %q", s.Name)
	}
}

// sameStatements compares what the servers executed: each statement of pgx, where the step says, and nothing else.
func sameStatements(t *testing.T, steps []step.Step, onPgx, onSplit []observation) {
	t.Helper()
	for i, s := range steps {
		want, got := expected(t, s, onPgx[i].Ran), placed(s, onSplit[i].Ran)
		slices.Sort(want)
		slices.Sort(got)
		assert.Equal(t, want, got, "statements of %q", s.Name)
	}
}

// expected says where the statements that pgx executed in a step have to run.
func expected(t *testing.T, s step.Step, ran []execution) []string {
	t.Helper()
	routes := s.Routes
	if len(routes) == 1 {
		require.NotEmpty(t, ran, "step %q executes nothing", s.Name)
		routes = slices.Repeat(routes, len(ran))
	}
	require.Len(t, ran, len(routes), "step %q", s.Name)

	var want []string
	for i, e := range ran {
		switch route := routes[i]; route {
		case step.Healed:
			want = append(want, line(step.Replica, e), line(step.Primary, e))
		default:
			want = append(want, line(route, e))
		}
	}
	return want
}

// placed says where the statements of a step did run.
func placed(s step.Step, ran []execution) []string {
	mixed := slices.Equal(s.Routes, step.On(step.Mixed))
	var got []string
	for _, e := range ran {
		route := step.Replica
		if e.Server == cluster.Primary.Name {
			route = step.Primary
		}
		if mixed && (route == step.Primary || mayRunAnywhere(e.Text)) {
			route = step.Mixed
		}
		got = append(got, line(route, e))
	}
	return got
}

// line is one execution in a form that is compared and read.
func line(route step.Route, e execution) string {
	return string(route) + ": " + e.Text + " [" + e.Parameters + "]"
}

var (
	plainRead = regexp.MustCompile(`(?is)^select\b`)
	catalog   = regexp.MustCompile(`(?i)\b(information_schema|pg_\w+)\b`)
)

// mayRunAnywhere is true of reads that are not about the catalog.
func mayRunAnywhere(text string) bool {
	return plainRead.MatchString(text) && !catalog.MatchString(text)
}

var (
	// GORM gives each nested transaction a savepoint with a name made of an address.
	savepoint = regexp.MustCompile(`\bsp\d{6,}\b`)

	// GORM's migrator asks for column types with the simple protocol where the driver's name is "pgx", and with the
	// driver's default elsewhere: one statement, two spellings.
	simpleLimit = regexp.MustCompile(`^(SELECT \* FROM [\w".]+ LIMIT)  '1' $`)
)

// canonical takes out of a statement what differs between two runs of the same program.
func canonical(s serverlog.Statement) serverlog.Statement {
	s.Text = savepoint.ReplaceAllString(s.Text, "sp…")
	if m := simpleLimit.FindStringSubmatch(s.Text); m != nil {
		s = serverlog.Statement{Text: m[1] + " $1", Parameters: "$1 = '1'"}
	}
	// It takes the constraints of a new table from a map, in any order.
	if head, constraints, ok := strings.Cut(s.Text, ",CONSTRAINT "); ok && strings.HasPrefix(head, "CREATE TABLE ") {
		all := strings.Split(strings.TrimSuffix(constraints, ")"), ",CONSTRAINT ")
		slices.Sort(all)
		s.Text = head + ",CONSTRAINT " + strings.Join(all, ",CONSTRAINT ") + ")"
	}
	return s
}

// servedBy counts the executions of a run per server.
func servedBy(seen []observation) map[string]int {
	counts := map[string]int{}
	for _, o := range seen {
		for _, e := range o.Ran {
			counts[e.Server]++
		}
	}
	return counts
}
