package statement

import "strings"

// clauseWord reads a keyword that begins or shapes a clause, and tells whether it was one; else it is a name.
func (a *Analysis) clauseWord(l *level) bool {
	switch a.tok.word {
	case kwFrom:
		if l.marks&(markQuery|markDML) != 0 {
			l.clause = clauseFromItem
		} else if l.kind != levelSyntax {
			a.fail()
		}
	case kwReturning:
		l.clause = clauseExpr
		if l.marks&markDML == 0 { // JSON_VALUE(… RETURNING type)
			a.next()
			a.typeName(true)
		}
	case kwWhere, kwHaving, kwWindow, kwLimit, kwOffset, kwFetch:
		l.clause = clauseExpr
	case kwGroup, kwOrder:
		group := a.at(kwGroup)
		if group && a.prev.word == kwWithin && a.peek.kind == tokenLeft {
			a.next()
			a.push(level{kind: levelCall})
			break
		}
		if a.ahead(kwBy) {
			a.next()
			l.clause = clauseExpr
			if group {
				l.clause = clauseGroup
			}
		}
	case kwPartition:
		if !a.ahead(kwBy) {
			return false
		}
		a.next()
	case kwUnion, kwIntersect, kwExcept:
		l.marks |= markQuery | markMust
		l.clause = clauseStart
		if a.ahead(kwAll) || a.ahead(kwDistinct) {
			a.next()
		}
	case kwSelect:
		if l.marks&markDML == 0 {
			a.fail()
		}
		l.marks |= markQuery
	case kwInto:
		a.into(l)
	case kwFor:
		a.lockClause(l)
	case kwWith:
		a.withWord(l)
	case kwAs:
		a.label(l)
	case kwIs:
		if a.peek.kind == tokenLeft {
			return false
		}
		a.isDistinct()
	case kwNot:
		a.infixNot = a.afterOperand()
	case kwOn:
		switch {
		case a.ahead(kwConflict):
			a.next()
			l.clause = clauseExpr
		case a.prev.word == kwDistinct && a.peek.kind == tokenLeft:
			a.next()
			a.push(level{kind: levelParen, special: specialApart})
		}
	case kwWhen:
		if l.marks&markDML != 0 {
			l.clause = clauseExpr
		}
	case kwJoin:
		if l.clause != clauseFromOn {
			return false
		}
		l.clause = clauseFromItem
	case kwLeft, kwRight, kwInner, kwFull, kwCross, kwNatural, kwOuter:
		return l.clause == clauseFromOn && a.peek.kind != tokenLeft
	case kwAt:
		if !a.ahead(kwTime) {
			return false
		}
		if a.next(); a.ahead(kwZone) {
			a.next()
		}
	case kwGrouping:
		if !a.ahead(kwSets) {
			return false
		}
		if a.next(); a.peek.kind == tokenLeft {
			a.next()
			a.push(level{kind: levelParen, clause: clauseGroup})
		}
	case kwCast:
		if a.peek.kind == tokenLeft {
			a.next()
			a.push(level{kind: levelSyntax, special: specialCast})
		}
	case kwCollate:
		// It may be a label too, as most reserved words may: what follows it then is another clause.
		if isName(a.peek) && !reserved(a.peek) {
			a.next()
			a.chain()
		}
	case kwCollation:
		if look := a.lex; !a.ahead(kwFor) || look.next().kind != tokenLeft {
			return false
		}
		a.next()
	case kwOperator:
		if a.peek.kind != tokenLeft {
			return false
		}
		a.qualifiedOperator()
	default:
		if !reserved(a.tok) {
			return false
		}
		a.reservedWord(l)
	}
	return true
}

// reservedWord lets pass the reserved words that expressions have. Any other one is a clause that is not known here.
func (a *Analysis) reservedWord(l *level) {
	switch a.tok.word {
	case kwAll, kwAnd, kwAny, kwArray, kwAsc, kwAsymmetric, kwBoth, kwCase, kwDefault, kwDesc, kwDistinct, kwElse, kwEnd,
		kwFalse, kwIn, kwLateral, kwLeading, kwNull, kwOnly, kwOr, kwPlacing, kwSome, kwSymmetric, kwThen, kwTo, kwTrailing,
		kwTrue, kwUnique, kwUsing, kwVariadic,
		kwCurrentCatalog, kwCurrentDate, kwCurrentRole, kwCurrentTime, kwCurrentTimestamp, kwCurrentUser,
		kwLocaltime, kwLocaltimestamp, kwSessionUser, kwSystemUser, kwUser:
		if a.at(kwTrue) && l.special == specialSetConfig && l.comma == 2 && a.prev.kind == tokenComma && a.peek.kind == tokenRight {
			l.marks |= markLocal
		}
	case kwDo, kwConstraint:
		if l.marks&markDML == 0 {
			a.fail()
		}
	default:
		a.fail()
	}
}

// into reads the new table of SELECT … INTO.
func (a *Analysis) into(l *level) {
	if l.marks&markQuery == 0 {
		a.fail()
		return
	}
	a.flags |= Writes | DDL
	a.next()
	for a.at(kwTemp) || a.at(kwTemporary) || a.at(kwLocal) || a.at(kwGlobal) || a.at(kwUnlogged) || a.at(kwTable) {
		if a.at(kwTemp) || a.at(kwTemporary) {
			a.pin |= PinTempTable
		}
		a.next()
	}
	a.target(true)
}

// lockClause reads FOR UPDATE and its kin. FOR has another meaning only in the constructs with a grammar of their own.
func (a *Analysis) lockClause(l *level) {
	switch {
	case l.kind == levelSyntax && l.marks&markQuery == 0:
	case a.ahead(kwUpdate) || a.ahead(kwShare) || a.ahead(kwNo) || a.ahead(kwKey):
		a.flags |= Locks
		l.clause = clauseExpr
		a.next()
	case a.wordIs(a.peek, "read"):
		l.clause = clauseExpr
		a.next()
	default:
		a.fail()
	}
}

// withWord reads WITH where no query begins: between INSERT and its query one may, elsewhere it belongs to something.
func (a *Analysis) withWord(l *level) {
	switch {
	case a.ahead(kwOrdinality) || a.ahead(kwTime) || a.ahead(kwUnique) || a.ahead(kwArray) || a.wordIs(a.peek, "ties") ||
		a.wordIs(a.peek, "wrapper") || a.wordIs(a.peek, "conditional") || a.wordIs(a.peek, "unconditional"):
		a.next()
	case l.marks&markDML != 0:
		if a.peek.kind != tokenLeft { // RETURNING WITH (OLD AS o)
			a.with(l)
		}
	case l.marks&markDefinition != 0 && l.kind == levelStatement:
		l.clause = clauseRest
	default:
		a.fail()
	}
}

// label reads AS and the name after it, which may be any word; in a cast it is a type.
func (a *Analysis) label(l *level) {
	switch {
	case l.special == specialCast:
		a.next()
		a.typeName(true)
	case a.peek.kind == tokenLeft:
	case isName(a.peek):
		a.next()
	default:
		a.fail()
	}
}

// isDistinct reads IS [NOT] DISTINCT FROM, whose FROM begins no list of relations.
func (a *Analysis) isDistinct() {
	if a.ahead(kwNot) {
		a.next()
	}
	if a.ahead(kwDistinct) {
		a.next()
		if a.ahead(kwFrom) {
			a.next()
		}
	}
}

// wordIs tells whether a token is an unquoted word that the keyword table may lack.
func (a *Analysis) wordIs(t *token, word string) bool {
	return t.kind == tokenWord && strings.EqualFold(a.lex.src[t.start:t.end], word)
}
