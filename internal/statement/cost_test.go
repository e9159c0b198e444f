package statement_test

import (
	"bytes"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pgsplit/pgsplit/internal/statement"
	"github.com/pgsplit/pgsplit/internal/statement/corpus"
)

// TestOrdinaryStatementsCostNoAllocation also covers those whose names have to be folded: the second time they cost none.
func TestOrdinaryStatementsCostNoAllocation(t *testing.T) {
	texts := []string{
		"INSERT INTO \"users\" (\"name\",\"email\") VALUES ($1,$2) RETURNING \"id\"",
		"UPDATE Users SET Name = $1 WHERE ID = $2",
		"SELECT U.Name, My_Function(U.ID) FROM Public.Users U WHERE U.\"Odd \"\"Name\"\"\" = $1 FOR UPDATE",
		"WITH x AS (SELECT 1), y AS (SELECT 2) DELETE FROM t USING x, y WHERE t.a = x.a",
		"SELECT * FROM users WHERE id IN (" + strings.Repeat("1, ", 200) + "1)",
		"BEGIN", "SET LOCAL app.tenant = '1'", "select set_config('a.b', $1, true)", "select pg_advisory_xact_lock($1)",
		"create table if not exists t (id bigserial primary key, name text not null default 'x')",
		`select 'a\' or b = '\'`,
	}
	for _, text := range corpus.Ordinary {
		texts = append(texts, text)
	}
	var a statement.Analysis
	for _, text := range texts {
		a.Analyze(text)
		if n := testing.AllocsPerRun(100, func() { a.Analyze(text) }); n != 0 {
			t.Errorf("%v allocations: %s", n, text)
		}
		if n := testing.AllocsPerRun(100, func() { statement.Fingerprint(text) }); n != 0 {
			t.Errorf("%v allocations of Fingerprint: %s", n, text)
		}
	}
}

// BenchmarkAnalyze reports the time per byte, and as a multiple of a plain pass over the same bytes in the same run.
func BenchmarkAnalyze(b *testing.B) {
	var a statement.Analysis
	benchmark(b, func(text string) { a.Analyze(text) })
}

func BenchmarkFingerprint(b *testing.B) {
	benchmark(b, func(text string) { statement.Fingerprint(text) })
}

func benchmark(b *testing.B, f func(string)) {
	for _, size := range []int{100, 500, 2000} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			text := corpus.Ordinary[size]
			raw := []byte(text)
			b.ReportAllocs()
			for b.Loop() {
				f(text)
			}
			each := b.Elapsed() / time.Duration(b.N)
			start := time.Now()
			for range b.N {
				plainPass(raw)
			}
			pass := time.Since(start) / time.Duration(b.N)
			b.ReportMetric(float64(each)/float64(len(text)), "ns/byte")
			b.ReportMetric(float64(each)/float64(pass), "passes")
		})
	}
}

// plainPass is what an analysis is compared with: it counts the spaces.
func plainPass(text []byte) (n int) {
	for {
		i := bytes.IndexByte(text, ' ')
		if i < 0 {
			return n
		}
		n++
		text = text[i+1:]
	}
}
