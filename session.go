package pgsplit

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Session is what one user, one request or one job has written and read. Reads under a context with a session see all that
// the session has written, and never an older state than it has read before, whichever servers they run on; what others
// have written does not count, so they find a replica sooner than with read_your_writes=strict. Within such a context the
// session takes the place of the handle's read_your_writes, also of off.
//
// A Session belongs to no handle and no goroutine: it may be used with several handles and by several goroutines at once.
// It is small, and needs no closing. The zero value is a new session. What was written through one handle, reads through another on
// the same database system see, too; the order of reads is kept for each handle by itself. A handle with one server tells nobody what
// was done through it: reads through another see that after ResumeSession has taken over the session's Token, which has all of it.
//
// A statement belongs to the session of its own context, and to that of the transaction's or its prepared statement's
// execution. What is done through sql.Conn.Raw has no context: it counts for every session of its handle, and for no other handle.
type Session struct {
	mu      sync.Mutex
	parts   atomic.Pointer[sessionPart]
	carried []claim // of the token that it was resumed from: what the handles cannot take in, for others; it does not change

	resumed atomic.Bool // from a token, which other handles than those given know nothing of
}

// NewSession returns a session that has neither written nor read anything.
func NewSession() *Session { return new(Session) }

// WithSession returns a context whose statements belong to s. A nil session undoes an outer one.
//
// The context is meant for whatever s stands for: a request of one user, say. Statements that run at the same time are not
// ordered: a read sees what was complete when it began.
func WithSession(ctx context.Context, s *Session) context.Context {
	return with(ctx, func(d *directives) { d.session = s })
}

// SessionOf returns the session of a context, nil if it has none.
func SessionOf(ctx context.Context) *Session { return directivesOf(ctx).session }

// Used reports whether a statement has run under the session since it was made, or resumed. What sql.Conn.Raw does is none.
func (s *Session) Used() bool {
	for p := s.parts.Load(); p != nil; p = p.next {
		if p.used.Load() {
			return true
		}
	}
	return false
}

// sessionPart is what a session has done with one handle.
type sessionPart struct {
	session *Session
	cluster *Cluster
	next    *sessionPart
	used    atomic.Bool

	wrote   atomic.Uint64 // when it last wrote, see marks.age
	at      atomic.Uint64 // likewise, or when a token was taken in, of which nobody says when it was
	written atomic.Uint64 // the moment of its last write, or of what it has read on the primary
	open    atomic.Int64  // see marks

	mu    sync.Mutex // never held while a server is waited for
	floor floor
	seen  glance
	bound floor   // what seen has seen is at most this, since a replica has nothing that the primary lacks
	last  *server // the replica that it has read last

	inherited map[*sessionPart]uint64 // by other handles' parts: up to when this one stands for what they have written
}

// floor is a position that a read's server must have reached; the zero value is none.
type floor struct {
	timeline uint32
	lsn      LSN
}

// glance is a read of a replica. What it has seen is at most the replica's position in a sample that was asked for after it
// ended, over a connection that was open before it began: a replica that was restarted in between goes back.
type glance struct {
	srv          *server // nil: none
	began, ended time.Time
}

// part returns what the session has done with a handle.
func (s *Session) part(c *Cluster) *sessionPart {
	for p := s.parts.Load(); p != nil; p = p.next {
		if p.cluster == c {
			return p
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for p := s.parts.Load(); p != nil; p = p.next {
		if p.cluster == c {
			return p
		}
	}
	p := &sessionPart{session: s, cluster: c, next: s.parts.Load()}
	if s.resumed.Load() {
		p.seesAll()
	}
	s.parts.Store(p)
	return p
}

// sessionOf is the session's part that directives ask for; nil if they ask for none.
func (c *Cluster) sessionOf(d *directives) *sessionPart {
	if d.session == nil {
		return nil
	}
	p := d.session.part(c)
	if !p.used.Load() {
		p.used.Store(true)
	}
	if len(c.servers) == 1 {
		return nil // there are no replicas to keep from it; its Token says that something happened
	}
	return p
}

// The sessions of the statement at hand: that of its context, and that of its transaction.
func (c *Conn) sessions() [2]*sessionPart {
	s := [2]*sessionPart{c.session}
	if c.tx != nil && c.tx.session != c.session {
		s[1] = c.tx.session
	}
	return s
}

// sawPrimary notes that the statement at hand was answered by the primary.
func (c *Conn) sawPrimary() {
	for _, s := range c.sessions() {
		if s != nil {
			s.sawPrimary()
		}
	}
}

// glance is the beginning of a read on a replica, if it matters.
func (c *Conn) glance(srv *server) glance {
	if c.session == nil && (c.tx == nil || c.tx.session == nil) {
		return glance{}
	}
	return glance{srv: srv, began: time.Now()}
}

// sawReplica notes that the statement at hand was answered by a replica.
func (c *Conn) sawReplica(g glance) {
	if g.srv == nil {
		return
	}
	g.ended = time.Now()
	for _, s := range c.sessions() {
		if s != nil {
			s.sawReplica(g)
		}
	}
}

// sawPrimary notes that the session has seen what the primary has now.
func (p *sessionPart) sawPrimary() {
	p.sees()
	p.cluster.resolveSoon()
}

// sees notes that the session has seen what there is now.
func (p *sessionPart) sees() { raise(&p.written, p.cluster.marks.clock.Add(1)) }

// sawReplica notes that the session has read on a replica.
func (p *sessionPart) sawReplica(g glance) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = g.srv
	if p.cluster.snap.Load().members[g.srv.index].byTime() {
		return // nobody can tell what it has seen
	}
	if p.seen.srv != nil && p.seen.srv != g.srv {
		p.settle(p.cluster.snap.Load())
		if p.seen.srv != nil {
			p.sawAnything(p.cluster.snap.Load()) // two reads at once, on two replicas
		}
	}
	if p.seen.srv == g.srv && g.began.Before(p.seen.ended) {
		// At once, on one replica: which may have been restarted in between.
		if p.seen.began.Before(g.began) {
			g.began = p.seen.began
		}
		if p.seen.ended.After(g.ended) {
			g.ended = p.seen.ended
		}
	}
	p.seen, p.bound = g, floor{}
}

// settle makes a position of what was read last, if one is known.
func (p *sessionPart) settle(snap *snapshot) {
	g, tli := p.seen, snap.resolved.timeline
	if g.srv == nil {
		return
	}
	smp := snap.members[g.srv.index].sample
	if smp != nil && smp.role == RoleReplica && smp.timeline == tli && smp.position != 0 && !smp.opened.After(g.began) && smp.asked.After(g.ended) {
		p.raise(floor{tli, smp.position}, snap)
		p.seen, p.bound = glance{}, floor{}
		return
	}
	if p.bound = snap.resolved.raised(p.bound); p.bound.lsn != 0 || snap.primary == nil {
		return
	}
	smp = snap.members[snap.primary.index].sample
	if smp != nil && smp.role == RolePrimary && smp.timeline == tli && smp.asked.After(g.ended) {
		p.bound = floor{tli, smp.position}
	}
}

// raise raises the floor. Of two timelines the later one counts: what the earlier one had has become a part of it, or is
// lost.
func (p *sessionPart) raise(f floor, snap *snapshot) {
	p.floor = snap.resolved.raised(p.floor).or(snap.resolved.raised(f))
}
