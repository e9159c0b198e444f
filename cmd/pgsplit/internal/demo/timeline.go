package demo

import (
	"context"
	"time"

	"github.com/pgsplit/pgsplit/cmd/pgsplit/internal/screen"
	"github.com/pgsplit/pgsplit/pgsplittest"
)

// timeline shows, line by line, what each server has answered since the line before.
type timeline struct {
	d       *demo
	load    *load
	servers []*pgsplittest.Server
	step    time.Duration
	ticker  *time.Ticker
	begin   time.Time
	last    time.Time
	counted map[*pgsplittest.Server]int64
	widths  screen.Widths
}

const timelineBar = 10

// newTimeline writes the head of a timeline with a line every step.
func (d *demo) newTimeline(l *load, step time.Duration) *timeline {
	now := time.Now()
	t := &timeline{
		d: d, load: l, servers: d.servers, step: step, ticker: time.NewTicker(step),
		begin: now, last: now, counted: map[*pgsplittest.Server]int64{}, widths: screen.Widths{6},
	}
	head := []screen.Cell{screen.Number("after").As(screen.Dim)}
	for _, s := range t.servers {
		t.widths = append(t.widths, timelineBar, 6)
		head = append(head, d.label(s), screen.Text(""))
	}
	d.Row(t.widths, head...)
	return t
}

// during writes lines while do runs, and returns its error.
func (t *timeline) during(ctx context.Context, do func(context.Context) error) error {
	done := make(chan error, 1)
	go func() { done <- do(ctx) }()
	for {
		select {
		case err := <-done:
			return err
		case <-t.ticker.C:
			t.line()
		}
	}
}

// until writes lines until the answer is yes, and returns how long that took: negative when it took longer than it may.
func (t *timeline) until(ctx context.Context, yes func() bool) (took time.Duration, err error) {
	begin := time.Now()
	took = -1
	err = t.during(ctx, func(ctx context.Context) error {
		for time.Since(begin) < t.d.opts.patience && ctx.Err() == nil {
			if yes() {
				took = time.Since(begin)
				break
			}
			sleep(ctx, 10*time.Millisecond)
		}
		return ctx.Err()
	})
	return took, err
}

// event writes what has happened, after a line for what went before.
func (t *timeline) event(text string) {
	if time.Since(t.last) > t.step/2 {
		t.line()
	}
	t.d.Row(t.widths, screen.Cell{}, screen.Text("── "+text+" ──").As(screen.Bold))
	t.ticker.Reset(t.step)
}

func (t *timeline) line() {
	t.last = time.Now()
	since := make([]int64, len(t.servers))
	var all int64
	for i, s := range t.servers {
		n := t.load.sent[s].total()
		since[i] = n - t.counted[s]
		t.counted[s] = n
		all += since[i]
	}
	cells := []screen.Cell{screen.Number(screen.Seconds(t.last.Sub(t.begin))).As(screen.Dim)}
	for i, s := range t.servers {
		cells = append(cells,
			screen.Text(screen.Bar(ratio(since[i], all), timelineBar)).As(t.d.style(s)),
			screen.Number(screen.Count(since[i])))
	}
	t.d.Row(t.widths, cells...)
}
