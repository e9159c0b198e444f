package statement

// Fingerprint is the same for texts that differ only in literals, parameters, white space, comments and the letter case
// of unquoted words. Lists of literals count as one literal, whatever their length, and so do lists of rows of them. It
// is the same in every process.
func Fingerprint(sql string) uint64 {
	f := printer{}
	l := lexer{src: sql}
	for {
		t := l.next()
		switch t.kind {
		case tokenEOF:
			if l.fault != faultNone {
				f.emit(printText, sql)
			}
			return f.hash
		case tokenString, tokenNumber, tokenParameter:
			f.literal()
		case tokenWord:
			switch t.word {
			case kwNull, kwTrue, kwFalse, kwDefault:
				if f.before(0) != printIs {
					f.literal()
					continue
				}
			case kwIs, kwNot:
				f.emit(printIs, sql[t.start:t.end])
				continue
			}
			kind := byte(printWord)
			if t.word != 0 && keywords[t.word].category == 'R' {
				kind = printOperator
			}
			f.emit(kind, sql[t.start:t.end])
		case tokenQuoted, tokenUnicode:
			f.emit(printQuoted, sql[t.start:t.end])
		case tokenLeft:
			f.emit(printLeft, "(")
		case tokenRight:
			f.emit(printRight, ")")
			f.rows()
		case tokenComma:
			f.emit(printComma, ",")
		case tokenOpen:
			f.emit(printOperator, "[")
		case tokenOperator:
			text := sql[t.start:t.end]
			if (text == "-" || text == "+") && f.unary() && startsNumber(l) {
				continue
			}
			f.emit(printOperator, text)
		case tokenSemicolon:
			if look := l; look.next().kind == tokenEOF && look.fault == faultNone {
				continue
			}
			f.emit(printOperator, ";")
		default:
			f.emit(printOther, sql[t.start:t.end])
		}
	}
}

// What has been printed last.
const (
	printNothing = iota
	printLiteral
	printLeft
	printRight
	printComma
	printIs
	printWord
	printQuoted
	printOperator
	printOther
	printText
)

// printer hashes pieces of a text and can take back the last few.
type printer struct {
	hash uint64
	n    int
	most int // the greatest n there was: what lies more than a ring below it is overwritten
	last [16]struct {
		kind   byte
		before uint64 // the hash without it
	}
}

// before returns the kind of the i-th last piece.
func (f *printer) before(i int) byte {
	if i >= f.n || f.n-1-i < f.most-len(f.last) {
		return printNothing
	}
	return f.last[(f.n-1-i)%len(f.last)].kind
}

func (f *printer) emit(kind byte, text string) {
	p := &f.last[f.n%len(f.last)]
	p.kind, p.before = kind, f.hash
	f.n++
	f.most = max(f.most, f.n)
	h := (f.hash ^ uint64(kind)) * prime
	if kind == printQuoted || kind == printText {
		for i := 0; i < len(text); i++ {
			h = (h ^ uint64(text[i])) * prime
		}
	} else {
		for i := 0; i < len(text); i++ {
			c := text[i]
			if c >= 'A' && c <= 'Z' {
				c |= 0x20
			}
			h = (h ^ uint64(c)) * prime
		}
	}
	f.hash = h ^ h>>29
}

const prime = 0x100000001b3

// drop takes the last n pieces back.
func (f *printer) drop(n int) {
	f.n -= n
	f.hash = f.last[f.n%len(f.last)].before
}

// literal prints a literal, unless it goes on a list of them.
func (f *printer) literal() {
	if f.before(0) == printComma && f.before(1) == printLiteral {
		f.drop(1)
		return
	}
	f.emit(printLiteral, "")
}

// rows makes (literal), (literal) one row.
func (f *printer) rows() {
	if f.before(0) == printRight && f.before(1) == printLiteral && f.before(2) == printLeft && f.before(3) == printComma &&
		f.before(4) == printRight && f.before(5) == printLiteral && f.before(6) == printLeft {
		f.drop(4)
	}
}

// unary tells whether a sign that comes now would be a number's own.
func (f *printer) unary() bool {
	switch f.before(0) {
	case printNothing, printLeft, printComma, printOperator, printIs:
		return true
	}
	return false
}

func startsNumber(l lexer) bool { return l.next().kind == tokenNumber }
