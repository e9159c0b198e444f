package pgsplit_test

import (
	"sync"
	"testing"
	"time"
)

// stalls knows for how long the machine has withheld the processor from the tests: short sleeps took too long. A bound in time is
// what is promised, and what was withheld meanwhile.
type stalls struct {
	mu    sync.Mutex
	woken time.Time // from its last sleep
	all   []stall
	stop  func() // and wait for its end; the end of the test does so, too
}

type stall struct {
	end  time.Time
	long time.Duration
}

const (
	stallNap   = 5 * time.Millisecond
	stallGrace = 10 * time.Millisecond // a nap may take as long
)

func stallMeter(t testing.TB) *stalls {
	m := &stalls{woken: time.Now()}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			case <-time.After(stallNap):
				m.wake()
			}
		}
	}()
	m.stop = sync.OnceFunc(func() { close(stop); <-done })
	t.Cleanup(m.stop)
	return m
}

func (m *stalls) wake() {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	if over := now.Sub(m.woken) - stallGrace; over > 0 {
		m.all = append(m.all, stall{now, over})
	}
	m.woken = now
}

// since is for how long altogether it was withheld from a time on.
func (m *stalls) since(begin time.Time) (sum time.Duration) {
	m.wake() // who asks may be up before the meter is
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.all {
		sum += max(0, min(s.long, s.end.Sub(begin)))
	}
	return sum
}
