package pgsplit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// What a server keeps of its backend connections, how many there may be, and when they go.
//
// Idle ones are a stack, so that what a burst opened sinks to the bottom, is not used any more and goes away. Those that were
// not used since the last look are closed at each look, the others when their time has come.

// spareConns are kept idle until pool_max_conn_idle_time has passed, however few connections are in use: as many as
// database/sql keeps by default.
const spareConns = 2

// waiter is a checkout that waits for a connection to a server that has as many as it may have.
type waiter struct {
	ready chan *backend // gets a connection, or nil for leave to open one
}

// errFull says that a server has no free connection for one who does not wait.
var errFull = errors.New("pgsplit: no free connection (max_conns_per_server)")

// fullError says that a wait for a connection has ended without one.
type fullError struct {
	server string
	most   int
	why    string
	err    error
}

func (e *fullError) Error() string {
	return fmt.Sprintf("pgsplit: the %d connections to %s that max_conns_per_server allows are in use%s: %v", e.most, e.server, e.why, e.err)
}

func (e *fullError) Unwrap() error { return e.err }

var errParked = errors.New("raise max_conns_per_server, or lower SetMaxOpenConns to it")

// take returns an idle connection, or nil when the caller shall open one: there is room for it, and it counts from now on.
// Where there is no room it waits for its turn, or returns errFull.
func (s *server) take(ctx context.Context, wait bool) (b *backend, waited bool, err error) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil, false, errClosed
	}
	if len(s.idle) == 0 {
		s.gather()
	}
	if len(s.idle) > 0 {
		b = s.pop()
		s.mu.Unlock()
		return b, false, nil
	}
	if s.room() {
		s.opening++
		s.mu.Unlock()
		return nil, false, nil
	}
	if !wait {
		s.mu.Unlock()
		return nil, false, errFull
	}
	w := &waiter{ready: make(chan *backend, 1)}
	s.waiting = append(s.waiting, w)
	s.sound()
	s.gather() // what has come to rest before the alarm
	for len(s.idle) > 0 && len(s.waiting) > 0 {
		s.next().ready <- s.pop()
	}
	life := s.life
	s.mu.Unlock()
	b, err = s.await(ctx, w, life)
	return b, true, err
}

// pop takes the idle connection that was used last. The caller holds the lock, as for what follows.
func (s *server) pop() *backend {
	n := len(s.idle) - 1
	b := s.idle[n]
	s.idle[n] = nil
	s.idle = s.idle[:n]
	return b
}

// busy is how many connections are not idle, room whether there may be one more.
func (s *server) busy() int { return s.size - len(s.idle) + s.opening }

func (s *server) room() bool {
	most := s.cluster.cfg.MaxConnsPerServer
	return most == 0 || s.size+s.opening < most
}

// await waits for a turn. The wait ends with the context, and when the server is found unreachable. It also ends when every
// connection has for a while been kept, for its session state, by a driver connection that nobody uses.
func (s *server) await(ctx context.Context, w *waiter, life context.Context) (*backend, error) {
	const look = 500 * time.Millisecond
	t := time.NewTicker(look)
	defer t.Stop()
	var err error
	for parked := 0; err == nil; {
		select {
		case b := <-w.ready:
			return b, nil
		case <-ctx.Done():
			err = s.full("", ctx.Err())
		case <-life.Done():
			if err = errSilent; s.cluster.life.Err() != nil {
				err = errClosed
			}
		case <-t.C:
			if parked++; s.parked.Load() < int64(s.cluster.cfg.MaxConnsPerServer) {
				parked = 0
			} else if parked > 1 {
				err = s.full(", each kept by an idle driver connection for its session state", errParked)
			}
		}
	}
	s.mu.Lock()
	if i := slices.Index(s.waiting, w); i >= 0 {
		s.waiting = slices.Delete(s.waiting, i, i+1)
		s.sound()
		s.mu.Unlock()
		return nil, err
	}
	s.mu.Unlock()
	if b := <-w.ready; b != nil { // it came in the same moment
		s.put(b)
	} else {
		s.opened(nil)
	}
	return nil, err
}

func (s *server) full(why string, err error) error {
	return &fullError{server: s.name, most: s.cluster.cfg.MaxConnsPerServer, why: why, err: err}
}

