package pgsplit

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// holdings are the texts of a handle's open Stmts. Equal outcomes of parsing a text are one shape, so that they can be
// told apart by their pointers.
type holdings struct {
	gone  atomic.Uint64 // how many texts have lost their last holder
	mu    sync.Mutex
	texts map[string]*holding
}

type holding struct {
	conns int
	shape *shape
}

// hold notes one more Conn that holds a text, and letGo one less.
func (h *holdings) hold(text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.texts[text] == nil {
		if h.texts == nil {
			h.texts = make(map[string]*holding)
		}
		h.texts[text] = new(holding)
	}
	h.texts[text].conns++
}

// letGo reports whether nobody holds the text any more.
func (h *holdings) letGo(text string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	held := h.texts[text]
	if held.conns--; held.conns > 0 {
		return false
	}
	delete(h.texts, text)
	h.gone.Add(1)
	return true
}

func (h *holdings) held(text string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.texts[text] != nil
}

func (h *holdings) shapeOf(text string, sd *pgconn.StatementDescription) *shape {
	h.mu.Lock()
	defer h.mu.Unlock()
	held := h.texts[text]
	if held != nil && held.shape != nil && held.shape.describes(sd) {
		return held.shape
	}
	s := &shape{params: sd.ParamOIDs, fields: sd.Fields}
	if held != nil {
		held.shape = s
	}
	return s
}

// tidy drops what nobody holds any more. It reports false when the connection has died of it.
func (b *backend) tidy(ctx context.Context) bool {
	h := &b.srv.cluster.holdings
	gone := h.gone.Load()
	for text := range b.prepared {
		if !h.held(text) && b.deallocate(ctx, text) != nil {
			return false
		}
	}
	b.tidied = gone
	return true
}

// tidyInTime tidies for as long as a server may be silent.
func (b *backend) tidyInTime() bool {
	ctx, cancel := context.WithTimeout(b.srv.cluster.life, b.srv.pingTimeout())
	defer cancel()
	return b.tidy(ctx)
}

// tidyIfQuiet tidies a connection of a checkout, or one with session state, if nothing is under way on it.
func (b *backend) tidyIfQuiet() {
	if b.untidy() && !b.closed() && !b.pg.PgConn().IsBusy() {
		b.tidyInTime()
	}
}

// untidy says whether tidying could find something.
func (b *backend) untidy() bool {
	return len(b.prepared) > 0 && b.tidied != b.srv.cluster.holdings.gone.Load()
}

// tidyIdle tidies the idle connections, each for itself and for as long as one may be silent.
func (s *server) tidyIdle() {
	for {
		b := s.popUntidy()
		if b == nil {
			return
		}
		begin := time.Now()
		if !b.tidyInTime() || !s.putBack(b) {
			s.discard(b)
		}
		if time.Since(begin) >= s.pingTimeout() {
			return // a silent server: what else is idle there is tidied when it is used
		}
	}
}

func (s *server) popUntidy() *backend {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gather()
	i := slices.IndexFunc(s.idle, (*backend).untidy)
	if i < 0 {
		return nil
	}
	b := s.idle[i]
	s.idle = slices.Delete(s.idle, i, i+1)
	return b
}

// putBack returns an idle connection to its place in the stack, or gives it to who has come to wait for one meanwhile. It is
// false if nobody may have it any more.
func (s *server) putBack(b *backend) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || b.doomed.Load() {
		return false
	}
	if len(s.waiting) > 0 {
		s.next().ready <- b
		return true
	}
	i := slices.IndexFunc(s.idle, func(other *backend) bool { return other.idled > b.idled })
	if i < 0 {
		i = len(s.idle)
	}
	s.idle = slices.Insert(s.idle, i, b)
	return true
}
