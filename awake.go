package pgsplit

import (
	"context"
	"sync"
	"time"
)

// timeAwake is a context that ends when somebody has had a time to answer, of which only that counts in which this process was
// awake. After a pause of the whole process (a virtual machine that is moved, a container without a share of the processor) an
// ordinary timeout would end a wait whose answer has been there for long, and a healthy server would pass for silent.
type timeAwake struct {
	context.Context
	done chan struct{}
	stop func() bool // hearing of the parent's end

	mu    sync.Mutex
	err   error
	step  time.Duration
	left  int // steps
	timer *time.Timer
}

// awakeSteps is how many steps a time is counted in. A pause costs at most one of them, so the others remain for an answer.
const awakeSteps = 10

func withTimeAwake(parent context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	p := &timeAwake{Context: parent, done: make(chan struct{}), step: d / awakeSteps, left: awakeSteps}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stop = context.AfterFunc(parent, func() { p.end(parent.Err()) })
	p.timer = time.AfterFunc(p.step, p.tick)
	return p, func() { p.end(context.Canceled) }
}

func (p *timeAwake) tick() {
	p.mu.Lock()
	p.left--
	over := p.left == 0
	if !over && p.err == nil {
		p.timer.Reset(p.step)
	}
	p.mu.Unlock()
	if over {
		p.end(context.DeadlineExceeded)
	}
}

func (p *timeAwake) end(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return
	}
	p.err = err
	p.timer.Stop()
	p.stop()
	close(p.done)
}

// Done is closed when the time is over or the parent has ended.
func (p *timeAwake) Done() <-chan struct{} { return p.done }

// Err is context.DeadlineExceeded once the time is over.
func (p *timeAwake) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}
