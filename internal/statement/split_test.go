package statement

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestSplitCutsBetweenStatementsOnly(t *testing.T) {
	for _, c := range []struct {
		script string
		want   []string
	}{
		{"", nil},
		{" ; -- nothing\n ;", nil},
		{"select 1", []string{"select 1"}},
		{"select 1; select 2;\n", []string{"select 1", "select 2"}},
		{"-- one\nselect ';' ; /* ; */ select \";\"", []string{"-- one\nselect ';'", "/* ; */ select \";\""}},
		{"do $$ begin perform 1; end $$; select 1", []string{"do $$ begin perform 1; end $$", "select 1"}},
		{"create function f() returns int begin atomic select case when true then 1 end; select 2; end; select 3",
			[]string{"create function f() returns int begin atomic select case when true then 1 end; select 2; end", "select 3"}},
		{"select 1; select 'open; select 2", []string{"select 1", "select 'open; select 2"}},
	} {
		assert.Equal(t, c.want, Split(c.script), "%s", c.script)
	}
}
