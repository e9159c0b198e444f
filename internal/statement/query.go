package statement

// query reads a query or a statement that changes data, of which tok is the first token, up to the semicolon or the end.
// marks are those of the statement's own level.
func (a *Analysis) query(marks levelMarks) {
	a.levels = append(a.levels[:0], level{kind: levelStatement, marks: marks | markMust | markMay})
	for {
		l := &a.levels[len(a.levels)-1]
		switch a.tok.kind {
		case tokenEOF, tokenSemicolon:
			if len(a.levels) > 1 || !l.complete() {
				a.fail()
			}
			return
		case tokenRight, tokenClose:
			a.pop()
			a.next()
			continue
		}
		switch l.clause {
		case clauseStart:
			a.start(l)
		case clauseFromItem:
			a.fromItem(l)
		case clauseFromTail:
			a.fromTail(l)
		case clauseWithTail:
			a.withTail(l)
		case clauseRest:
			a.skim()
			return
		case clauseCopyTail:
			a.copyTail()
			return
		default:
			if l.kind == levelNames {
				a.names()
			} else {
				a.expression(l)
			}
		}
		a.next()
	}
}

// start reads the first token of a level, or of what follows UNION and the like.
func (a *Analysis) start(l *level) {
	switch a.tok.word {
	case kwSelect:
		l.marks |= markQuery
		l.clause = clauseExpr
		if a.ahead(kwAll) || a.ahead(kwDistinct) {
			a.next()
		}
		return
	case kwValues:
		if a.peek.kind == tokenLeft {
			l.marks |= markQuery
			l.clause = clauseExpr
			return
		}
	case kwTable:
		l.marks |= markQuery
		l.clause = clauseFromItem
		return
	case kwWith:
		l.marks |= markQuery | markMust
		a.with(l)
		return
	case kwInsert, kwUpdate, kwDelete, kwMerge:
		if l.marks&markMay != 0 {
			a.change(l)
			return
		}
		if isName(a.peek) && !reserved(a.peek) && !between(a.peek) && l.kind != levelNames {
			// Nothing is executed here that begins like UPDATE t, nor is it an expression.
			a.fail()
			return
		}
	}
	if a.tok.kind == tokenLeft {
		l.clause = clauseExpr
		if l.kind == levelStatement && l.marks&markCopy != 0 {
			l.clause = clauseCopyTail
			a.push(level{kind: levelParen, marks: markMust | markMay})
			return
		}
		kind, marks := levelParen, l.marks&(markMust|markMay)
		if l.kind == levelFrom {
			kind = levelFrom
			l.clause = clauseFromTail
		}
		a.push(level{kind: kind, marks: marks &^ markMay})
		return
	}
	switch {
	case l.marks&markMust != 0:
		a.fail()
	case l.kind == levelFrom:
		l.clause = clauseFromItem
		a.fromItem(l)
	case l.kind == levelNames:
		l.clause = clauseExpr
		a.names()
	default:
		l.clause = clauseExpr
		a.expression(l)
	}
}

// between tells whether a token is a word between operands, as IS and LIKE: no relation is named so.
func between(t *token) bool { return keywords[t.word].category == 'T' }

// names reads a list of names, maybe with types. Words that no such list has mean that it is something else.
func (a *Analysis) names() {
	switch {
	case a.tok.kind == tokenLeft:
		// A type's modifiers, in which numbers stand.
		a.push(level{kind: levelParen})
	case a.tok.kind == tokenOpen:
		a.push(level{kind: levelBracket, clause: clauseExpr})
	case !isName(a.tok) && a.tok.kind != tokenComma && a.tok.kind != tokenDot:
		a.fail()
	case a.at(kwCollate):
		if a.next(); !isName(a.tok) {
			a.fail()
			return
		}
		a.chain()
	case reserved(a.tok) && !a.at(kwWith) && !a.at(kwArray):
		a.fail()
	case isName(a.tok) && isName(a.prev) && a.prev.kind != tokenDot:
		a.typed(a.chain(), true)
	}
}

// with reads WITH [RECURSIVE] up to the parenthesis of the first query.
func (a *Analysis) with(l *level) {
	if a.ahead(kwRecursive) {
		a.next()
	}
	a.next()
	a.withQuery(l)
}

// withQuery reads name [(columns)] AS [[NOT] MATERIALIZED] (.
func (a *Analysis) withQuery(l *level) {
	if !isName(a.tok) || reserved(a.tok) {
		a.fail()
		return
	}
	a.ctes = append(a.ctes, a.text(a.tok))
	a.next()
	if a.tok.kind == tokenLeft {
		for a.tok.kind != tokenRight {
			if a.next(); a.tok.kind != tokenRight && a.tok.kind != tokenComma && !isName(a.tok) {
				a.fail()
				return
			}
		}
		a.next()
	}
	if !a.at(kwAs) {
		a.fail()
		return
	}
	a.next()
	if a.at(kwNot) {
		a.next()
	}
	if a.at(kwMaterialized) {
		a.next()
	}
	if a.tok.kind != tokenLeft {
		a.fail()
		return
	}
	l.clause = clauseWithTail
	a.push(level{kind: levelBody, marks: markMust | markMay})
}

// withTail reads what follows a WITH query: another one, SEARCH and CYCLE, or the statement itself.
func (a *Analysis) withTail(l *level) {
	switch {
	case a.tok.kind == tokenComma:
		a.next()
		a.withQuery(l)
	case a.at(kwSearch):
		a.skipTo(kwSet)
	case a.at(kwCycle):
		a.skipTo(kwUsing)
	default:
		l.clause = clauseStart
		l.marks |= markMust
		a.start(l)
	}
}

// skipTo moves over names and constants to the name after a word.
func (a *Analysis) skipTo(w keyword) {
	for !a.at(w) {
		switch a.tok.kind {
		case tokenWord, tokenQuoted, tokenUnicode, tokenComma, tokenString, tokenNumber, tokenCast:
			a.next()
		default:
			a.fail()
			return
		}
	}
	a.next()
	if !isName(a.tok) {
		a.fail()
	}
}
