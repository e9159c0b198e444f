package statement

// expression reads one token, or one construct that begins with it, where expressions and the clauses of a query stand.
func (a *Analysis) expression(l *level) {
	switch a.tok.kind {
	case tokenWord:
		if a.tok.word == 0 || !a.clauseWord(l) {
			a.nameOrCall(l)
		}
	case tokenQuoted, tokenUnicode:
		a.nameOrCall(l)
	case tokenLeft:
		a.push(level{kind: levelParen})
	case tokenOpen:
		a.push(level{kind: levelBracket, clause: clauseExpr})
	case tokenComma:
		if l.clause == clauseFromOn {
			l.clause = clauseFromItem
		} else if l.special != specialNone {
			l.comma = min(l.comma+1, 3)
		}
	case tokenOperator:
		a.operator()
	case tokenCast:
		constant := isConstant(a.prev)
		a.next()
		a.typeName(constant)
	case tokenDot:
		a.next()
		if isName(a.tok) {
			a.columns = append(a.columns, Name{Name: a.text(a.tok)})
		} else if !a.operatorIs(a.tok, '*') {
			a.fail()
		}
	}
}

// nameOrCall reads a dotted name: a column, a function, or a type before its literal.
func (a *Analysis) nameOrCall(l *level) {
	first := a.tok
	c := a.chain()
	switch {
	case c.star:
	case a.peek.kind == tokenLeft:
		if c.parts > 1 || first.word == 0 {
			a.call(c)
		} else {
			a.wordCall(l, c)
		}
	case a.peek.kind == tokenString && (c.parts > 1 || first.word == 0) && l.kind != levelSyntax:
		a.typed(c, true)
	case c.parts > 1:
		a.columns = append(a.columns, Name{Schema: a.text(c.schema), Name: a.text(c.name)})
	}
}

// wordCall reads a keyword that is not reserved and an opening parenthesis after it: a function, a construct with a
// grammar of its own, or a word between an operand and a parenthesis.
func (a *Analysis) wordCall(l *level, c chain) {
	word := c.name.word
	dml := l.marks&markDML != 0
	switch word {
	case kwOver, kwFilter:
		if a.prev.kind == tokenRight {
			return
		}
	case kwEscape, kwSimilar, kwOverlaps, kwIlike:
		if a.afterOperand() {
			return
		}
	case kwValue, kwPassing:
		if l.kind == levelSyntax {
			return
		}
	case kwColumns:
		if l.kind == levelSyntax {
			a.next()
			a.push(level{kind: levelSyntax, clause: clauseExpr})
			return
		}
	case kwFirst, kwNext:
		if a.prev.word == kwFetch {
			return
		}
	case kwSet, kwInsert:
		if dml {
			return
		}
	case kwRollup, kwCube:
		if l.clause == clauseGroup {
			return
		}
	case kwVarying, kwExists, kwRow, kwValues, kwBetween:
		return
	}
	if keywords[word].category != 'C' {
		a.call(c)
		return
	}
	switch word {
	case kwSubstring, kwOverlay, kwNormalize, kwPosition, kwJson, kwJsonArray, kwJsonArrayagg, kwJsonExists, kwJsonObject,
		kwJsonObjectagg, kwJsonQuery, kwJsonScalar, kwJsonSerialize, kwJsonTable, kwJsonValue, kwMergeAction:
		// Ordinary names in older versions, or in this form: somebody's own function may be meant.
		a.functions = append(a.functions, Name{Name: keywords[word].word, Class: ClassRead})
	case kwTreat:
		a.functions = append(a.functions, Name{Name: keywords[word].word})
		a.flags |= UnknownFunction
	}
	a.next()
	a.push(level{kind: levelSyntax})
}

// afterOperand tells whether the token before tok ends an operand, so that tok is between two.
func (a *Analysis) afterOperand() bool {
	switch a.prev.kind {
	case tokenWord:
		switch a.prev.word {
		case kwNot:
			return a.infixNot
		case kwNull, kwTrue, kwFalse, kwEnd:
			return true
		case kwBy, kwRows, kwRange, kwValue:
			return false
		}
		return !reserved(a.prev) || valueFunction(a.prev.word)
	case tokenQuoted, tokenUnicode, tokenString, tokenNumber, tokenParameter, tokenRight, tokenClose:
		return true
	}
	return false
}

func isConstant(t token) bool {
	return t.kind == tokenString || t.kind == tokenParameter || t.kind == tokenNumber
}

// operator notes an operator that is not built in: any function may be behind it.
func (a *Analysis) operator() {
	op := a.lex.src[a.tok.start:a.tok.end]
	switch op {
	case "=", "<>", "!=", "<", ">", "<=", ">=", "+", "-", "*", "/", "||", "=>":
		return
	}
	if !operatorSet.has(op, hashOf(op)) {
		a.customOperator(op, "")
	}
}

func (a *Analysis) customOperator(op, schema string) {
	a.functions = append(a.functions, Name{Schema: schema, Name: op, Operator: true})
	a.flags |= UnknownFunction
}

// qualifiedOperator reads OPERATOR(schema.op).
func (a *Analysis) qualifiedOperator() {
	a.next()
	a.next()
	schema := ""
	for isName(a.tok) {
		schema = a.text(a.tok)
		if a.next(); a.tok.kind != tokenDot {
			a.fail()
			return
		}
		a.next()
	}
	op := a.lex.src[a.tok.start:a.tok.end]
	if a.tok.kind != tokenOperator || a.peek.kind != tokenRight {
		a.fail()
		return
	}
	if schema != "" && schema != "pg_catalog" || op != "!=" && !operatorSet.has(op, hashOf(op)) {
		a.customOperator(op, schema)
	}
	a.next()
}

// typeName reads the type of a cast, whose first token is in tok, without what may follow its first words.
func (a *Analysis) typeName(constant bool) {
	if a.at(kwSetof) {
		a.next()
	}
	if !isName(a.tok) {
		a.fail()
		return
	}
	c := a.chain()
	a.typed(c, constant)
	if a.peek.kind == tokenLeft {
		a.next()
		a.push(level{kind: levelParen})
	}
}

// typed notes a type that is not built in. A constant of the reg types is looked up in the catalog.
func (a *Analysis) typed(c chain, constant bool) {
	if c.parts == 1 && c.name.word != 0 {
		return
	}
	name := a.text(c.name)
	schema := ""
	if c.parts > 1 {
		schema = a.text(c.schema)
	}
	if schema != "" && schema != "pg_catalog" || !typeSet.has(name, hashOf(name)) {
		a.types = append(a.types, Name{Schema: schema, Name: name})
		return
	}
	switch name {
	case "regclass", "regproc", "regprocedure", "regoper", "regoperator", "regtype", "regrole", "regnamespace",
		"regcollation", "regdatabase":
		if constant {
			a.flags |= Catalog
		}
	}
}
