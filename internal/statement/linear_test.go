package statement_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pgsplit/pgsplit/internal/statement"
)

// TestTimeGrowsNoFasterThanTheText tries texts made of one piece repeated, short and sixteen times as long.
func TestTimeGrowsNoFasterThanTheText(t *testing.T) {
	const times = 16
	for _, c := range []struct{ head, piece, tail string }{
		{"select ", "(", ""}, {"select ", "(", ")"}, {"select ", "[", ""}, {"", "/*", ""}, {"", "/**/", "select 1"}, {"", "-- x\n", "select 1"},
		{"select ", "'a'\n", ""}, {"select ", "'a' --\n", ""}, {"select ", `'\'`, ""}, {"select ", `e'\'`, ""}, {"select ", `"a""`, ""}, {"select ", `U&"a" `, ""},
		{"select ", "U&\"a\" /* x */ uescape '!' ", ""}, {"select ", "$a$ ", ""}, {"select ", "$a$b$a$,", "1"}, {"select ", "$aaaaaaa", ""}, {"select a", "$a", ""},
		{"select ", "a.", "b"}, {"select ", "a.b, ", "1"}, {"select ", "A.Bcd, ", "1"}, {"select ", "f(", ""}, {"select ", "x::y, ", "1"}, {"select ", "+-", "1"},
		{"select ", "@", "1"}, {"select ", "1e", ""}, {"select ", "0x", ""}, {"select ", "1_", ""}, {"select ", "a <~> ", "b"}, {"with ", "c as (select 1), ", "d as (select 1) select 1"},
		{"with c as (select 1), d as (select 2), e as (select 1), f as (select 1), g as (select 1), h as (select 1), i as (select 1), j as (select 1) select * from ", "x, ", "y"},
		{"with ", "c1 as (select * from c1, c2), ", "d as (select 1) select 1"}, {"select * from ", "a, ", "b"}, {"select * from ", "(", "a"}, {"select * from a ", "join b on true ", ""},
		{"", ";", ""}, {"", "select 1;", ""}, {"select 1 in (", "1, ", "1)"}, {"values ", "(1, 'a'), ", "(1, 'b')"}, {"", "/* pgsplit: */", "select 1"}, {"select 1 ", "/* pgsplit: replica */", ""},
		{"select ", "set_config('a', 'b', ", ""}, {"select ", "query_to_xml('", ""}, {"select ", "query_to_xml('select 1', true, true, ''), ", "1"}, {"create table t (", "a int, ", "b int)"},
		{"create function f() begin atomic ", "select case when true then 1 end; ", "end"}, {"select ", "current_setting('transaction_x'), ", "1"}, {"select ", "é", ""}, {"select ", "\"Ab\"\"c\", ", "1"},
		{"explain (", "a ", ")"}, {"truncate ", "a, ", "b"}, {"", "explain ", "select 1"}, {"", "with a as (", ""}, {"select ", "case when ", ""}, {"", "select 1 union ", "select 1"},
	} {
		shortest := func(text string) time.Duration {
			var a statement.Analysis
			best := time.Hour
			for range 5 {
				start := time.Now()
				a.Analyze(text)
				statement.Fingerprint(text)
				best = min(best, time.Since(start))
			}
			return best
		}
		n := 16 << 10 / len(c.piece)
		short := shortest(c.head + strings.Repeat(c.piece, n) + c.tail)
		long := shortest(c.head + strings.Repeat(c.piece, times*n) + c.tail)
		// Quadratic time would be 256 times as much; the rest allows for caches and for a busy machine.
		if long > 6*times*short && long > 20*time.Millisecond {
			t.Errorf("%q: %v for %d pieces, %v for %d", c.piece, short, n, long, times*n)
		}
	}
}
