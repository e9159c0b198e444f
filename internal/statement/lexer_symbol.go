package statement

// number reads every form of number of every version. One that is followed by a letter is read differently by different
// versions, and by none as intended.
func (l *lexer) number() token {
	src, start := l.src, l.pos
	i := start
	if src[i] == '0' && i+1 < len(src) {
		var digits func(byte) bool
		switch src[i+1] {
		case 'x', 'X':
			digits = isHex
		case 'o', 'O':
			digits = func(c byte) bool { return c >= '0' && c <= '7' }
		case 'b', 'B':
			digits = func(c byte) bool { return c == '0' || c == '1' }
		}
		if digits != nil {
			return l.numberEnd(start, digitsEnd(src, i+2, digits))
		}
	}
	i = digitsEnd(src, i, isDigit)
	if i < len(src) && src[i] == '.' && (i+1 >= len(src) || src[i+1] != '.') {
		i = digitsEnd(src, i+1, isDigit)
	}
	if i < len(src) && (src[i] == 'e' || src[i] == 'E') {
		j := i + 1
		if j < len(src) && (src[j] == '+' || src[j] == '-') {
			j++
		}
		if j < len(src) && isDigit(src[j]) {
			i = digitsEnd(src, j, isDigit)
		}
	}
	return l.numberEnd(start, i)
}

func (l *lexer) numberEnd(start, i int) token {
	if i < len(l.src) && folded[l.src[i]] != 0 {
		return l.broken(faultUnknown)
	}
	return l.take(tokenNumber, start, i)
}

// digitsEnd moves over digits, single underscores between them included.
func digitsEnd(src string, i int, digit func(byte) bool) int {
	for i < len(src) {
		if src[i] == '_' && i+1 < len(src) && digit(src[i+1]) {
			i++
		}
		if !digit(src[i]) {
			break
		}
		i++
	}
	return i
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isHex(c byte) bool { return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f' }

// operator reads the longest operator that PostgreSQL would: it ends where a comment begins, and a longer one does not
// end in + or - unless it has a character that no operator of the standard has.
func (l *lexer) operator() token {
	src, start := l.src, l.pos
	if start < l.signsEnd {
		return l.take(tokenOperator, start, max(start+1, l.signs))
	}
	i := start + 1
	special := isSpecial(src[start])
	for i < len(src) && classes[src[i]] == classOperator {
		if src[i] == '-' && src[i-1] == '-' && i-1 > start || src[i] == '*' && src[i-1] == '/' && i-1 > start {
			i--
			break
		}
		special = special || isSpecial(src[i])
		i++
	}
	if !special {
		l.signsEnd = i
		for i > start && (src[i-1] == '+' || src[i-1] == '-') {
			i--
		}
		l.signs = i
		i = max(i, start+1)
	}
	return l.take(tokenOperator, start, i)
}

func isSpecial(c byte) bool {
	switch c {
	case '~', '!', '@', '#', '^', '&', '|', '`', '?', '%':
		return true
	}
	return false
}
