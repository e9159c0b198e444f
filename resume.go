package pgsplit

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"time"
)

// Token returns the session as text for another process, a queue job or a browser: opaque, of at most MaxTokenLen letters,
// digits, "-" and "_". It is empty for a session that has neither written nor read. It never waits: what has no known
// position yet is taken to have happened when the token is resumed, which is right but asks for more than needed; Settle
// before it avoids that. Rows of a write that are still open are not covered.
//
// A token holds no data and no secret: the identifier of the database system and a position in its log. It is not signed.
// Of a session that was used with more than four handles it covers the last four.
func (s *Session) Token() string {
	var claims []claim
	for p := s.parts.Load(); p != nil && len(claims) < tokenMost; p = p.next {
		if c, ok := p.claim(); ok {
			claims = append(claims, c)
		}
	}
	if len(claims) == 0 {
		return ""
	}
	return formatToken(claims)
}

func (p *sessionPart) claim() (claim, bool) {
	c := p.cluster
	cl := claim{system: c.systemIdentifier(), handle: c.number}
	if len(c.servers) == 1 {
		cl.pending, cl.handle = true, 0 // there are no samples
		return cl, true
	}
	snap := c.snap.Load()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.settle(snap)
	if p.seen.srv != nil {
		p.sawAnything(snap)
	}
	cl.floor = snap.resolved.raised(p.floor)
	mark := moment(max(p.written.Load(), c.marks.raw.Load()))
	if mark == 0 && cl.floor.lsn == 0 {
		return cl, false
	}
	at, ok := snap.resolved.position(mark)
	if !ok || p.open.Load() > 0 || c.marks.rawOpen.Load() > 0 {
		cl.pending, cl.mark = true, mark
		return cl, true
	}
	cl.floor = cl.floor.or(floor{snap.resolved.timeline, at})
	return cl, true
}

// sawAnything replaces a read whose position is not known yet by one that is: the primary's.
func (p *sessionPart) sawAnything(snap *snapshot) {
	if p.bound.lsn != 0 {
		p.raise(p.bound, snap)
	} else {
		p.sees()
	}
	p.seen, p.bound = glance{}, floor{}
}

