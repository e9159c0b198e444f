package pgsplit

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"
)

// Settle waits until all that the session has written and read has a position, so that its Token asks for no more than
// needed; mostly that takes a few milliseconds, nothing if it is so already. It returns the context's error if that comes
// first; the token is good in any case.
func (s *Session) Settle(ctx context.Context) error {
	for p := s.parts.Load(); p != nil; p = p.next {
		if len(p.cluster.servers) == 1 || p.cluster.life.Err() != nil {
			continue
		}
		err := p.cluster.awaitSample(ctx, func(snap *snapshot) bool {
			d := p.own(snap)
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
// The session is never nil. With an error it is a new one that sees all that there was by now: go on with it, and what the token's
// session has written and is still there is seen.
//
// errors.Is(err, ErrToken) tells that a token is of no use: damaged, made by other database systems than these, or further than that
// has come, which is a made-up one, or one from just before a crash or a failover of the primary that has lost writes, if not
// necessarily this session's. A *sql.DB that was not opened with this driver is such an error, too. Any other error is about reaching
// the servers, and the token may be right: the session's own Token holds it, for the next to judge.
//
// It waits for no server, except at the very beginning of a handle, and for a new sample if the token is ahead of the latest one; while
// there is no primary that is up to 5 s.
func ResumeSession(ctx context.Context, token string, dbs ...*sql.DB) (*Session, error) {
	s := NewSession()
	var claims []claim
	var err error
	if token != "" {
		if claims, err = parseToken(token); err == nil {
			err = s.resume(ctx, claims, dbs)
		}
	}
	if err != nil {
		s = NewSession()
		if !errors.Is(err, ErrToken) {
			s.carried = claims
		}
	}
	for _, db := range dbs {
		if c := ClusterOf(db); c != nil && len(c.servers) > 1 {
			p := s.part(c) // also if it has nothing to take in: what Raw does counts from now on
			if err != nil {
				p.seesAll()
			}
		}
	}
	s.resumed.Store(token != "")
	return s, err
}

func (s *Session) resume(ctx context.Context, claims []claim, dbs []*sql.DB) error {
	ctx, cancel := context.WithTimeout(ctx, resumeTimeout)
	defer cancel()
	var clusters []*Cluster
	one := false // handle has a single server: whose it is is not known, and everything is on the primary
	for _, db := range dbs {
		c := ClusterOf(db)
		if c == nil {
			return tokenError("the *sql.DB was not opened with this driver")
		}
		if len(c.servers) == 1 {
			one = true
			continue
		}
		c.begin()
		if err := c.awaitServers(ctx, func(s *snapshot) bool { return s.settled }, nil); err != nil {
			return err
		}
		clusters = append(clusters, c)
	}
	// Those that have never been reached come last.
	slices.SortStableFunc(clusters, func(a, b *Cluster) int { return cmp.Compare(b.systemIdentifier(), a.systemIdentifier()) })
	used := one || slices.ContainsFunc(clusters, (*Cluster).unreached)
	for _, cl := range claims {
		taken := false
		for _, c := range clusters {
			mine, err := c.resume(ctx, s, cl, taken)
			if err != nil {
				return err
			}
			taken = taken || mine
		}
		if !taken {
			s.carried = append(s.carried, cl)
		}
		used = used || taken
	}
	if !used {
		return tokenError("it is of another database system (%d)", claims[0].system)
	}
	return nil
}

// resume takes in a claim if it is of this database system. taken says that another handle has.
func (c *Cluster) resume(ctx context.Context, s *Session, cl claim, taken bool) (bool, error) {
	id := c.systemIdentifier()
	if cl.system != id && cl.system != 0 && id != 0 {
		return false, nil
	}
	p := s.part(c)
	unknown := c.unreached()
	if taken && unknown {
		p.seesAll() // nobody knows what it is, and there is no need to wait for that
		return false, nil
	}
	if err := c.proves(ctx, cl.floor); err != nil {
		return false, err
	}
	switch mark := uint64(cl.mark); {
	case !cl.pending:
	case cl.handle == c.number && mark != 0 && mark <= c.marks.clock.Load():
		raise(&p.written, mark)
	default:
		p.sees()
	}
	p.justNow()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.raise(cl.floor, c.snap.Load())
	return !unknown, nil
}

// unreached says that nobody knows which database system a handle leads to since its primary has never been seen.
func (c *Cluster) unreached() bool {
	snap := c.snap.Load()
	return snap.system == 0 && snap.primary == nil
}

// seesAll has the session see all that there is.
func (p *sessionPart) seesAll() {
	p.sees()
	p.justNow()
}

// justNow dates what the session asks for: a token does not say when it was.
func (p *sessionPart) justNow() { raise(&p.at, uint64(p.cluster.marks.age())) }

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
		if f.timeline == smp.timeline {
			return smp.asked.After(began)
		}
		// Another server may be the primary by now, though this one answers.
		c.kickAll()
		return snap.heardSince(began)
	})
	if err != nil {
		return err // what is ahead of an old sample may be right
	}
	return ahead
}

// heardSince says whether each server has answered since a time, or failed to.
func (s *snapshot) heardSince(t time.Time) bool {
	for i := range s.members {
		m := &s.members[i]
		if !m.static && !m.failedSince(t) && (m.sample == nil || !m.sample.asked.After(t)) {
			return false
		}
	}
	return true
}

// systemIdentifier is the database system's, 0 if it is not known.
func (c *Cluster) systemIdentifier() uint64 { return c.snap.Load().system }

// or is the one of two floors that asks for more: the later timeline's, and on one timeline the higher.
func (f floor) or(g floor) floor {
	if g.lsn == 0 || f.lsn != 0 && (f.timeline > g.timeline || f.timeline == g.timeline && f.lsn > g.lsn) {
		return f
	}
	return g
}
