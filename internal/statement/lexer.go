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
}

// next returns the next token, tokenEOF at the end and after a fault.
func (l *lexer) next() token {
	l.skip()
	src, i := l.src, l.pos
	if i >= len(src) {
		return token{start: int32(i), end: int32(i)}
	}
	c := src[i]
	switch classes[c] {
	case classWord:
		if i+1 < len(src) && (src[i+1] == '\'' || src[i+1] == '&') {
			if t, ok := l.prefixed(c); ok {
				return t
			}
		}
		return l.wordAt(i)
	case classDigit:
		return l.number()
	case classQuote:
		return l.plain(i, i+1)
	case classDouble:
		return l.quoted(tokenQuoted, i, i+1)
	case classOperator:
		return l.operator()
	case classSelf:
		l.pos = i + 1
		return token{start: int32(i), end: int32(i + 1), kind: selfs[c]}
	case classDot:
		if i+1 < len(src) {
			if src[i+1] == '.' {
				return l.take(tokenRange, i, i+2)
			}
			if classes[src[i+1]] == classDigit {
				return l.number()
			}
		}
		return l.take(tokenDot, i, i+1)
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

func (l *lexer) wordAt(i int) token {
	src := l.src
	start := i
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
	t := token{start: int32(start), end: int32(i), hash: hash, kind: tokenWord}
	if capital != 0 {
		t.marks = markFolded
	}
	t.word = findKeyword(src[start:i], hash)
	return t
}

// prefixed reads what begins with a letter that may introduce a string or a Unicode name.
func (l *lexer) prefixed(c byte) (token, bool) {
	i := l.pos
	if l.src[i+1] == '&' {
		if (c == 'u' || c == 'U') && i+2 < len(l.src) {
			switch l.src[i+2] {
			case '\'':
				return l.conforming(i, i+3), true
			case '"':
				return l.quoted(tokenUnicode, i, i+3), true
			}
		}
		return token{}, false
	}
	switch c {
	case 'e', 'E':
		return l.escaped(i, i+2), true
	case 'b', 'B', 'x', 'X':
		return l.conforming(i, i+2), true
	case 'n', 'N':
		return l.plain(i, i+2), true
	}
	return token{}, false
}
