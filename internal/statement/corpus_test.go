package statement_test

import (
	"testing"

	"github.com/pgsplit/pgsplit/internal/statement"
	"github.com/pgsplit/pgsplit/internal/statement/corpus"
)

// TestEveryStatementOfTheCorpusIsJudgedRight counts both errors: a statement called a read that is none, and a pure read
// called something else.
func TestEveryStatementOfTheCorpusIsJudgedRight(t *testing.T) {
	var a statement.Analysis
	reads, others, unsafe, wasteful := 0, 0, 0, 0
	for _, c := range corpus.All() {
		a.Analyze(c.SQL)
		if c.Want == corpus.Replica {
			reads++
		} else {
			others++
		}
		switch {
		case a.Read() && c.Want == corpus.Primary:
			unsafe++
			t.Errorf("unsafe: %s: called a read: %s", c.Group, c.SQL)
		case !a.Read() && c.Want == corpus.Replica:
			wasteful++
			t.Errorf("wasteful: %s: %s: %s", c.Group, a.Reason(), c.SQL)
		}
	}
	t.Logf("%d reads, %d wasteful; %d others, %d unsafe", reads, wasteful, others, unsafe)
}
