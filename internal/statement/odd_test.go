package statement_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit/internal/statement"
)

// TestTextsThatNoServerTakesAsTheyAreAreNotUnderstood: a byte that is not UTF-8 may be a part of anything in the encoding
// that the session has.
func TestTextsThatNoServerTakesAsTheyAreAreNotUnderstood(t *testing.T) {
	var a statement.Analysis
	for _, text := range []string{
		"select 1\x00", "\x00select 1", "select '\x00'", "select \xff", "select '\xc3'", "select 1 -- \xe2\x28\xa1", "select \"\xed\xa0\x80\"",
		"select '\xf8\x88\x80\x80\x80'", "/* \x80 */ select 1", "select 1\xc3", "select '\x95\x5c' || '; delete from t; --'",
	} {
		a.Analyze(text)
		require.False(t, a.Read(), "%q", text)
		require.Equal(t, statement.ReasonNotUnderstood, a.Reason(), "%q", text)
		require.NotZero(t, a.Pin&statement.PinUnknown, "%q", text)
	}
	for _, text := range []string{"select 'é', \"ü\" from ä", "select '\ufeff'", "select '\U0001F600'"} {
		a.Analyze(text)
		require.True(t, a.Read(), "%q", text)
	}
}

// TestLongAndDeepTextsAreReadOrGivenUp neither overflows a stack nor forgets what stands at the far end.
func TestLongAndDeepTextsAreReadOrGivenUp(t *testing.T) {
	var a statement.Analysis
	const many = 1 << 17
	for _, c := range []struct {
		head, piece, middle, tail string
		n                         int
		reads                     bool
	}{
		{"select 1 in (", "1, ", "1", ")", many, true},
		{"select 1 in (", "1, ", "nextval('s')", ")", many, false},
		{"select '", "x", "", "'", 10 * many, true},
		{"select '", "x", "", "'; delete from t", many, false},
		{"/*", "/* */", "", "*/ select 1", many, true},
		{"/*", "/* */", "", "*/ delete from t", many, false},
		{"select 1", " union select 1", "", "", 100_000, true},
		{"select 1", " union select 1", "", " for update", 100_000, false},
		{"select * from t", " join t on true", "", "", 100_000, true},
	} {
		a.Analyze(c.head + strings.Repeat(c.piece, c.n) + c.middle + c.tail)
		require.Equal(t, c.reads, a.Read(), "%s%s…%s%s", c.head, c.piece, c.middle, c.tail)
	}
	for _, depth := range []int{10, 1000, 5000, 100_000, many} {
		for _, c := range [][2]string{{"(", ")"}, {"(select ", ")"}, {"abs(", ")"}, {"array[", "]"}, {"case when true then ", " end"}, {"exists (select ", ")"}} {
			nested := strings.Repeat(c[0], depth) + "1" + strings.Repeat(c[1], depth)
			a.Analyze("select " + nested)
			require.True(t, a.Read() || depth > 5000, "%s at %d", c[0], depth)
			a.Analyze("select " + strings.Repeat(c[0], depth) + "nextval('s')" + strings.Repeat(c[1], depth))
			require.False(t, a.Read(), "%s at %d", c[0], depth)
		}
	}
}
