package statement

import "strings"

type tokenKind uint8

const (
	tokenEOF     tokenKind = iota
	tokenWord              // unquoted name or keyword
	tokenQuoted            // "name"
	tokenUnicode           // U&"name"
	tokenString            // every form of string and bit string
	tokenNumber
	tokenParameter
	tokenOperator
	tokenCast   // ::
	tokenAssign // :=
	tokenRange  // ..
	tokenLeft   // (
	tokenRight  // )
	tokenOpen   // [
	tokenClose  // ]
	tokenComma
	tokenSemicolon
	tokenColon
	tokenDot
)

// token is a piece of the text. What it says is not copied.
type token struct {
	start, end int32
	hash       uint32  // of a word, folded
	word       keyword // of a word that is one
	kind       tokenKind
	marks      uint8
}

const (
	markFolded  = 1 << iota // a word with capitals
	markEscapes             // a quoted name or string whose text is not its value
	markDollar              // a dollar-quoted string
	markPlain               // a string that is what stands between its quotes
)

// fault is why a text could not be split into tokens.
type fault uint8

const (
	faultNone         fault = iota
	faultUnterminated       // every server answers with a syntax error
	faultUnknown            // some server may make sense of it
)

// lexer splits a text as PostgreSQL's scanner does. It is a value: a copy looks ahead.
type lexer struct {
	src string
	pos int

	// backslash is the reading with standard_conforming_strings off; forked says that a string ends elsewhere under
	// the other reading.
	backslash bool
	forked    bool
	fault     fault

	// Where the signs begin and end that the last operator did not take: each is an operator of its own.
	signs, signsEnd int
}

// next returns the next token, tokenEOF at the end and after a fault.
func (l *lexer) next() (t token) {
	l.scan(&t)
	return t
}

// scan puts the next token into t.
func (l *lexer) scan(t *token) {
	src, i := l.src, l.pos
	for i < len(src) {
		c := src[i]
		switch classes[c] {
		case classSpace:
			i++
			continue
		case classWord:
			l.pos = i
			if i+1 < len(src) && (src[i+1] == '\'' || src[i+1] == '&') && l.prefixed(t) {
				return
			}
			l.word(t)
			return
		case classSelf:
			l.pos = i + 1
			*t = token{start: int32(i), end: int32(i + 1), kind: selfs[c]}
			return
		case classDot:
			if l.pos = i; i+1 < len(src) && (src[i+1] == '.' || classes[src[i+1]] == classDigit) {
				*t = l.other()
				return
			}
			l.pos = i + 1
			*t = token{start: int32(i), end: int32(i + 1), kind: tokenDot}
			return
		case classOperator:
			l.pos = i
			if i+1 < len(src) {
				if d := src[i+1]; c == '-' && d == '-' || c == '/' && d == '*' {
					l.skip()
					i = l.pos
					continue
				}
			}
			*t = l.operator()
			return
		default:
			l.pos = i
			*t = l.other()
			return
		}
	}
	l.pos = i
	*t = token{start: int32(i), end: int32(i)}
}

// other reads a token of a class that is less common.
func (l *lexer) other() token {
	src, i := l.src, l.pos
	c := src[i]
	switch classes[c] {
	case classDigit:
		return l.number()
	case classQuote:
		return l.plain(i, i+1)
	case classDouble:
		return l.quoted(tokenQuoted, i, i+1)
	case classDot:
		if src[i+1] == '.' {
			return l.take(tokenRange, i, i+2)
		}
		return l.number()
	case classColon:
		if i+1 < len(src) {
			switch src[i+1] {
			case ':':
				return l.take(tokenCast, i, i+2)
			case '=':
				return l.take(tokenAssign, i, i+2)
			}
		}
		return l.take(tokenColon, i, i+1)
	case classDollar:
		return l.dollar()
	}
	if c == '\\' {
		return l.broken(faultUnterminated)
	}
	return l.broken(faultUnknown)
}

func (l *lexer) take(kind tokenKind, start, end int) token {
	l.pos = end
	return token{start: int32(start), end: int32(end), kind: kind}
}

// broken ends the text here.
func (l *lexer) broken(f fault) token {
	l.fault = f
	l.pos = len(l.src)
	return token{start: int32(l.pos), end: int32(l.pos)}
}

// skip moves over white space and comments, and tells whether there were any.
func (l *lexer) skip() bool {
	src, i := l.src, l.pos
	for i < len(src) {
		switch c := src[i]; {
		case classes[c] == classSpace:
			i++
		case c == '-' && i+1 < len(src) && src[i+1] == '-':
			i = lineEnd(src, i+2)
		case c == '/' && i+1 < len(src) && src[i+1] == '*':
			if i = commentEnd(src, i+2); i < 0 {
				l.broken(faultUnterminated)
				return false
			}
		default:
			skipped := i > l.pos
			l.pos = i
			return skipped
		}
	}
	l.pos = i
	return false
}

func lineEnd(src string, i int) int {
	if n := strings.IndexAny(src[i:], "\n\r"); n >= 0 {
		return i + n
	}
	return len(src)
}

// commentEnd returns the position after the */ that closes the comment whose text begins at i, -1 if none does.
// Block comments nest.
func commentEnd(src string, i int) int {
	for depth := 1; i+1 < len(src); {
		switch {
		case src[i] == '*' && src[i+1] == '/':
			i += 2
			if depth--; depth == 0 {
				return i
			}
		case src[i] == '/' && src[i+1] == '*':
			i += 2
			depth++
		default:
			i++
		}
	}
	return -1
}

// word reads an unquoted word, and hashes it while it goes along.
func (l *lexer) word(t *token) {
	src, start := l.src, l.pos
	i := start
	var hash uint32
	var capital uint8
	for ; i < len(src); i++ {
		c := src[i]
		f := folded[c]
		if f == 0 {
			break
		}
		capital |= c ^ f
		hash = hash*33 + uint32(f)
	}
	l.pos = i
	t.start, t.end, t.hash, t.kind, t.marks = int32(start), int32(i), hash, tokenWord, 0
	if capital != 0 {
		t.marks = markFolded
	}
	t.word = findKeyword(src[start:i], hash)
}

// prefixed reads what begins with a letter that introduces a string or a Unicode name, and tells whether it does.
func (l *lexer) prefixed(t *token) bool {
	i := l.pos
	c := l.src[i] | 0x20
	if l.src[i+1] == '&' {
		if c == 'u' && i+2 < len(l.src) {
			switch l.src[i+2] {
			case '\'':
				*t = l.conforming(i, i+3)
				return true
			case '"':
				*t = l.quoted(tokenUnicode, i, i+3)
				return true
			}
		}
		return false
	}
	switch c {
	case 'e':
		*t = l.escaped(i, i+2)
	case 'b', 'x':
		*t = l.conforming(i, i+2)
	case 'n':
		*t = l.plain(i, i+2)
	default:
		return false
	}
	return true
}
