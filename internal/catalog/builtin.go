package catalog

import (
	"strings"

	"github.com/pgsplit/pgsplit/internal/statement"
)

// builtins asks package statement what it thinks of the names that PostgreSQL itself defines.
type builtins struct {
	analysis  statement.Analysis
	functions map[string]marks
}

// function is what a call of a built-in function does, 0 also if there is none of that name. Only of set_config it
// matters what it is told.
func (b *builtins) function(name string, local bool) marks {
	m, ok := b.functions[name]
	if !ok {
		b.analysis.Analyze("select pg_catalog." + quote(name) + "()")
		if f := b.analysis.Functions(); len(f) == 1 && f[0].Class != statement.ClassUnknown {
			m = flagMarks(b.analysis.Flags) | pinMarks(b.analysis.Pin)
			switch {
			case f[0].Class == statement.ClassRows:
				m = 0 // whoever calls it depends on the type
			case f[0].Class == statement.ClassText:
				m |= unreadable
			case f[0].Class == statement.ClassEffect && !writesNothing(name):
				m |= writesAny
			case b.analysis.Flags&statement.ReadsUnnamed != 0:
				m |= readsAny
			}
		}
		b.functions[name] = m
	}
	if local && name == "set_config" {
		m = m&^pinMarks(statement.PinSetting) | flagMarks(statement.LocalSetting)
	}
	return m
}

// isFunction tells whether there is a built-in function of that name.
func (b *builtins) isFunction(name string) bool {
	b.analysis.Analyze("select pg_catalog." + quote(name) + "()")
	f := b.analysis.Functions()
	return len(f) == 1 && f[0].Class != statement.ClassUnknown
}

// isOperator tells whether there is a built-in operator of that name, of which the analysis then says nothing.
func (b *builtins) isOperator(name string) bool {
	b.analysis.Analyze("select a " + name + " b")
	return b.analysis.Flags&(statement.UnknownFunction|statement.NotUnderstood) == 0
}

// relation is what it means to read one of the system's relations.
func (b *builtins) relation(schema, name string) marks {
	b.analysis.Analyze("table " + quote(schema) + "." + quote(name))
	return flagMarks(b.analysis.Flags)
}

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
