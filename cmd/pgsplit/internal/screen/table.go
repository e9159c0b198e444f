package screen

import (
	"strings"
	"unicode/utf8"
)

// Cell is one field of a table.
type Cell struct {
	Text  string
	Style Style
	Right bool // aligned to the right, as numbers are
}

// Text returns a cell of plain text.
func Text(text string) Cell { return Cell{Text: text} }

// Number returns a cell aligned to the right.
func Number(text string) Cell { return Cell{Text: text, Right: true} }

// As returns the cell in a style.
func (c Cell) As(style Style) Cell {
	c.Style = style
	return c
}

// Widths are the columns of a table. A negative or missing width is that of the text.
type Widths []int

// Fit returns the widths that the rows need.
func Fit(rows ...[]Cell) Widths {
	var w Widths
	for _, row := range rows {
		for i, cell := range row {
			if i == len(w) {
				w = append(w, 0)
			}
			w[i] = max(w[i], utf8.RuneCountInString(cell.Text))
		}
	}
	return w
}

// Row writes one row of a table. The width of a cell is counted before it gets its style: escape sequences take no room.
func (s *Screen) Row(widths Widths, cells ...Cell) {
	var line strings.Builder
	for i, cell := range cells {
		if i > 0 {
			line.WriteString("  ")
		}
		var pad string
		if i < len(widths) {
			pad = strings.Repeat(" ", max(0, widths[i]-utf8.RuneCountInString(cell.Text)))
		}
		if cell.Right {
			line.WriteString(pad)
		}
		line.WriteString(s.Paint(cell.Style, cell.Text))
		if !cell.Right && i < len(cells)-1 {
			line.WriteString(pad)
		}
	}
	s.Line("%s", line.String())
}

// Table writes rows with the widths that they need.
func (s *Screen) Table(rows ...[]Cell) {
	widths := Fit(rows...)
	for _, row := range rows {
		s.Row(widths, row...)
	}
}
