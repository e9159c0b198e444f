package statement

import "strings"

// Split cuts a script at the semicolons between its statements, with standard_conforming_strings on. Comments stay with
// the statement that they precede; pieces without a statement are left out, and so are the semicolons. What follows
// a place that cannot be read is one piece. The bodies of BEGIN ATOMIC functions are kept whole.
func Split(script string) []string {
	var pieces []string
	add := func(s string) {
		if s = strings.TrimSpace(s); (&lexer{src: s}).next().kind != tokenEOF || strings.Contains(s, "'") {
			pieces = append(pieces, s)
		}
	}
	l := lexer{src: script}
	start, depth := 0, 0
	var before token
	for {
		t := l.next()
		word := script[t.start:t.end]
		switch {
		case t.kind == tokenEOF:
			add(script[start:])
			return pieces
		case t.kind == tokenSemicolon && depth == 0:
			add(script[start:t.start])
			start = int(t.end)
		case t.kind != tokenWord:
		case strings.EqualFold(word, "atomic") && before.kind == tokenWord && strings.EqualFold(script[before.start:before.end], "begin"):
			depth = 1
		case depth > 0 && strings.EqualFold(word, "case"):
			depth++
		case depth > 0 && strings.EqualFold(word, "end"):
			depth--
		}
		before = t
	}
}
