package pgsplit

import "sync"

// tasks are the goroutines of a handle, which its Close waits for. What comes up after that runs by itself: it is short,
// and a sync.WaitGroup must not be added to while it is waited for.
type tasks struct {
	mu     sync.Mutex
	closed bool
	group  sync.WaitGroup
}

func (t *tasks) run(f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		go f()
		return
	}
	t.group.Go(f)
}

// wait waits for all that was run, and accepts no more.
func (t *tasks) wait() {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.group.Wait()
}
