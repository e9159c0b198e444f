package screen

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestBarIsAsWideAsAskedAndShowsTheSmallest(t *testing.T) {
	for _, share := range []float64{-1, 0, 0.001, 0.1, 0.5, 0.99, 1, 2} {
		bar := Bar(share, 20)
		if n := utf8.RuneCountInString(bar); n != 20 {
			t.Errorf("share %v: %d characters", share, n)
		}
		if empty := strings.TrimSpace(bar) == ""; empty != (share <= 0) {
			t.Errorf("share %v: bar %q", share, bar)
		}
	}
	if full := strings.Count(Bar(0.5, 20), "█"); full != 10 {
		t.Errorf("half a bar has %d blocks", full)
	}
}

func TestPercentRoundsButNotToAllOrNothing(t *testing.T) {
	for want, n := range map[string][2]int64{
		"0%": {0, 10}, "<1%": {1, 10_000}, "33%": {1, 3}, ">99%": {9_999, 10_000}, "100%": {7, 7}, "–": {0, 0},
	} {
		if got := Percent(n[0], n[1]); got != want {
			t.Errorf("%d of %d: %q, want %q", n[0], n[1], got, want)
		}
	}
}

func TestCountGroupsThousands(t *testing.T) {
	for want, n := range map[string]int64{
		"0": 0, "999": 999, "1,000": 1000, "1,234,567": 1234567, "-123": -123, "-1,234": -1234,
	} {
		if got := Count(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}

func TestPlainWriterGetsNoEscapes(t *testing.T) {
	var out bytes.Buffer
	s := New(&out)
	s.Title("Title")
	p := s.Progress("working")
	p.Done("ready")
	s.Table(
		[]Cell{Text("name").As(Bold), Number("n")},
		[]Cell{Text("é").As(Good), Number("1,000")},
	)
	got := out.String()
	if strings.ContainsAny(got, "\x1b\r") {
		t.Errorf("escape sequences in %q", got)
	}
	for _, want := range []string{"\nTitle\n", "  working … ready in 0.0 s\n", "  name      n\n", "  é     1,000\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in %q", want, got)
		}
	}
}

func TestStyleTakesNoRoomInATable(t *testing.T) {
	var out bytes.Buffer
	s := &Screen{w: &out, colour: true}
	s.Row(Widths{6, 3}, Text("ab").As(Good), Number("7"))
	if got, want := out.String(), "  \x1b[32mab\x1b[0m        7\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
