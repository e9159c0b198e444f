package pgsplit

import "context"

// How a server's connections end together: it was found unreachable, or the handle closes.

// awaited says whether a read waits for its first row, and lent whether a connection is checked out: a read may be about to
// wait.
func (s *server) awaited() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for b := range s.open {
		if b.state.Load() == backendWaiting {
			return true
		}
	}
	return false
}

func (s *server) lent() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.busy() > 0
}

// abandon is called when the server was found unreachable. Reads that wait on it for their first row come free and run
// elsewhere, connection attempts end, idle connections are closed. Rows that are being read stay.
func (s *server) abandon() {
	s.mu.Lock()
	s.end()
	if !s.closed {
		s.life, s.end = context.WithCancel(s.cluster.life)
	}
	for b := range s.open {
		b.doomed.Store(true)
		b.kill()
	}
	idle := s.idle
	s.idle = nil
	s.mu.Unlock()
	for _, b := range idle {
		b.hangUp()
		s.discard(b)
	}
}

// refuse has nobody get a connection any more.
func (s *server) refuse() {
	s.mu.Lock()
	s.closed = true
	s.sound()
	s.mu.Unlock()
}

// close, after refuse, closes what is idle; what is checked out is closed when it comes back.
func (s *server) close() {
	s.mu.Lock()
	s.end()
	if s.trim != nil {
		s.trim.Stop()
	}
	s.gather()
	idle := s.idle
	s.idle = nil
	s.mu.Unlock()
	for _, b := range idle {
		s.discard(b)
	}
}
