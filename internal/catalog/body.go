package catalog

import "github.com/pgsplit/pgsplit/internal/statement"

// body is what the text of a function says, more rather than less: any word may be the name of a relation or type, any
// name before a parenthesis that of a function.
type body struct {
	marks marks
	why   string // of the marks

	writes  bool // it has a statement that writes the relations it names
	defines bool // it has DDL

	calls     []call
	relations map[relationRef]bool // or a column or variable of that name
	rows      map[string]bool      // where a relation's name is that of its type
	names     map[string]bool      // a type, or anything else
	members   map[string]bool      // after a dot, so maybe a function called as row.name
	operators map[string]bool

	tokens    []token
	plpg      bool
	declaring bool // variables
}

// call is a function by name, with what set_config is told.
type call struct {
	schema, name string
	local        bool
}

// relationRef is what may be a relation's name.
type relationRef struct{ schema, name string }

// read replaces what the body says.
func (b *body) read(text string, plpg bool) {
	tokens := b.tokens[:0]
	if b.names == nil {
		b.names, b.members, b.operators = map[string]bool{}, map[string]bool{}, map[string]bool{}
		b.relations, b.rows = map[relationRef]bool{}, map[string]bool{}
	}
	clear(b.relations)
	clear(b.rows)
	clear(b.names)
	clear(b.members)
	clear(b.operators)
	*b = body{
		relations: b.relations, rows: b.rows, names: b.names, members: b.members, operators: b.operators,
		calls: b.calls[:0], plpg: plpg,
	}
	var ok bool
	if b.tokens, ok = scan(text, tokens); !ok {
		b.note(unreadable, "has a body that cannot be read")
		return
	}
	first := true // a statement may begin here
	for i, t := range b.tokens {
		switch t.kind {
		case tokenOperator:
			b.operator(t.text)
			first = t.text == ">>"
			continue
		case tokenWord, tokenQuoted:
			b.name(i)
		default:
			first = t.is(tokenSign, ";")
			continue
		}
		if t.kind == tokenQuoted {
			first = false
			continue
		}
		if first && b.plpg && t.text == "declare" {
			b.declaring = true
		}
		b.word(i, first && !b.declaring && !b.assigned(i))
		switch t.text {
		case "begin":
			b.declaring = false
			first = true
		case "then", "else", "loop", "atomic":
			first = true
		default:
			first = false
		}
	}
}

func (b *body) note(m marks, why string) {
	if b.why == "" || m.unfit() && !b.marks.unfit() {
		b.why = why
	}
	b.marks |= m
}

// at returns a token, or an empty one beyond the ends.
func (b *body) at(i int) token {
	if i < 0 || i >= len(b.tokens) {
		return token{}
	}
	return b.tokens[i]
}

func (b *body) wordAt(i int, word string) bool { return b.at(i).is(tokenWord, word) }
func (b *body) signAt(i int, sign string) bool { return b.at(i).is(tokenSign, sign) }

// assigned tells whether a word is a variable that gets a value.
func (b *body) assigned(i int) bool {
	next := b.at(i + 1)
	return next.is(tokenSign, ":=") || next.is(tokenOperator, "=") || next.is(tokenSign, ".") || next.is(tokenSign, "[")
}

// operator notes a run of operator characters, which may end in signs of the operand.
func (b *body) operator(op string) {
	b.operators[op] = true
	for len(op) > 1 && (op[len(op)-1] == '-' || op[len(op)-1] == '+') {
		op = op[:len(op)-1]
		b.operators[op] = true
	}
}

