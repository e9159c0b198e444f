package statement

// definition reads what changes definitions. Of the relations only those are noted that the statement names first.
func (a *Analysis) definition(word keyword) Kind {
	kind := Unknown
	switch word {
	case kwCreate:
		a.flags |= Writes | DDL
		a.create()
		return Create
	case kwAlter:
		kind = Alter
	case kwDrop:
		kind = Drop
	case kwGrant, kwRevoke, kwComment, kwSecurity, kwImport, kwReassign:
		kind = Grant
	default:
		return Unknown
	}
	a.flags |= Writes | DDL
	a.next()
	if a.relationKind() {
		a.next()
		for a.wordIs(a.tok, "if") || a.at(kwExists) {
			a.next()
		}
		a.targets(true)
	}
	return kind
}

// relationKind tells whether tok is, or begins, the word for a kind of relation, and moves to its last word.
func (a *Analysis) relationKind() bool {
	if a.wordIs(a.tok, "foreign") && a.ahead(kwTable) || a.at(kwMaterialized) && a.ahead(kwView) {
		a.next()
	}
	return a.at(kwTable) || a.at(kwView) || a.wordIs(a.tok, "sequence")
}

// create reads CREATE up to its end, or to the query that fills a table.
func (a *Analysis) create() {
	function, temporary := false, false
	a.next()
	for head := 0; ; head++ {
		switch {
		case a.at(kwTemp), a.at(kwTemporary):
			temporary = true
		case a.wordIs(a.tok, "function"), a.wordIs(a.tok, "procedure"):
			function = true
		case a.relationKind():
			a.createRelation(temporary)
			return
		case head > 6 || a.tok.kind != tokenWord || a.temporarySchema():
			a.rest(function)
			return
		}
		a.next()
	}
}

// createRelation reads what follows CREATE TABLE, VIEW or SEQUENCE.
func (a *Analysis) createRelation(temporary bool) {
	if temporary {
		a.pin |= PinTempTable
	}
	fills := a.at(kwTable) || a.prev.word == kwMaterialized
	a.next()
	if a.wordIs(a.tok, "if") {
		a.next()
		a.next()
		a.next()
	}
	a.target(true)
	a.next()
	for depth := 0; a.tok.kind != tokenEOF && (a.tok.kind != tokenSemicolon || depth > 0); a.next() {
		switch a.tok.kind {
		case tokenLeft:
			depth++
		case tokenRight:
			depth--
		case tokenWord:
			if depth > 0 || !a.at(kwAs) {
				continue
			}
			if a.ahead(kwExecute) {
				a.pin |= PinUnknown
			}
			if a.ahead(kwSelect) || a.ahead(kwWith) || a.ahead(kwValues) || a.ahead(kwTable) || a.peek.kind == tokenLeft {
				a.next()
				a.body(fills)
				return
			}
		}
	}
}

// body reads the query of a new table or view. WITH [NO] DATA and WITH CHECK OPTION may follow it, which no query has.
func (a *Analysis) body(fills bool) {
	flags, pin, unpin := a.flags, a.pin, a.unpin
	a.query(markDefinition)
	if !fills {
		a.flags, a.pin, a.unpin = flags|a.flags&NotUnderstood, pin, unpin
	}
}

// temporarySchema tells whether tok is the schema of a name in the session's own schema.
func (a *Analysis) temporarySchema() bool {
	return a.peek.kind == tokenDot && isName(a.tok) && a.text(a.tok) == "pg_temp"
}

// rest reads the rest of any other CREATE. A function's body may be statements between BEGIN ATOMIC and END.
func (a *Analysis) rest(function bool) {
	depth, blocks := 0, 0
	for a.tok.kind != tokenEOF && (a.tok.kind != tokenSemicolon || depth > 0 || blocks > 0) {
		switch {
		case a.tok.kind == tokenLeft:
			depth++
		case a.tok.kind == tokenRight:
			depth--
		case a.temporarySchema():
			a.pin |= PinTempTable
		case a.tok.kind != tokenWord || a.prev.kind == tokenDot:
		case function && a.at(kwBegin) && a.wordIs(a.peek, "atomic"):
			blocks++
		case blocks > 0 && a.at(kwCase):
			blocks++
		case blocks > 0 && a.at(kwEnd):
			blocks--
		}
		a.next()
	}
}
