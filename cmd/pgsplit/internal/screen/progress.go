package screen

import (
	"fmt"
	"time"
)

// Progress is one line about something that takes a while.
type Progress struct {
	s     *Screen
	text  string
	begin time.Time
	stop  chan struct{}
	gone  chan struct{}
}

// Progress begins a line about work that takes a while. On a terminal the seconds count up; elsewhere the line waits for
// its end. Nothing else may be written until Done or Failed.
func (s *Screen) Progress(format string, args ...any) *Progress {
	p := &Progress{
		s:     s,
		text:  fmt.Sprintf(format, args...),
		begin: time.Now(),
		stop:  make(chan struct{}),
		gone:  make(chan struct{}),
	}
	fmt.Fprintf(s.w, "  %s … ", p.text)
	if !s.terminal {
		close(p.gone)
		return p
	}
	go p.count()
	return p
}

func (p *Progress) count() {
	defer close(p.gone)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-tick.C:
			fmt.Fprintf(p.s.w, "\r  %s … %s", p.text, p.s.Paint(Dim, p.elapsed()))
		}
	}
}

// Done ends the line with a word and the time that it took.
func (p *Progress) Done(word string) { p.end(Good, word+" in "+p.elapsed()) }

// Failed ends the line when the work did not come to its end.
func (p *Progress) Failed(word string) { p.end(Bad, word+" after "+p.elapsed()) }

func (p *Progress) end(style Style, text string) {
	close(p.stop)
	<-p.gone
	if p.s.terminal {
		// The line is written anew, over what the counter has left of it.
		fmt.Fprintf(p.s.w, "\r\x1b[K  %s … ", p.text)
	}
	fmt.Fprintln(p.s.w, p.s.Paint(style, text))
}

func (p *Progress) elapsed() string { return Seconds(time.Since(p.begin)) }

// Seconds returns d as seconds with one decimal.
func Seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