func (b *body) name(i int) {
	t := b.tokens[i]
	b.names[t.text] = true
	if b.signAt(i+1, ".") {
		switch t.text {
		case "pg_temp":
			b.note(pinMarks(statement.PinTempTable), "uses temporary tables")
		case "information_schema":
			b.note(flagMarks(statement.Catalog), "reads the system catalog")
		}
	}
	member := b.signAt(i-1, ".")
	switch before := b.at(i - 1); {
	case member:
		// What stands before the dot is no schema if this is a column; then there is no such relation in it.
		b.relations[relationRef{b.at(i - 2).text, t.text}] = true
	case before.kind != tokenOperator && !before.is(tokenSign, "::") && !before.is(tokenSign, ":="):
		b.relations[relationRef{"", t.text}] = true
	}
	if b.declaring || b.signAt(i-1, "::") || b.wordAt(i-1, "as") || b.signAt(i-3, "::") || b.wordAt(i-3, "as") {
		b.rows[t.text] = true
	}
	if !b.signAt(i+1, "(") {
		if member {
			b.members[t.text] = true
		}
		return
	}
	c := call{name: t.text}
	if member && b.at(i-2).name() {
		c.schema = b.at(i - 2).text
	}
	if t.text == "set_config" {
		c.local = b.localConfig(i + 1)
	}
	b.calls = append(b.calls, c)
}

// localConfig tells whether the third argument, after the parenthesis at i, is TRUE.
func (b *body) localConfig(i int) bool {
	depth, commas := 0, 0
	for ; i < len(b.tokens); i++ {
		t := b.tokens[i]
		if t.kind != tokenSign {
			continue
		}
		switch t.text {
		case "(", "[":
			depth++
		case ")", "]":
			if depth--; depth == 0 {
				return commas == 2 && b.wordAt(i-1, "true") && b.signAt(i-2, ",")
			}
		case ",":
			if depth == 1 {
				commas++
			}
		}
	}
	return false
}

// word notes what a keyword means; first tells whether a statement begins with it.
func (b *body) word(i int, first bool) {
	switch w := b.tokens[i].text; w {
	case "execute":
		b.note(unreadable, "executes texts that it makes up")
	case "insert", "update", "delete", "merge", "truncate", "copy", "refresh":
		b.writes = true
	case "with":
		if b.wordAt(i+1, "hold") {
			b.note(pinMarks(statement.PinHoldCursor), "leaves a cursor open")
		}
	case "into":
		b.temporary(i + 1)
	case "do":
		// ON CONFLICT DO, and rules.
		if first && b.at(i+1).kind != tokenSign && !b.wordAt(i+1, "nothing") && !b.wordAt(i+1, "update") {
			b.note(unreadable, "has a DO block")
		}
	default:
		if first {
			b.statement(i)
		}
	}
}

// statement reads the first words of a statement.
func (b *body) statement(i int) {
	switch b.tokens[i].text {
	case "set", "reset":
		b.set(i + 1)
	case "discard":
		b.note(pinMarks(statement.PinSetting|statement.PinPrepare), "discards session state")
	case "listen":
		b.note(pinMarks(statement.PinListen), "listens")
	case "load":
		b.note(pinMarks(statement.PinLoad), "loads a library")
	case "prepare", "deallocate":
		b.note(pinMarks(statement.PinPrepare), "prepares statements")
	case "create":
		b.defines = true
		b.temporary(i + 1)
	case "alter", "drop", "grant", "revoke", "comment", "security", "import", "reassign":
		b.defines = true
	}
}

// set reads what follows SET or RESET.
func (b *body) set(i int) {
	switch b.at(i).text {
	case "local", "transaction", "constraints":
		return
	case "session":
		if b.wordAt(i+1, "role") {
			break
		}
		if !b.wordAt(i+1, "authorization") {
			b.note(pinMarks(statement.PinSetting), "changes settings")
			return
		}
	case "role", "session_authorization":
	default:
		b.note(pinMarks(statement.PinSetting), "changes settings")
		return
	}
	b.note(pinMarks(statement.PinRole), "changes the role")
}

// temporary reads what follows CREATE, or INTO in a query.
func (b *body) temporary(i int) {
	for b.wordAt(i, "or") || b.wordAt(i, "replace") || b.wordAt(i, "local") || b.wordAt(i, "global") {
		i++
	}
	if !b.wordAt(i, "temp") && !b.wordAt(i, "temporary") {
		return
	}
	for ; i < len(b.tokens) && !b.signAt(i, ";"); i++ {
		if b.wordAt(i, "on") && b.wordAt(i+1, "commit") && b.wordAt(i+2, "drop") {
			return // it ends with the transaction
		}
	}
	b.note(pinMarks(statement.PinTempTable), "makes temporary tables")
}
