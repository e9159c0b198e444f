package statement

// level is one nesting of parentheses or brackets within a statement, the statement itself the lowest.
type level struct {
	kind    levelKind
	clause  clause
	special special // what the arguments of a call are looked at for
	comma   uint8   // commas seen at a call, 3 stands for more
	marks   levelMarks
}

type levelKind uint8

const (
	levelStatement levelKind = iota
	levelBody                // of a WITH query
	levelParen               // in an expression: a part of it or a sub-select
	levelFrom                // in a FROM clause: a joined table or a sub-select
	levelRows                // ROWS FROM (…)
	levelNames               // names, maybe with types: nothing in it is executed
	levelCall                // arguments of a function
	levelSyntax              // arguments of what looks like a function and has a grammar of its own
	levelBracket
)

// clause is where in a level the reading is.
type clause uint8

const (
	clauseStart    clause = iota // nothing read: a query may begin
	clauseExpr                   // anything made of expressions
	clauseGroup                  // GROUP BY
	clauseFromItem               // a relation, function or parenthesis must come
	clauseFromTail               // after it: alias, join, the next clause
	clauseFromOn                 // a join's condition
	clauseWithTail               // after a WITH query
	clauseCopyTail               // after COPY (…)
	clauseRest                   // after the query of a new table or view
)

type special uint8

const (
	specialNone special = iota
	specialSetConfig
	specialCast
	specialJSONTable
	specialXMLTable
	specialXMLRoot
	specialColumns // those of JSON_TABLE and XMLTABLE
	specialApart   // DISTINCT ON (…): what follows it begins an expression
)

type levelMarks uint16

const (
	markQuery      levelMarks = 1 << iota // a query
	markMust                              // must be one
	markDML                               // writes
	markMay                               // may write: where a statement stands, not a sub-select
	markUsing                             // the next USING begins a FROM list
	markLocal                             // set_config's third argument is true
	markCopy                              // COPY's
	markDefinition                        // of a new table or view
)

// deepest is far beyond what a server's stack takes.
const deepest = 10000

func (a *Analysis) push(l level) {
	if len(a.levels) >= deepest {
		a.fail()
		return
	}
	a.levels = append(a.levels, l)
}

// pop closes a level, at the closing parenthesis or bracket in tok.
func (a *Analysis) pop() {
	l := a.levels[len(a.levels)-1]
	bracket := a.tok.kind == tokenClose
	if len(a.levels) == 1 || bracket != (l.kind == levelBracket) || !l.complete() {
		a.fail()
		return
	}
	if l.special == specialXMLTable {
		a.fail() // it must have had COLUMNS
		return
	}
	if l.special == specialSetConfig {
		if l.marks&markLocal != 0 {
			a.flags |= LocalSetting
		} else {
			a.pin |= PinSetting
		}
	}
	switch {
	case l.kind == levelCall, l.kind == levelSyntax:
		a.callEnd = a.tok.end
	case l.special == specialApart:
		a.apart = a.tok.end
	}
	a.levels = a.levels[:len(a.levels)-1]
}

// complete tells whether a level may end where it is.
func (l *level) complete() bool {
	switch l.clause {
	case clauseFromItem, clauseWithTail:
		return false
	case clauseStart:
		return l.kind == levelCall || l.kind == levelSyntax || l.kind == levelBracket || l.kind == levelNames || l.kind == levelParen && l.marks&markMust == 0
	}
	return true
}
