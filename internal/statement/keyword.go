package statement

// keyword is the number of a word that the grammar knows, 0 for all other words.
type keyword uint16

type keywordEntry struct {
	word     string
	category byte // R reserved, C a column name but no function, T a function but no column, U neither reserved
}

const (
	longestKeyword = 17
	keywordBits    = 10
)

var keywordSlots = func() (slots [1 << keywordBits]keyword) {
	for k := 1; k < len(keywords); k++ {
		i := slot(hashOf(keywords[k].word), keywordBits)
		for slots[i] != 0 {
			i = (i + 1) % uint32(len(slots))
		}
		slots[i] = keyword(k)
	}
	return slots
}()

// findKeyword returns the number of a word, given as it is written, with the hash of its folded form.
func findKeyword(word string, hash uint32) keyword {
	if len(word) > longestKeyword {
		return 0
	}
	for i := slot(hash, keywordBits); ; i = (i + 1) % uint32(len(keywordSlots)) {
		k := keywordSlots[i]
		if k == 0 || equalFolded(word, keywords[k].word) {
			return k
		}
	}
}

// slot spreads a hash over a table of 1<<bits places.
func slot(hash uint32, bits uint) uint32 { return hash * 0x9E3779B1 >> (32 - bits) }

// hashOf is the hash that the lexer computes of a word.
func hashOf(word string) (hash uint32) {
	for i := 0; i < len(word); i++ {
		hash = hash*33 + uint32(word[i])
	}
	return hash
}

// equalFolded compares a word as it is written with one that is folded.
func equalFolded(written, word string) bool {
	if len(written) != len(word) {
		return false
	}
	for i := 0; i < len(word); i++ {
		if folded[written[i]] != word[i] {
			return false
		}
	}
	return true
}
