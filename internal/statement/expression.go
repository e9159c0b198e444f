package statement

// expression reads one token, or one construct that begins with it, where expressions and the clauses of a query stand.
func (a *Analysis) expression(l *level) {
	switch a.tok.kind {
	case tokenWord, tokenQuoted, tokenUnicode:
		switch {
		case l.special == specialColumns && (a.prev.kind == tokenLeft || a.prev.kind == tokenComma || a.prev.word == kwColumns):
			a.columnDefinition()
		case l.special == specialXMLTable && a.at(kwColumns) && a.afterOperand() && !a.afterPassing():
			l.special = specialColumns
		case a.tok.word == 0 || !a.clauseWord(l):
			a.nameOrCall(l)
		}
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
		// A column of a reg type shows its name; anything else may be a name that is looked up.
		constant := !isName(a.prev) || a.prev.end == a.castEnd
		a.next()
		a.typeName(constant)
		if constant {
			a.castEnd = a.tok.end
		}
	case tokenRange, tokenColon:
		if l.kind != levelBracket && l.kind != levelSyntax || a.tok.kind == tokenRange {
			a.fail() // only slices, JSON_OBJECT(key: value) and no SQL have them
		}
	case tokenDot:
		a.next()
		if isName(a.tok) {
			a.column("", a.tok)
		} else if !a.operatorIs(a.tok, '*') {
			a.fail()
		}
	}
}

// nameOrCall reads a dotted name: a column, a function, or a type before its literal.
func (a *Analysis) nameOrCall(l *level) {
	first := a.tok.word
	c := a.chain()
	switch {
	case c.star:
	case a.peek.kind == tokenLeft:
		if c.parts > 1 || first == 0 {
			a.call(c)
		} else {
			a.wordCall(l, c)
		}
	case a.peek.kind == tokenString && (c.parts > 1 || first == 0):
		if l.special != specialXMLRoot || a.prev.kind != tokenComma || !a.wordIs(a.tok, "version") {
			a.typed(c, true)
		}
	case c.parts > 1:
		a.column(a.text(&c.schema), &c.name)
	}
}

// column notes a qualified name, which may be a call: (1).pg_advisory_lock is pg_advisory_lock(1).
func (a *Analysis) column(schema string, t *token) {
	n := Name{Schema: schema, Name: a.text(t)}
	hash := t.hash
	if t.kind != tokenWord {
		hash = hashOf(n.Name)
	}
	if actingHashes.has(hash) {
		if b := findBuiltin(n.Name, hash); b != nil && b.name == n.Name && acts(b) {
			n.Class = b.class
			a.flags |= classFlags[b.class]
			if b.class == ClassText {
				a.flags |= Writes
			}
			a.pin |= b.pin
		}
	}
	a.columns = append(a.columns, n)
}

// wordCall reads a keyword that is not reserved and an opening parenthesis after it: a function, a construct with a
// grammar of its own, or a word between an operand and a parenthesis.
func (a *Analysis) wordCall(l *level, c chain) {
	word := c.name.word
	dml := l.marks&markDML != 0
	switch word {
	case kwOver, kwFilter:
		if a.prev.kind == tokenRight && a.prev.end == a.callEnd {
			a.next()
			a.push(level{kind: levelCall})
			return
		}
	case kwIlike:
		if a.afterOperand() && (l.kind != levelSyntax || a.prev.kind != tokenWord) {
			return
		}
	case kwColumns:
		if (l.special == specialJSONTable || l.special == specialColumns) && !a.afterPassing() && a.afterOperand() {
			a.next()
			a.push(level{kind: levelSyntax, clause: clauseExpr, special: specialColumns})
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
		if l.clause == clauseGroup && (a.prev.word == kwBy || a.prev.word == kwDistinct || a.prev.kind == tokenComma ||
			a.prev.kind == tokenLeft) {
			return
		}
	case kwVarying:
		if w := a.prev.word; w == kwCharacter || w == kwChar || w == kwNchar || w == kwBit {
			return
		}
	case kwExists, kwRow, kwValues, kwBetween:
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
	open := level{kind: levelSyntax}
	switch word {
	case kwJsonTable:
		open.special = specialJSONTable
	case kwXmltable:
		open.special = specialXMLTable
	case kwXmlroot:
		open.special = specialXMLRoot
	case kwXmlserialize, kwXmlparse:
		if word == kwXmlserialize {
			open.special = specialCast
		}
		if a.wordIs(a.peek, "document") || a.wordIs(a.peek, "content") {
			a.next()
		}
	}
	a.push(open)
}

// afterPassing tells whether the token before tok begins the argument of PASSING [BY REF | BY VALUE].
func (a *Analysis) afterPassing() bool {
	return a.prev.word == kwPassing || a.prev.word == kwValue || a.wordIs(a.prev, "ref")
}

// columnDefinition reads the name and the type of a column of JSON_TABLE or XMLTABLE.
func (a *Analysis) columnDefinition() {
	if a.wordIs(a.tok, "nested") && (a.peek.kind == tokenString || a.wordIs(a.peek, "path")) {
		look := a.lex
		if a.peek.kind != tokenWord || look.next().kind == tokenString {
			if a.peek.kind == tokenWord {
				a.next()
			}
			a.next()
			return
		}
	}
	switch {
	case a.ahead(kwFor):
		a.next()
		if !a.ahead(kwOrdinality) {
			a.fail()
			return
		}
		a.next()
	case isName(a.peek):
		a.next()
		a.typeName(true)
	default:
		a.fail()
	}
}

// afterOperand tells whether the token before tok ends an operand, so that tok is between two.
func (a *Analysis) afterOperand() bool {
	switch a.prev.kind {
	case tokenWord:
		switch a.prev.word {
		case kwNot:
			return a.infixNot
		case kwNull, kwTrue, kwFalse, kwEnd, kwIsnull, kwNotnull, kwCurrentSchema:
			return true
		case kwBy, kwRows, kwRange, kwGroups, kwValue, kwZone, kwEscape, kwFirst, kwNext:
			return false
		}
		return a.prev.word == 0 || keywords[a.prev.word].category == 'U' || valueFunction(a.prev.word)
	case tokenQuoted, tokenUnicode, tokenString, tokenNumber, tokenParameter, tokenClose:
		return true
	case tokenRight:
		return a.prev.end != a.apart
	}
	return false
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
	a.apart = a.tok.end
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
	a.typed(a.chain(), constant)
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
	name := a.text(&c.name)
	schema := ""
	if c.parts > 1 {
		schema = a.text(&c.schema)
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
