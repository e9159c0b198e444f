package statement

import "strings"

const hintKey = "pgsplit:"

// hintIn returns what the comments in a stretch of white space and comments ask for. The careful wish wins.
func hintIn(gap string) Hint {
	hint := HintNone
	for {
		i := strings.Index(gap, hintKey)
		if i < 0 {
			return hint
		}
		word := strings.TrimLeft(gap[i+len(hintKey):], " \t")
		if i == 0 || folded[gap[i-1]] == 0 {
			n := 0
			for n < len(word) && folded[word[n]] != 0 {
				n++
			}
			switch {
			case strings.EqualFold(word[:n], "primary"):
				return HintPrimary
			case strings.EqualFold(word[:n], "replica"):
				hint = HintReplica
			}
		}
		gap = word
	}
}
