package statement

import "strings"

// call reads a function's name, of which tok is the last part, and its opening parenthesis.
func (a *Analysis) call(c chain) {
	n := Name{}
	if c.parts > 1 {
		n.Schema = a.text(&c.schema)
	}
	var b *builtin
	if n.Schema == "" || n.Schema == "pg_catalog" {
		b = a.builtin(&c.name)
	}
	open := level{kind: levelCall}
	switch {
	case b != nil:
		n.Name, n.Class = b.name, b.class
	case n.Schema == "information_schema":
		n.Name, n.Class = a.text(&c.name), ClassCatalog
	default:
		n.Name = a.text(&c.name)
	}
	a.functions = append(a.functions, n)
	a.next()
	if b != nil && (b.class != ClassRead || b.name == "current_setting") {
		a.effects(b, &open)
	} else {
		a.flags |= classFlags[n.Class]
	}
	a.push(open)
}

// builtin finds the built-in function that a token names.
func (a *Analysis) builtin(t *token) *builtin {
	if t.kind == tokenWord {
		return findBuiltin(a.lex.src[t.start:t.end], t.hash)
	}
	name := a.text(t)
	if b := findBuiltin(name, hashOf(name)); b != nil && b.name == name {
		return b
	}
	return nil
}

// effects notes what a built-in function does that is not only a read. The opening parenthesis is in tok.
func (a *Analysis) effects(b *builtin, open *level) {
	switch {
	case b.name == "current_setting":
		// These belong to the transaction, and a standby's is read-only.
		name, ok := a.constant()
		if ok && len(name) > 12 && strings.EqualFold(name[:12], "transaction_") || !ok && a.peek.kind == tokenString {
			a.flags |= ServerLocal
		}
		return
	case b.name == "set_config":
		open.special = specialSetConfig
		a.flags |= SessionState
		return
	case b.name == "pg_advisory_unlock_all":
		a.unpin |= PinAdvisoryLock
	case b.class == ClassText && a.runsRead(b.name):
		return
	case b.class == ClassRows:
		a.rows = true
	case strings.HasSuffix(b.name, "_relation_size"), b.name == "pg_table_size", b.name == "pg_indexes_size":
		a.namesRelation()
	}
	a.flags |= classFlags[b.class]
	a.pin |= b.pin
}

// constant returns the first argument of a call if it is a string and says what it says.
func (a *Analysis) constant() (string, bool) {
	if a.peek.kind != tokenString {
		return "", false
	}
	look := a.lex
	if end := look.next(); end.kind != tokenComma && end.kind != tokenRight {
		return "", false
	}
	return a.lex.body(*a.peek)
}

// runsRead tells whether the first argument of a call is the text of a read, or for some functions the name of a table,
// of which the relations and functions are then those of this text too.
func (a *Analysis) runsRead(function string) bool {
	text, ok := a.constant()
	if !ok || a.nested || function == "ts_rewrite" { // whose text is its second argument
		return false
	}
	if a.inner == nil {
		a.inner = &Analysis{nested: true}
	}
	if strings.HasPrefix(function, "table_") {
		text = "table " + text
	}
	a.inner.Analyze(text)
	if !a.inner.Read() || a.inner.Kind != Select && a.inner.Kind != Values && a.inner.Kind != Table {
		return false
	}
	a.flags |= a.inner.Flags
	a.relations = append(a.relations, a.inner.relations...)
	a.functions = append(a.functions, a.inner.functions...)
	a.columns = append(a.columns, a.inner.columns...)
	a.types = append(a.types, a.inner.types...)
	return true
}

// namesRelation takes the first argument of a call for a relation's name if it is a constant.
func (a *Analysis) namesRelation() {
	if text, ok := a.constant(); ok && !a.nested {
		if a.inner == nil {
			a.inner = &Analysis{nested: true}
		}
		a.inner.Analyze("table " + text)
		a.flags |= a.inner.Flags
		a.relations = append(a.relations, a.inner.relations...)
	}
}
