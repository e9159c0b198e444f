package statement

// statement reads one statement, of which tok is the first token, up to the semicolon or the end.
func (a *Analysis) statement() Kind {
	a.main = Select
	switch {
	case a.tok.kind == tokenLeft, a.at(kwSelect):
		a.query(0)
		return a.main
	case a.at(kwValues):
		a.main = Values
		a.query(0)
		return a.main
	case a.at(kwTable):
		a.main = Table
		a.query(0)
		return a.main
	case a.at(kwWith), a.at(kwInsert), a.at(kwUpdate), a.at(kwDelete), a.at(kwMerge):
		a.query(0)
		return a.main
	case a.at(kwExplain):
		a.explain()
		return Explain
	case a.at(kwCopy):
		return a.copy()
	}
	kind := a.utility()
	a.skim()
	return kind
}

// skim reads the rest of a statement without looking at it.
func (a *Analysis) skim() {
	for depth := 0; a.tok.kind != tokenEOF && (a.tok.kind != tokenSemicolon || depth > 0); a.next() {
		switch a.tok.kind {
		case tokenLeft, tokenOpen:
			depth++
		case tokenRight, tokenClose:
			depth--
		}
	}
}

// explain reads EXPLAIN and the statement after it, which counts as if it were executed.
func (a *Analysis) explain() {
	a.next()
	if a.tok.kind == tokenLeft && !a.ahead(kwSelect) && !a.ahead(kwWith) && !a.ahead(kwValues) && !a.ahead(kwTable) &&
		a.peek.kind != tokenLeft {
		for a.tok.kind != tokenRight {
			if a.tok.kind == tokenEOF || a.tok.kind == tokenSemicolon {
				a.fail()
				return
			}
			a.next()
		}
		a.next()
	} else {
		if a.at(kwAnalyze) || a.at(kwAnalyse) {
			a.next()
		}
		if a.at(kwVerbose) {
			a.next()
		}
	}
	switch {
	case a.at(kwSelect), a.at(kwValues), a.at(kwTable), a.at(kwWith), a.at(kwInsert), a.at(kwUpdate), a.at(kwDelete),
		a.at(kwMerge), a.tok.kind == tokenLeft:
		a.query(0)
	default:
		// EXECUTE, DECLARE, CREATE TABLE AS, REFRESH, or nothing that can be explained.
		a.utility()
		a.skim()
	}
}

// copy reads COPY, of which only the way to the client is a read.
func (a *Analysis) copy() Kind {
	a.next()
	if a.tok.kind == tokenLeft {
		a.main = CopyOut
		a.query(markCopy)
		return a.main
	}
	if a.at(kwTable) {
		a.next()
	}
	if !isName(a.tok) {
		a.fail()
		return Copy
	}
	c := a.chain()
	a.next()
	if a.tok.kind == tokenLeft {
		for a.tok.kind != tokenRight {
			if a.next(); a.tok.kind != tokenRight && a.tok.kind != tokenComma && !isName(a.tok) {
				a.fail()
				return Copy
			}
		}
		a.next()
	}
	if a.at(kwTo) {
		a.relation(c, false)
		a.main = CopyOut
		a.copyTail()
		return a.main
	}
	a.relation(c, true)
	a.flags |= Writes
	a.skim()
	return Copy
}

// copyTail reads TO STDOUT; every other place is one of the server's.
func (a *Analysis) copyTail() {
	if !a.at(kwTo) || !a.wordIs(a.peek, "stdout") {
		a.flags |= Writes
		a.main = Copy
		a.skim()
		return
	}
	for a.next(); a.tok.kind != tokenEOF && a.tok.kind != tokenSemicolon; a.next() {
		switch a.tok.word {
		case kwWith, kwAs, kwNull, kwTrue, kwFalse, kwOn:
		default:
			if reserved(a.tok) {
				a.fail()
			}
		}
	}
}
