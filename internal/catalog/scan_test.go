package catalog

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestScan(t *testing.T) {
	for _, test := range []struct{ src, want string }{
		{"Select F(x)", "w:select w:f p:( w:x p:)"},
		{`"Ab""c"."d"`, `q:Ab"c p:. q:d`},
		{"'it''s' E'it\\'s' b'1' n'x'", "s: s: w:b s: w:n s:"},
		{`'\\' 'a\d' x`, "s: s: w:x"},
		{"$$ f() $$ $a$ $$ f() $a$ $1 $", "s: s: n: n:"},
		{"a$b$c", "w:a$b$c"},
		{"-- f()\nx /* f( /* y */ */ z", "w:x w:z"},
		{"1.5e10 0x1F 1..10 .5", "n: n: n: p:. p:. n: p:. n:"},
		{"a<=-1 b||c <<l>>", "w:a o:<=- n: w:b o:|| w:c o:<< w:l o:>>"},
		{"a--x\n+/*y*/b", "w:a o:+ w:b"},
		{"x::int y := 1; z:1", "w:x p::: w:int w:y p::= n: p:; w:z p:: n:"},
		{"ÜNÏ Größe", "w:ÜnÏ w:größe"},
		{strings.Repeat("n", 70), "w:" + strings.Repeat("n", 63)},
		{strings.Repeat("n", 62) + "ü", "w:" + strings.Repeat("n", 62)},
		{"", ""},
	} {
		tokens, ok := scan(test.src, nil)
		require.True(t, ok, test.src)
		var words []string
		for _, t := range tokens {
			words = append(words, string(t.kind)+":"+t.text)
		}
		require.Equal(t, test.want, strings.Join(words, " "), test.src)
	}
	for _, src := range []string{"'", `"`, "/*", "/* /* */", "$$", "$a$ $b$", `'\'`, `'\'' || x || '`, `U&"f"()`, "e'\\'"} {
		_, ok := scan(src, nil)
		require.False(t, ok, src)
	}
}

// A comment, white space or another case between the words of a body changes nothing, and nothing hides a call.
func FuzzBody(f *testing.F) {
	for _, seed := range []string{"", "select 1", "'", "$$", "/* x", "begin x := 'a'; end", `"a`, "e'\\", "1..2", "-- x", "$a", "U&'x'"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var b, again body
		b.read(text, true)
		again.read(" "+text+"\n", true)
		require.Equal(t, b.marks, again.marks)
		require.Equal(t, b.calls, again.calls)
		if b.marks&opaque != 0 || !utf8.ValidString(text) {
			return
		}
		again.read(text+"\n; perform nextval('s'); listen x;", true)
		require.True(t, again.marks&opaque != 0 || len(again.calls) == len(b.calls)+1 && again.calls[len(b.calls)].name == "nextval", text)
	})
}
