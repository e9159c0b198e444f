package statement

import "strings"

// plain reads a '…' string under the reading in force, and notices if it ends elsewhere under the other one: a quote
// after an odd number of backslashes ends or doubles in one, and is text in the other.
func (l *lexer) plain(start, i int) token {
	if l.backslash {
		return l.escaped(start, i)
	}
	t := l.conforming(start, i)
	for body := l.src[i:l.pos]; ; {
		n := strings.IndexByte(body, '\\')
		if n < 0 {
			return t
		}
		t.marks &^= markPlain
		run := n
		for run < len(body) && body[run] == '\\' {
			run++
		}
		if run < len(body) && body[run] == '\'' && (run-n)%2 == 1 {
			l.forked = true
			return t
		}
		body = body[run:]
	}
}

// conforming reads a string without escapes, whose text begins at i.
func (l *lexer) conforming(start, i int) token {
	src := l.src
	marks := uint8(markPlain)
	if i != start+1 {
		marks = 0
	}
	for {
		n := strings.IndexByte(src[i:], '\'')
		if n < 0 {
			return l.broken(faultUnterminated)
		}
		i += n + 1
		if i < len(src) && src[i] == '\'' {
			marks = 0
			i++
			continue
		}
		next := continuation(src, i)
		if next < 0 {
			break
		}
		marks = 0
		i = next
	}
	t := l.take(tokenString, start, i)
	t.marks = marks
	return t
}

// escaped reads a string with backslash escapes, whose text begins at i.
func (l *lexer) escaped(start, i int) token {
	src := l.src
	for i < len(src) {
		switch src[i] {
		case '\\':
			i += 2
		case '\'':
			i++
			if i < len(src) && src[i] == '\'' {
				i++
				continue
			}
			next := continuation(src, i)
			if next < 0 {
				return l.take(tokenString, start, i)
			}
			i = next
		default:
			i++
		}
	}
	return l.broken(faultUnterminated)
}

// continuation returns where the text of a string goes on whose closing quote stands before i: strings with only white
// space between them, of which at least one line break, are one string. It returns -1 if the string ends at i.
func continuation(src string, i int) int {
	broken := false
	for i < len(src) {
		switch c := src[i]; {
		case c == '\n' || c == '\r':
			broken = true
			i++
		case classes[c] == classSpace:
			i++
		case c == '-' && i+1 < len(src) && src[i+1] == '-':
			i = lineEnd(src, i+2)
		case c == '\'' && broken:
			return i + 1
		default:
			return -1
		}
	}
	return -1
}

// quoted reads a "name" whose text begins at i. A UESCAPE clause belongs to a Unicode name.
func (l *lexer) quoted(kind tokenKind, start, i int) token {
	end, marks := quotedEnd(l.src, i)
	if end < 0 {
		return l.broken(faultUnterminated)
	}
	t := l.take(kind, start, end)
	t.marks = marks
	if kind == tokenUnicode {
		l.uescape(&t)
	}
	return t
}

// uescape adds the UESCAPE clause that may follow to a Unicode name. It looks at no more than a word: a whole token might
// be a Unicode name again, and look ahead in its turn.
func (l *lexer) uescape(t *token) {
	ahead := lexer{src: l.src, pos: l.pos}
	ahead.skip()
	if ahead.pos >= len(l.src) || l.src[ahead.pos]|0x20 != 'u' {
		return
	}
	var w token
	if ahead.word(&w); w.word != kwUescape {
		return
	}
	ahead.skip()
	if ahead.pos >= len(l.src) || l.src[ahead.pos] != '\'' {
		return
	}
	if ahead.conforming(ahead.pos, ahead.pos+1); ahead.fault == faultNone {
		l.pos = ahead.pos
		t.end = int32(l.pos)
	}
}

func quotedEnd(src string, i int) (end int, marks uint8) {
	for {
		n := strings.IndexByte(src[i:], '"')
		if n < 0 {
			return -1, 0
		}
		i += n + 1
		if i >= len(src) || src[i] != '"' {
			return i, marks
		}
		marks = markEscapes
		i++
	}
}

// dollar reads what begins with $: a parameter or a dollar-quoted string.
func (l *lexer) dollar() token {
	src, start := l.src, l.pos
	i := start + 1
	if i < len(src) && classes[src[i]] == classDigit {
		for i < len(src) && classes[src[i]] == classDigit {
			i++
		}
		if i < len(src) && folded[src[i]] != 0 {
			return l.broken(faultUnknown)
		}
		return l.take(tokenParameter, start, i)
	}
	for i < len(src) && folded[src[i]] != 0 && src[i] != '$' {
		i++
	}
	if i >= len(src) || src[i] != '$' {
		return l.broken(faultUnknown)
	}
	i++
	n := strings.Index(src[i:], src[start:i])
	if n < 0 {
		return l.broken(faultUnterminated)
	}
	t := l.take(tokenString, start, i+n+(i-start))
	t.marks = markDollar | markPlain
	return t
}

// body is the text between a string's quotes, if that is its value.
func (l *lexer) body(t token) (string, bool) {
	if t.marks&markPlain == 0 {
		return "", false
	}
	text := l.src[t.start:t.end]
	if t.marks&markDollar != 0 {
		tag := strings.IndexByte(text[1:], '$') + 2
		return text[tag : len(text)-tag], true
	}
	return text[1 : len(text)-1], true
}
