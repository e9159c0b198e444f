package pgsplit

import (
	"slices"
	"strings"

	"github.com/pgsplit/pgsplit/internal/statement"
)

// The catalog, which is read over another connection, does not have the temporary tables of this one, and a text that names
// what the catalog lacks is in doubt (see doubt.go). So a connection remembers which temporary tables were made on it, as
// long as nothing can be behind them that executes a function: then a text that names them is judged as if it named a
// WITH query.

// temporaries are the temporary tables of a connection.
type temporaries struct {
	names  []string
	hidden bool // more may be behind one of them: none counts
}

// tempsMost bounds how many a connection remembers.
const tempsMost = 64

// note takes down what the text at hand, which has the given session state, does to temporary tables.
func (t *temporaries) note(st *statement.Analysis, pin statement.Pin, text string) {
	switch {
	case pin&statement.PinTempTable != 0:
		if st.Statements != 1 || len(t.names) >= tempsMost || !plainTable(text) {
			t.hidden = true
			return
		}
		for _, r := range st.Relations() {
			if r.Write && !slices.Contains(t.names, r.Name) {
				t.names = append(t.names, r.Name)
			}
		}
	case len(t.names) > 0 && st.Flags&statement.DDL != 0 && st.Kind != statement.Drop:
		t.hidden = true // a trigger, a default
	}
}

// dropped says whether the text at hand, which has succeeded, has dropped temporary tables only, and forgets them.
func (t *temporaries) dropped(st *statement.Analysis) bool {
	if st.Kind != statement.Drop || st.Statements != 1 || t.hidden || len(st.Relations()) == 0 {
		return false
	}
	for _, r := range st.Relations() {
		if r.Schema != "" || !slices.Contains(t.names, r.Name) {
			return false
		}
	}
	t.names = slices.DeleteFunc(t.names, func(name string) bool {
		return slices.ContainsFunc(st.Relations(), func(r statement.Name) bool { return r.Name == name })
	})
	return true
}

// plainTable says whether the text of a new temporary table can give it neither defaults nor constraints, nor anything else
// that calls a function when rows are read or written. It may say no to a table that is plain.
func plainTable(text string) bool {
	text = strings.ToLower(text)
	for _, word := range []string{"default", "check", "generated", "exclude", "like", "inherits", "partition", "view", "sequence", "function", "procedure", "domain", "operator", "pg_temp"} {
		if strings.Contains(text, word) {
			return false
		}
	}
	return true
}

// mark has the catalog take the temporary tables that a text names for known.
func (t *temporaries) mark(st *statement.Analysis) {
	if len(t.names) == 0 || t.hidden {
		return
	}
	relations := st.Relations()
	for i := range relations {
		if r := &relations[i]; (r.Schema == "" || r.Schema == "pg_temp") && slices.Contains(t.names, r.Name) {
			r.CTE = true
		}
	}
}
