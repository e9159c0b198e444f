package statement

// The classes of bytes that a token can begin with.
const (
	classOther = iota
	classSpace
	classWord
	classDigit
	classQuote
	classDouble
	classOperator
	classSelf
	classDot
	classColon
	classDollar
)

var (
	classes = func() (t [256]uint8) {
		for c := range t {
			switch {
			case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '_', c >= 0x80:
				t[c] = classWord
			case c >= '0' && c <= '9':
				t[c] = classDigit
			}
		}
		for _, c := range " \t\n\r\f\v" {
			t[c] = classSpace
		}
		for _, c := range "~!@#^&|`?+-*/%<>=" {
			t[c] = classOperator
		}
		for _, c := range "()[],;" {
			t[c] = classSelf
		}
		t['\''], t['"'], t['.'], t[':'], t['$'] = classQuote, classDouble, classDot, classColon, classDollar
		return t
	}()

	// folded is zero for bytes that no unquoted name contains, else the byte as PostgreSQL folds it.
	folded = func() (t [256]uint8) {
		for c := range t {
			switch {
			case c >= 'A' && c <= 'Z':
				t[c] = byte(c) | 0x20
			case classes[c] == classWord, classes[c] == classDigit, c == '$':
				t[c] = byte(c)
			}
		}
		return t
	}()

	selfs = [256]tokenKind{
		'(': tokenLeft, ')': tokenRight, '[': tokenOpen, ']': tokenClose, ',': tokenComma, ';': tokenSemicolon,
	}
)
