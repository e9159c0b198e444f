package screen

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Bar returns a bar for share (0 to 1) of width characters, in steps of an eighth of one; the rest of the width is
// spaces. What is more than nothing always shows.
func Bar(share float64, width int) string {
	share = min(max(share, 0), 1)
	eighths := int(math.Round(share * float64(width) * 8))
	if share > 0 {
		eighths = max(eighths, 1)
	}
	bar := strings.Repeat("█", eighths/8)
	length := eighths / 8
	if rest := eighths % 8; rest > 0 {
		bar += string([]rune("▏▎▍▌▋▊▉")[rest-1])
		length++
	}
	return bar + strings.Repeat(" ", width-length)
}

// Percent returns part of whole as a whole percentage. Only nothing is 0% and only all is 100%: "100%" never hides a rest.
func Percent(part, whole int64) string {
	if whole == 0 {
		return "–"
	}
	p := math.Round(100 * float64(part) / float64(whole))
	switch {
	case part > 0 && p == 0:
		return "<1%"
	case part < whole && p == 100:
		return ">99%"
	}
	return fmt.Sprintf("%.0f%%", p)
}

// Count returns n with a comma between thousands.
func Count(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
