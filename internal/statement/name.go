package statement

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Name is a relation, function, column or type that a text names, folded as PostgreSQL folds it. Its strings are parts
// of the text, or live as long: they may be kept.
type Name struct {
	Schema string // empty unless it is written
	Name   string

	Write    bool  // a relation: it is written
	CTE      bool  // a relation: WITH defines this name too, somewhere in the text; it may be either
	Operator bool  // a function: it is an operator, and the function behind it is meant
	Class    Class // a function
}

const (
	longestName  = 63 // NAMEDATALEN - 1; PostgreSQL cuts longer names
	mostInterned = 256
)

// text returns what a name token says.
func (a *Analysis) text(t *token) string {
	src := a.lex.src
	switch {
	case t.kind == tokenQuoted && t.marks == 0:
		return cut(src[t.start+1 : t.end-1])
	case t.kind == tokenQuoted:
		// No key can be another name's: only here they have quotes in them.
		key := src[t.start:t.end]
		if name, ok := a.interned[key]; ok {
			return name
		}
		return a.intern(strings.Clone(key), strings.ReplaceAll(key[1:len(key)-1], `""`, `"`))
	case t.kind == tokenUnicode:
		end, _ := quotedEnd(src, int(t.start)+3)
		name, ok := decodeUnicode(strings.ReplaceAll(src[t.start+3:end-1], `""`, `"`), escapeOf(src[end:t.end]))
		if !ok {
			a.fail()
		}
		return cut(name)
	case t.marks&markFolded == 0:
		return cut(src[t.start:t.end])
	}
	var buffer [longestName + 1]byte
	n := 0
	for i := int(t.start); i < int(t.end) && n < len(buffer); i++ {
		buffer[n] = folded[src[i]]
		n++
	}
	if name, ok := a.interned[string(buffer[:n])]; ok {
		return name
	}
	name := string(buffer[:n])
	return a.intern(name, name)
}

// intern keeps names that are not parts of texts, so that the same text costs nothing when it comes again.
func (a *Analysis) intern(key, name string) string {
	name = cut(name)
	if a.interned == nil || len(a.interned) >= mostInterned {
		a.interned = make(map[string]string)
	}
	a.interned[key] = name
	return name
}

func cut(name string) string {
	if len(name) <= longestName {
		return name
	}
	n := longestName
	for n > 0 && !utf8.RuneStart(name[n]) {
		n--
	}
	return name[:n]
}

// escapeOf returns the escape character that a UESCAPE clause gives, 0 if it is none.
func escapeOf(clause string) byte {
	if clause == "" {
		return '\\'
	}
	l := lexer{src: clause}
	l.next()
	if s := l.next(); s.kind == tokenString && s.end-s.start == 3 {
		return clause[s.start+1]
	}
	return 0
}

func decodeUnicode(s string, escape byte) (string, bool) {
	if escape == 0 {
		return s, false
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		if s[i] != escape {
			b.WriteByte(s[i])
			i++
			continue
		}
		i++
		if i < len(s) && s[i] == escape {
			b.WriteByte(escape)
			i++
			continue
		}
		digits := 4
		if i < len(s) && s[i] == '+' {
			i++
			digits = 6
		}
		if i+digits > len(s) {
			return s, false
		}
		r, err := strconv.ParseUint(s[i:i+digits], 16, 32)
		if err != nil || !utf8.ValidRune(rune(r)) || r == 0 {
			return s, false
		}
		b.WriteRune(rune(r))
		i += digits
	}
	return b.String(), true
}
