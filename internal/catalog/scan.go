package catalog

import (
	"strings"
	"unicode/utf8"
)

// A function's body is read word by word. That is enough since every object it could use must be named in it, unless it
// executes a text that it makes up, and it works for SQL and PL/pgSQL alike.

type tokenKind byte

const (
	tokenWord     tokenKind = 'w' // an unquoted name or keyword, in lower case
	tokenQuoted   tokenKind = 'q' // a quoted name
	tokenString   tokenKind = 's'
	tokenNumber   tokenKind = 'n' // a number or parameter
	tokenOperator tokenKind = 'o'
	tokenSign     tokenKind = 'p' // any other character, and :: and :=
)

type token struct {
	kind tokenKind
	text string // of words, operators and signs
}

func (t token) is(kind tokenKind, text string) bool { return t.kind == kind && t.text == text }

// name tells whether a token can be an object's name.
func (t token) name() bool { return t.kind == tokenWord || t.kind == tokenQuoted }

// scan splits a body into tokens. It is not ok if it cannot be sure where they begin and end.
func scan(src string, tokens []token) (_ []token, ok bool) {
	for i := 0; i < len(src); {
		c := src[i]
		start := i
		kind := tokenSign
		switch {
		case c == ' ' || '\t' <= c && c <= '\r':
			i++
			continue
		case c == '-' && strings.HasPrefix(src[i:], "--"):
			if n := strings.IndexAny(src[i:], "\r\n"); n >= 0 {
				i += n
			} else {
				i = len(src)
			}
			continue
		case c == '/' && strings.HasPrefix(src[i:], "/*"):
			if i = commentEnd(src, i); i < 0 {
				return tokens, false
			}
			continue
		case c == '\'':
			kind, i = tokenString, stringEnd(src, i+1, false)
		case (c == 'e' || c == 'E') && i+1 < len(src) && src[i+1] == '\'':
			kind, i = tokenString, stringEnd(src, i+2, true)
		case (c == 'u' || c == 'U') && strings.HasPrefix(src[i+1:], `&"`):
			return tokens, false
		case c == '"':
			if i = quotedEnd(src, i+1); i >= 0 {
				name := cut(strings.ReplaceAll(src[start+1:i-1], `""`, `"`))
				tokens = append(tokens, token{tokenQuoted, name})
				continue
			}
		case wordStart(c):
			for i++; i < len(src) && (wordStart(src[i]) || digit(src[i]) || src[i] == '$'); i++ {
			}
			tokens = append(tokens, token{tokenWord, cut(lower(src[start:i]))})
			continue
		case c == '$':
			if kind, i = tokenString, dollarEnd(src, i); i == start {
				for kind, i = tokenNumber, i+1; i < len(src) && digit(src[i]); i++ {
				}
			}
		case digit(c):
			kind = tokenNumber
			for i++; i < len(src) && (digit(src[i]) || wordStart(src[i]) || src[i] == '.' && !strings.HasPrefix(src[i:], "..")); i++ {
			}
		case strings.IndexByte(operatorChars, c) >= 0:
			kind = tokenOperator
			for i++; i < len(src) && strings.IndexByte(operatorChars, src[i]) >= 0 && !comment(src[i:]); i++ {
			}
		case c == ':' && i+1 < len(src) && (src[i+1] == ':' || src[i+1] == '='):
			i += 2
		default:
			i++
		}
		if i < 0 {
			return tokens, false
		}
		t := token{kind: kind}
		if kind == tokenOperator || kind == tokenSign {
			t.text = src[start:i]
		}
		tokens = append(tokens, t)
	}
	return tokens, true
}

const operatorChars = "+-*/<>=~!@#%^&|`?"

func comment(s string) bool { return strings.HasPrefix(s, "--") || strings.HasPrefix(s, "/*") }
func digit(c byte) bool     { return '0' <= c && c <= '9' }
func wordStart(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c >= utf8.RuneSelf
}

// commentEnd returns the position after the comment that begins at i, -1 if it does not end. Comments nest.
func commentEnd(src string, i int) int {
	for depth := 0; i+1 < len(src); {
		switch src[i : i+2] {
		case "/*":
			depth++
			i += 2
		case "*/":
			i += 2
			if depth--; depth == 0 {
				return i
			}
		default:
			i++
		}
	}
	return -1
}

// stringEnd returns the position after the string whose text begins at i, -1 if it does not end, or ends elsewhere with
// standard_conforming_strings off, which each caller of the function may set.
func stringEnd(src string, i int, escapes bool) int {
	for ; i < len(src); i++ {
		switch src[i] {
		case '\\':
			if i+1 < len(src) && src[i+1] == '\'' && !escapes {
				return -1
			}
			i++ // two backslashes, or one and anything else: no end in either reading
		case '\'':
			if i+1 == len(src) || src[i+1] != '\'' {
				return i + 1
			}
			i++
		}
	}
	return -1
}

func quotedEnd(src string, i int) int {
	for ; i < len(src); i++ {
		if src[i] == '"' {
			if i+1 == len(src) || src[i+1] != '"' {
				return i + 1
			}
			i++
		}
	}
	return -1
}

// dollarEnd returns the position after the dollar-quoted string at i, i if there is none, -1 if it does not end.
func dollarEnd(src string, i int) int {
	end := i + 1
	for end < len(src) && (wordStart(src[end]) || digit(src[end]) && end > i+1) {
		end++
	}
	if end == len(src) || src[end] != '$' {
		return i
	}
	tag := src[i : end+1]
	if n := strings.Index(src[end+1:], tag); n >= 0 {
		return end + 1 + n + len(tag)
	}
	return -1
}

// lower folds as PostgreSQL folds unquoted names: nothing but ASCII.
func lower(s string) string {
	for i := 0; i < len(s); i++ {
		if 'A' <= s[i] && s[i] <= 'Z' {
			b := []byte(s)
			for ; i < len(b); i++ {
				if 'A' <= b[i] && b[i] <= 'Z' {
					b[i] += 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return s
}

// cut shortens a name as PostgreSQL does.
func cut(name string) string {
	const longest = 63
	if len(name) <= longest {
		return name
	}
	n := longest
	for n > 0 && !utf8.RuneStart(name[n]) {
		n--
	}
	return name[:n]
}
