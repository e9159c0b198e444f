// Package statement tells from the text of a driver call what it does: whether it is a read that a replica may answer,
// what it leaves behind in the session, which relations and functions it names.
//
// It is not a parser of everything that PostgreSQL takes, but it knows the whole lexical structure and follows the
// grammar of queries closely enough that a text it calls a read can be nothing else. Whatever it does not know, a new
// statement, a new clause, makes the text NotUnderstood.
package statement

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// Analysis is what one text says. It is meant to be used again and again: after a few texts, ordinary ones cost no
// allocation. It is not safe for concurrent use.
type Analysis struct {
	Kind       Kind // of the first statement
	Statements int
	Flags      Flags
	Pin        Pin

	// Unpin is state that the text certainly undoes, if it succeeds and its transaction is not rolled back: UNLISTEN *,
	// pg_advisory_unlock_all(), CLOSE ALL, DISCARD TEMP. It never shares a bit with Pin.
	Unpin Pin
	Hint  Hint

	named       // what it says, which may be another one's
	own   named // room for its own

	lex  lexer
	ring [3]token // where the three below point, in turns
	prev *token   // the token before tok
	tok  *token
	peek *token // the token after tok

	// What the statement at hand does, and all statements of this reading.
	flags      Flags
	pin, unpin Pin
	kind       Kind
	main       Kind  // of the statement that a WITH list belongs to
	infixNot   bool  // the last NOT stood after an operand
	castEnd    int32 // where the last cast of a constant ends
	callEnd    int32 // where the last call ends
	apart      int32 // where the last parenthesis ends that is no operand
	rows       bool  // a row of a relation's type may be made: ClassRows
	scalars    bool  // FROM has a function: t.c may be a call c(t) for any type of t
	statements int
	tail       int // where the last statement ends

	levels   []level
	ctes     []string
	cteSet   map[string]struct{}
	interned map[string]string
	inner    *Analysis // of a text within the text
	nested   bool
}

// Analyze replaces what the Analysis says by what sql says. It takes time in proportion to the length of sql.
func (a *Analysis) Analyze(sql string) {
	a.Kind, a.Statements, a.Flags, a.Pin, a.Unpin, a.Hint = Unknown, 0, 0, 0, 0, HintNone
	a.named = named{a.own.relations[:0], a.own.functions[:0], a.own.columns[:0], a.own.types[:0]}
	a.ctes, a.scalars, a.rows = a.ctes[:0], false, false
	if len(sql) > 1<<30 || strings.IndexByte(sql, 0) >= 0 || !utf8.ValidString(sql) {
		// A server takes no NUL, and bytes that are not UTF-8 may be anything in the encoding they are in.
		a.Flags, a.Pin = NotUnderstood, PinUnknown
		return
	}
	a.readText(lexer{src: sql})
	first := a.lex
	if start := (lexer{src: sql}); start.skip() {
		a.Hint = hintIn(sql[:start.pos])
	}
	if a.Hint != HintPrimary {
		if h := hintIn(sql[a.tail:]); h != HintNone {
			a.Hint = h
		}
	}
	a.Kind, a.Statements, a.Flags, a.Pin, a.Unpin = a.kind, a.statements, a.flags, a.pin, a.unpin
	if first.forked {
		a.readOtherwise(first)
	}
	a.markCTEs()
	if a.rows {
		for _, r := range a.relations {
			if !r.CTE {
				a.types = append(a.types, Name{Schema: r.Schema, Name: r.Name})
			}
		}
	}
	if a.Flags&(NotUnderstood|UnknownFunction) != 0 {
		a.Pin |= PinUnknown
	}
	a.own = a.named
}

// named is what a text names.
type named struct{ relations, functions, columns, types []Name }

// Adopt replaces what the Analysis says by what another one says, until the next Analyze. They share their lists of
// names, so neither may be changed; from must not analyze another text in the meantime.
func (a *Analysis) Adopt(from *Analysis) {
	a.Kind, a.Statements, a.Flags, a.Pin, a.Unpin, a.Hint = from.Kind, from.Statements, from.Flags, from.Pin, from.Unpin, from.Hint
	a.named, a.scalars = from.named, from.scalars
}

