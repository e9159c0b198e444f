// Package screen writes what the command shows: plain lines that a pipe or a log file can take, with colour and moving
// progress added only where a person is looking at a terminal.
package screen

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// Style is how a piece of text looks on a terminal: an SGR parameter list.
type Style string

// The styles in use. Good and Bad say whether something held; Primary and Replica tell the two kinds of server apart.
const (
	Plain   Style = ""
	Bold    Style = "1"
	Dim     Style = "2"
	Good    Style = "32"
	Bad     Style = "1;31"
	Primary Style = "33"
	Replica Style = "36"
)

// Screen writes lines to one writer. It is for one goroutine.
type Screen struct {
	w        io.Writer
	colour   bool
	terminal bool
}

// New returns a Screen on w. It shows progress when w is a terminal, and colour when the environment does not forbid it:
// NO_COLOR (see no-color.org) with any value, or TERM=dumb.
func New(w io.Writer) *Screen {
	s := &Screen{w: w}
	if f, ok := w.(*os.File); ok {
		info, err := f.Stat()
		s.terminal = err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
	}
	s.colour = s.terminal && os.Getenv("NO_COLOR") == ""
	return s
}

// Paint returns text in a style, or as it is where there is no colour.
func (s *Screen) Paint(style Style, text string) string {
	if !s.colour || style == Plain || text == "" {
		return text
	}
	return "\x1b[" + string(style) + "m" + text + "\x1b[0m"
}

// Line writes one line, indented by two as all of the command's output below a title.
func (s *Screen) Line(format string, args ...any) {
	line := strings.TrimRight("  "+fmt.Sprintf(format, args...), " ")
	fmt.Fprintln(s.w, line)
}

// Note writes one line of explanation.
func (s *Screen) Note(format string, args ...any) {
	s.Line("%s", s.Paint(Dim, fmt.Sprintf(format, args...)))
}

// Title writes an empty line and a title.
func (s *Screen) Title(format string, args ...any) {
	fmt.Fprintf(s.w, "\n%s\n", s.Paint(Bold, fmt.Sprintf(format, args...)))
}

// Gap writes an empty line.
func (s *Screen) Gap() { fmt.Fprintln(s.w) }