// opened ends the opening of a connection, with it or without. It reports whether the server is still there.
func (s *server) opened(b *backend) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opening--
	if b != nil && !s.closed {
		s.open[b] = struct{}{}
		s.size++
		if s.trim == nil {
			s.trim = time.AfterFunc(s.trimEvery(), func() { s.cluster.tasks.run(s.trimIdle) })
		}
	} else {
		s.serve()
	}
	return !s.closed
}

// put gives a clean connection to the one who has waited longest for one, else it is idle.
func (s *server) put(b *backend) {
	s.mu.Lock()
	switch {
	case s.closed, b.doomed.Load(): // abandon marks, under the lock, what was open before
		s.mu.Unlock()
		s.discard(b)
		return
	case len(s.waiting) > 0:
		s.next().ready <- b
	default:
		s.idle = append(s.idle, b)
	}
	s.mu.Unlock()
}

// remove forgets a connection. Somebody who waits may open another.
func (s *server) remove(b *backend) {
	s.mu.Lock()
	if _, known := s.open[b]; known {
		delete(s.open, b)
		s.size--
		b.addTo(&s.counts)
	}
	s.serve()
	s.mu.Unlock()
}

// serve lets those who wait open connections as long as there is room. The caller holds the lock, as for next.
func (s *server) serve() {
	for len(s.waiting) > 0 && s.room() {
		s.opening++
		s.next().ready <- nil
	}
}

func (s *server) next() *waiter {
	w := s.waiting[0]
	s.waiting = slices.Delete(s.waiting, 0, 1)
	s.sound()
	return w
}

// park notes that a connection stays with a driver connection that goes back to its pool, or that this is in use again.
func (s *server) park(b *backend, parked bool) {
	if b.parked == parked {
		return
	}
	if b.parked = parked; parked {
		s.parked.Add(1)
	} else {
		s.parked.Add(-1)
	}
}

// dropIdle closes the idle connections that were put back before t.
func (s *server) dropIdle(t tick) {
	s.closeIdle(func(b *backend) bool { return b.idled < t })
}

func (s *server) closeIdle(unwanted func(*backend) bool) {
	s.mu.Lock()
	s.gather()
	var gone []*backend
	s.idle = slices.DeleteFunc(s.idle, func(b *backend) bool {
		if unwanted(b) {
			gone = append(gone, b)
			return true
		}
		return false
	})
	s.mu.Unlock()
	for _, b := range gone {
		s.discard(b)
	}
}

// worn says whether a connection has had its time, alive or idle.
func (s *server) worn(b *backend, now tick) bool {
	return now > b.expires || s.maxIdle > 0 && now.sub(b.idled) > s.maxIdle
}

// trimEvery is how often idle connections are looked at: often enough for the times after which they are to go.
func (s *server) trimEvery() time.Duration {
	cfg := s.cluster.cfg
	every := cfg.PoolHealthCheckPeriod
	for _, d := range []time.Duration{cfg.PoolMaxConnIdleTime, cfg.PoolMaxConnLifetime} {
		if d > 0 {
			every = min(every, max(d/2, 10*time.Millisecond))
		}
	}
	return every
}

// trimIdle closes the connections that have had their time, and those that were not used since it looked last: those beyond
// what was in use at once. Its timer runs only while there are connections.
func (s *server) trimIdle() {
	now := ticks()
	s.mu.Lock()
	s.gather()
	surplus, last := len(s.idle)-spareConns, s.trimmed
	s.trimmed = now
	s.mu.Unlock()
	s.closeIdle(func(b *backend) bool {
		surplus--
		return surplus >= 0 && b.idled < last || s.worn(b, now)
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.size == 0 {
		s.trim = nil
		return
	}
	s.trim.Reset(s.trimEvery())
}

// retire is told that database/sql has closed a driver connection that was made at born and, if that was a while ago, given
// back last at returned. With plain pgx a connection to the server ends with it, for being too old, idle for too long, or
// one too many. Here one goes of those that are as old, or idle for as long: the one used last among them, since several
// driver connections may be closed at once, in any order, and each is to find one. It is taken away at once: who comes next, often
// the one that had the driver connection closed, would use it again.
func (s *server) retire(born time.Time, returned tick) {
	s.mu.Lock()
	s.gather()
	for i := len(s.idle) - 1; i >= 0; i-- {
		if b := s.idle[i]; b.opened.Before(born) || b.idled <= returned {
			s.idle = slices.Delete(s.idle, i, i+1)
			s.mu.Unlock()
			s.cluster.tasks.run(func() { s.discard(b) }) // the server may be silent
			return
		}
	}
	s.mu.Unlock()
}