// Keep returns a copy for good, as small as it can be.
func (a *Analysis) Keep() *Analysis {
	kept := new(Analysis)
	kept.Adopt(a)
	kept.named = named{slices.Clone(a.relations), slices.Clone(a.functions), slices.Clone(a.columns), slices.Clone(a.types)}
	return kept
}

// readOtherwise reads the text as a server with standard_conforming_strings off does. Which one the server has is not
// asked: a reading that cannot be finished is an error on every server, so the other one counts; else both do.
func (a *Analysis) readOtherwise(first lexer) {
	relations, functions, columns, types, ctes := len(a.relations), len(a.functions), len(a.columns), len(a.types), len(a.ctes)
	scalars := a.scalars
	a.readText(lexer{src: first.src, backslash: true})
	switch {
	case a.lex.fault == faultUnterminated && first.fault == faultNone:
		a.relations, a.functions, a.columns, a.types = a.relations[:relations], a.functions[:functions], a.columns[:columns], a.types[:types]
		a.ctes, a.scalars = a.ctes[:ctes], scalars
	case a.lex.fault == faultNone && first.fault == faultUnterminated:
		a.relations, a.functions = slices.Delete(a.relations, 0, relations), slices.Delete(a.functions, 0, functions)
		a.columns, a.types = slices.Delete(a.columns, 0, columns), slices.Delete(a.types, 0, types)
		a.ctes = slices.Delete(a.ctes, 0, ctes)
		a.Kind, a.Statements, a.Flags, a.Pin, a.Unpin = a.kind, a.statements, a.flags, a.pin, a.unpin
	default:
		a.Statements = max(a.Statements, a.statements)
		a.Flags |= a.flags
		a.Pin |= a.pin
		a.Unpin &= a.unpin &^ a.Pin
	}
}

// Read tells whether the text is a pure read which a replica may answer, as far as the text and the built-in functions
// tell.
func (a *Analysis) Read() bool { return a.Flags&Primary == 0 && a.Kind != Empty }

// Reason is the first cause why the text is not a read.
func (a *Analysis) Reason() Reason {
	if a.Kind == Empty {
		return ReasonEmpty
	}
	return ReasonOf(a.Flags)
}

// Relations are the relations that the text names, some more than once. The slice is valid until the next Analyze, the
// strings in it for good.
func (a *Analysis) Relations() []Name { return a.relations }

// Functions are the functions that the text calls, built-in ones too since a function of the same name may stand before
// them in the search path, and the operators that are not built in.
func (a *Analysis) Functions() []Name { return a.functions }

// Columns are the qualified names, t.c or (t).c, of which each may be a column or a call of a function c(t).
func (a *Analysis) Columns() []Name { return a.columns }

// Scalar tells whether the function that one of the Columns may call can be one of a value that is no row: (1).c, or t.c
// where t is a function in a FROM list.
func (a *Analysis) Scalar(column Name) bool { return column.Schema == "" || a.scalars }

// Types are the types of casts and literals that are not built in: casts and domains may call functions.
func (a *Analysis) Types() []Name { return a.types }

// markCTEs finds the relations that may be WITH queries instead.
func (a *Analysis) markCTEs() {
	if len(a.ctes) == 0 {
		return
	}
	const few = 8
	if len(a.ctes) > few {
		if a.cteSet == nil {
			a.cteSet = make(map[string]struct{})
		}
		clear(a.cteSet)
		for _, name := range a.ctes {
			a.cteSet[name] = struct{}{}
		}
	}
	for i := range a.relations {
		r := &a.relations[i]
		if r.Schema != "" || r.Write {
			continue
		}
		if len(a.ctes) > few {
			_, r.CTE = a.cteSet[r.Name]
			continue
		}
		for _, name := range a.ctes {
			r.CTE = r.CTE || name == r.Name
		}
	}
}
