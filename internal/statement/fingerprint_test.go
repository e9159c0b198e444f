package statement_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/pgsplit/pgsplit/internal/statement"
	"github.com/pgsplit/pgsplit/internal/statement/corpus"
)

func TestFingerprintIgnoresWhatDiffersFromCallToCall(t *testing.T) {
	for _, same := range [][]string{
		{"select * from t where a = 1", "SELECT  *\nFROM T WHERE A=$1", "select * from t where a = 'x'", "select * from t where a = -5.5",
			"/* c */ select * from t -- d\nwhere a = $$x$$;", "select * from t where a = true", "select * from t where a = null", "select * from t where a=e'\\''"},
		{"select 1 in (1)", "select 2 in (1, 2, 3)", "select $1 in ('a', $2, null)"},
		{"insert into t values (1, 'a')", "insert into t values (1, 'a'), (2, 'b'), (3, 'c')", "insert into t values (default, -1)"},
		{"select array[1, 2]", "select array[1]"},
		{"select f(1, x)", "select f(-2, x)"},
		{"select a - 1", "select a-2"},
	} {
		for _, text := range same[1:] {
			assert.Equal(t, statement.Fingerprint(same[0]), statement.Fingerprint(text), text)
		}
	}
}

func TestFingerprintTellsStatementsApart(t *testing.T) {
	seen := map[uint64]string{}
	for _, text := range []string{
		"", "select 1", "select a", "select b", `select "a"`, `select "A"`, "select a.b", "select a b", "select a, b", "select ab", "select a from b",
		"select a from c", "select a is null", "select a is not null", "select a is true", "select a + 1", "select a - 1", "select -a", "select a",
		"select f(1)", "select (1)", "select f(1), f(2)", "select x in (1)", "select x in (1, a)", "select 1 for update", "select 1; select 1", "select 'a", "select 'b",
		"select a::int", "select a[1]", "select a from b where c = 1 and d = 2", "select a from b where c = 1 or d = 2", "insert into t values (1), (a)",
	} {
		f := statement.Fingerprint(text)
		if other, ok := seen[f]; ok && other != text {
			t.Errorf("%q and %q have the same fingerprint", other, text)
		}
		seen[f] = text
	}
}

// TestFingerprintsOfTheCorpusDoNotCollide compares texts without their literals, which is what a fingerprint stands for.
func TestFingerprintsOfTheCorpusDoNotCollide(t *testing.T) {
	kinds := map[uint64]statement.Kind{}
	var a statement.Analysis
	for _, c := range corpus.All() {
		a.Analyze(c.SQL)
		if a.Flags&(statement.NotUnderstood|statement.Several) != 0 {
			continue
		}
		f := statement.Fingerprint(c.SQL)
		if kind, ok := kinds[f]; ok {
			assert.Equal(t, kind, a.Kind, c.SQL)
		}
		kinds[f] = a.Kind
	}
	assert.Greater(t, len(kinds), 3000)
}
