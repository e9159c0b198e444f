package statement

// readText reads all statements of a text.
func (a *Analysis) readText(l lexer) {
	a.lex = l
	a.flags, a.pin, a.unpin, a.kind, a.statements = 0, 0, 0, Empty, 0
	a.ring = [3]token{}
	a.prev, a.tok, a.peek = &a.ring[0], &a.ring[1], &a.ring[2]
	a.lex.scan(a.peek)
	a.tail = len(l.src)
	a.castEnd, a.callEnd, a.apart = -1, -1, -1
	for {
		a.next()
		switch a.tok.kind {
		case tokenSemicolon:
			continue
		case tokenEOF:
			if a.lex.fault != faultNone {
				a.flags |= NotUnderstood
			}
			return
		}
		flags, pin, unpin := a.flags, a.pin, a.unpin
		a.flags, a.pin, a.unpin = 0, 0, 0
		kind := a.statement()
		if a.statements++; a.statements == 1 {
			a.kind = kind
		} else {
			a.flags |= Several
		}
		// In one statement the order of what it does is not known, so what it does last may be either; from one
		// statement to the next it is.
		a.unpin &^= a.pin
		a.flags |= flags
		a.pin, a.unpin = pin&^a.unpin|a.pin, unpin&^a.pin|a.unpin
		a.tail = int(a.prev.end)
	}
}

// next moves on by one token.
func (a *Analysis) next() {
	a.prev, a.tok, a.peek = a.tok, a.peek, a.prev
	a.lex.scan(a.peek)
}

// fail gives the text up: nothing after the token at hand is read.
func (a *Analysis) fail() {
	a.flags |= NotUnderstood
	a.lex.pos = len(a.lex.src)
	*a.tok = token{start: int32(a.lex.pos), end: int32(a.lex.pos)}
	*a.peek = *a.tok
}

// isName tells whether a token can name something.
func isName(t *token) bool {
	return t.kind == tokenWord || t.kind == tokenQuoted || t.kind == tokenUnicode
}

// reserved tells whether a token is a word that names nothing unless it is quoted, or follows AS or a dot.
func reserved(t *token) bool { return isReserved(t.word) }

func isReserved(w keyword) bool { return keywords[w].category == 'R' }

func (a *Analysis) at(w keyword) bool    { return a.tok.word == w }
func (a *Analysis) ahead(w keyword) bool { return a.peek.word == w }

// operatorIs tells whether a token is the operator of one character c.
func (a *Analysis) operatorIs(t *token, c byte) bool {
	return t.kind == tokenOperator && t.end-t.start == 1 && a.lex.src[t.start] == c
}

// chain reads a dotted name, of which tok is the first part, up to its last part. What stands before the last two parts
// is left out, as nothing distinguishes a database's own name.
type chain struct {
	schema, name token
	parts        int
	star         bool // ends in .*
}

func (a *Analysis) chain() chain {
	c := chain{name: *a.tok, parts: 1}
	for a.peek.kind == tokenDot {
		a.next()
		if a.operatorIs(a.peek, '*') {
			a.next()
			c.star = true
			return c
		}
		if !isName(a.peek) {
			a.fail()
			return c
		}
		a.next()
		c.schema, c.name = c.name, *a.tok
		c.parts++
	}
	return c
}
