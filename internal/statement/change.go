package statement

// change reads the head of a statement that changes data, up to the relation it writes.
func (a *Analysis) change(l *level) {
	l.marks |= markDML
	a.flags |= Writes
	kind := Update
	using := false
	switch a.tok.word {
	case kwInsert:
		kind = Insert
		a.require(kwInto)
	case kwMerge:
		kind, using = Merge, true
		a.require(kwInto)
	case kwDelete:
		kind, using = Delete, true
		a.require(kwFrom)
	}
	if len(a.levels) == 1 {
		a.main = kind
	}
	a.next()
	a.target(true)
	if a.operatorIs(a.peek, '*') {
		a.next()
	}
	l.clause = clauseExpr
	if using {
		l.marks |= markUsing
		l.clause = clauseFromTail
	}
}

// require moves on to the next token, which must be a word.
func (a *Analysis) require(w keyword) {
	if a.next(); !a.at(w) {
		a.fail()
	}
}

// target reads [ONLY] relation, of which tok is the first token.
func (a *Analysis) target(write bool) {
	if a.at(kwOnly) {
		a.next()
	}
	parenthesis := a.tok.kind == tokenLeft
	if parenthesis {
		a.next()
	}
	if !isName(a.tok) || reserved(a.tok) {
		a.fail()
		return
	}
	c := a.chain()
	a.relation(c, write)
	if r := &a.relations[len(a.relations)-1]; r.Schema == "pg_temp" {
		a.pin |= PinTempTable
	}
	if parenthesis {
		if a.next(); a.tok.kind != tokenRight {
			a.fail()
		}
	}
}