// Settle waits until all that the session has written and read has a position, so that its Token asks for no more than
// needed; mostly that takes a few milliseconds, nothing if it is so already. It returns the context's error if that comes
// first; the token is good in any case.
func (s *Session) Settle(ctx context.Context) error {
	for p := s.parts.Load(); p != nil; p = p.next {
		if len(p.cluster.servers) == 1 {
			continue
		}
		err := p.cluster.awaitSample(ctx, func(snap *snapshot) bool {
			d := p.demand(snap)
			return d.open || d.resolved(snap) || snap.unmarked()
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// awaitSample asks for samples of the primary until a snapshot is enough.
func (c *Cluster) awaitSample(ctx context.Context, enough func(*snapshot) bool) error {
	for {
		snap := c.snap.Load()
		if enough(snap) {
			return nil
		}
		c.needed.Store(clock().UnixNano())
		c.kickPrimary(snap)
		select {
		case <-snap.changed:
		case <-ctx.Done():
			return ctx.Err()
		case <-c.life.Done():
			return errClosed
		}
	}
}

func (c *Cluster) kickPrimary(snap *snapshot) {
	if snap.primary == nil {
		c.kickAll()
		return
	}
	c.watch[snap.primary.index].poke()
}

// resumeTimeout bounds how long ResumeSession waits for a server's word, whatever its context says.
const resumeTimeout = 5 * time.Second

// ResumeSession returns the session that a token stands for, for use with the handles given: of each, the token's claim is
// checked against the database system. An empty token is a new session.
//
// errors.Is(err, ErrToken) tells that a token is of no use: damaged, made by another database system than these, or further than that
// has come, which is a made-up one, or one from just before a crash or a failover of the primary that has lost writes, if not
// necessarily this session's. The session that comes with this error is a new one that sees all that there was by now: go on with
// it, and what the token's session has written and is still there is seen. With any other error there is none. That is about
// reaching the servers, and the token may be right: read on the primary (WithPrimary), or try again.
//
// It waits for no server, but for one new sample of the primary if the token is ahead of the latest one, and at the very
// beginning of a handle. With a handle that has one server there is nothing to check.
func ResumeSession(ctx context.Context, token string, dbs ...*sql.DB) (*Session, error) {
	s := NewSession()
	err := s.resume(ctx, token, dbs)
	switch {
	case err == nil:
		return s, nil
	case !errors.Is(err, ErrToken):
		return nil, err
	}
	s = NewSession()
	for _, db := range dbs {
		if c := ClusterOf(db); c != nil {
			s.part(c).seesAll()
		}
	}
	return s, err
}

func (s *Session) resume(ctx context.Context, token string, dbs []*sql.DB) error {
	if token == "" {
		return nil
	}
	claims, err := parseToken(token)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, resumeTimeout)
	defer cancel()
	for _, cl := range claims {
		used := false
		for _, db := range dbs {
			c := ClusterOf(db)
			if c == nil {
				return tokenError("the *sql.DB was not opened with this driver")
			}
			mine, err := c.resume(ctx, s, cl)
			if err != nil {
				return err
			}
			used = used || mine
		}
		if !used {
			return tokenError("it is of another database system (%d)", cl.system)
		}
	}
	return nil
}

// resume takes in a claim if it is of this database system.
func (c *Cluster) resume(ctx context.Context, s *Session, cl claim) (bool, error) {
	if len(c.servers) == 1 {
		s.part(c) // everything is on the primary; its Token says that something happened
		return true, nil
	}
	c.begin()
	if err := c.awaitServers(ctx, func(s *snapshot) bool { return s.settled }, nil); err != nil {
		return false, err
	}
	if id := c.systemIdentifier(); cl.system != id && cl.system != 0 && id != 0 {
		return false, nil
	}
	if err := c.proves(ctx, cl.floor); err != nil {
		return false, err
	}
	p := s.part(c)
	switch mark := uint64(cl.mark); {
	case !cl.pending:
	case cl.handle == c.number && mark != 0 && mark <= c.marks.clock.Load():
		raise(&p.written, mark)
	default:
		p.sees()
	}
	p.ages()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.raise(cl.floor, c.snap.Load())
	return true, nil
}

// seesAll has the session see all that there is.
func (p *sessionPart) seesAll() {
	p.sees()
	p.ages()
}

// ages has what the session asks for have happened just now: nobody says when it was.
func (p *sessionPart) ages() { raise(&p.at, uint64(p.cluster.marks.age())) }

// proves checks that the primary has come as far as a token says.
func (c *Cluster) proves(ctx context.Context, f floor) error {
	if f.lsn == 0 {
		return nil
	}
	began := time.Now()
	var ahead error
	err := c.awaitSample(ctx, func(snap *snapshot) bool {
		ahead = nil
		if snap.primary == nil {
			return false
		}
		smp := snap.members[snap.primary.index].sample
		if smp == nil || smp.position == 0 {
			return snap.unmarked() // there are no positions to compare
		}
		if f.timeline < smp.timeline || f.timeline == smp.timeline && f.lsn <= smp.position {
			return true
		}
		ahead = tokenError("it is ahead of the primary: at %v of timeline %d, which is at %v of timeline %d", f.lsn, f.timeline, smp.position, smp.timeline)
		return smp.asked.After(began)
	})
	if err != nil {
		return err // what is ahead of an old sample may be right
	}
	return ahead
}

// systemIdentifier is the database system's, 0 if it is not known.
func (c *Cluster) systemIdentifier() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, _ := strconv.ParseUint(c.world.system, 10, 64)
	return n
}

// or is the one of two floors that asks for more: the later timeline's, and on one timeline the higher.
func (f floor) or(g floor) floor {
	if f.timeline > g.timeline || f.timeline == g.timeline && f.lsn > g.lsn {
		return f
	}
	return g
}
