package pgsplit

import (
	"errors"
	"fmt"
	"time"
)

// snapshot is what is known of the cluster at one time. It is immutable; statements read it through an atomic pointer
// and take no lock.
type snapshot struct {
	members  []member  // one for each server, by index
	primary  *server   // nil: none known
	replicas []*member // those that may serve reads as far as role, health and timeline go

	known       bool // every server has answered or failed once
	settled     bool // so it has, or a primary was found
	seenPrimary bool // a primary was known at some time
	conflict    error

	// primaryDown is set while the primary does not answer, to the time it last did: lag is measured up to then.
	primaryDown time.Time

	resolved resolution
	changed  chan struct{} // closed when a newer snapshot is in place
}

// member is one server in a snapshot.
type member struct {
	srv     *server
	role    Role
	healthy bool
	static  bool // no samples can be had: the role is what was configured
	known   bool // it has answered or failed at least once

	sample *sample
	err    error     // why it is not healthy
	since  time.Time // since when; a sample has to be asked for after that to make it healthy again
	until  time.Time // not before then, whatever samples say

	reached time.Time // a replica's lag is the age of this: when the primary was last seen at a position that it has
	left    LSN       // its position when the primary changed; see follows
}

// lag is how far a replica is behind, as of now; known is false where positions are not to be had.
func (s *snapshot) lag(m *member, now time.Time) (lag time.Duration, known bool) {
	if m.reached.IsZero() {
		return 0, false
	}
	if !s.primaryDown.IsZero() {
		now = s.primaryDown
	}
	return max(0, now.Sub(m.reached)), true
}

// primaryHealthy says whether there is a primary that answers.
func (s *snapshot) primaryHealthy() bool {
	return s.primary != nil && s.members[s.primary.index].healthy
}

// world is what the cluster remembers from sample to sample. Cluster.mu guards it.
type world struct {
	history  history
	timeline uint32     // the highest that any primary had
	system   string     // the system identifier of the first primary
	ids      []identity // of each server
}

// observe takes in what a look at a server brought: a sample, or the error that there is instead.
func (c *Cluster) observe(s *server, smp *sample, err error) {
	c.change(func(next *snapshot) {
		m := &next.members[s.index]
		m.known = true
		if err != nil {
			m.fail(err, time.Now())
			return
		}
		if m.sample != nil && smp.asked.Before(m.sample.asked) {
			return
		}
		if smp.asked.After(m.since) && !smp.asked.Before(m.until) {
			m.healthy, m.err = true, nil
		}
		if smp.role == RolePrimary {
			g := c.world.ids[s.index].geometry
			fixed := *smp
			fixed.position, fixed.flush = g.floor(smp.position), g.floor(smp.flush)
			smp = &fixed
		}
		m.sample, m.role = smp, smp.role
	})
}

// observeIdentity takes in what a monitor's new connection said of its server.
func (c *Cluster) observeIdentity(s *server, id identity) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.world.ids[s.index] = id
}

// same says whether two entries of the configuration are one server under two names.
func (w *world) same(i, j int) bool {
	return w.ids[i].instance != "" && w.ids[i].instance == w.ids[j].instance
}

// observeStatic notes that a server cannot be sampled: it keeps the role that it was configured with.
func (c *Cluster) observeStatic(s *server) {
	c.change(func(next *snapshot) {
		m := &next.members[s.index]
		m.known, m.static, m.healthy, m.role = true, true, true, RoleReplica
		if s.index == 0 {
			m.role = RolePrimary
		}
	})
}

// suspect notes that a statement found a server in trouble. It serves no reads until it is seen well again: by a sample
// asked for after now, for servers that cannot be sampled by the time that has passed.
func (c *Cluster) suspect(s *server, err error, pause time.Duration) {
	if len(c.servers) == 1 {
		return
	}
	c.change(func(next *snapshot) {
		m := &next.members[s.index]
		now := time.Now()
		m.fail(err, now)
		m.until = now.Add(pause)
		if m.static {
			m.until = now.Add(c.cfg.MonitorInterval)
			time.AfterFunc(c.cfg.MonitorInterval, func() { c.forgive(s) })
		}
	})
	c.watch[s.index].poke()
}

// forgive gives a server that cannot be sampled another chance.
func (c *Cluster) forgive(s *server) {
	if c.life.Err() != nil {
		return
	}
	c.change(func(next *snapshot) {
		m := &next.members[s.index]
		m.healthy, m.err = true, nil
	})
}

func (m *member) fail(err error, now time.Time) {
	m.healthy, m.err, m.since = false, err, now
}

// change replaces the snapshot by one that edit has worked on and that draws the conclusions.
func (c *Cluster) change(edit func(*snapshot)) {
	c.mu.Lock()
	old := c.snap.Load()
	next := &snapshot{
		members: append([]member(nil), old.members...),
		primary: old.primary, seenPrimary: old.seenPrimary, resolved: old.resolved,
		changed: make(chan struct{}),
	}
	edit(next)
	c.electPrimary(old, next)
	c.noteWrites(next)
	c.judgeReplicas(next)
	c.snap.Store(next)
	close(old.changed)
	c.mu.Unlock()
	if p := old.primary; p != nil && next.primary != nil && next.primary != p && next.members[p.index].role != RoleReplica {
		p.abandon() // a primary that went silent and has a successor: whoever is connecting to it comes free
	}
}

// electPrimary decides who the primary is. The higher timeline wins, and the highest ever seen is remembered: an old
// primary that comes back gets nothing, even alone. Of two on one timeline the one in use stays.
func (c *Cluster) electPrimary(old, next *snapshot) {
	w := &c.world
	var best *member
	var rival *member
	next.known = true
	for i := range next.members {
		m := &next.members[i]
		next.known = next.known && m.known
		if m.role != RolePrimary || m.sample == nil && !m.static || !m.healthy {
			continue
		}
		if w.foreign(i) {
			m.fail(errors.New("pgsplit: the server belongs to another database system than the primary"), time.Now())
			continue
		}
		if !m.static && m.sample.timeline != 0 && m.sample.timeline < w.timeline {
			continue
		}
		switch {
		case best == nil:
			best = m
		case best.better(m):
			best, rival = m, nil
		case m.better(best):
		case w.same(i, best.srv.index):
			// The one named first stands for both.
		case m.srv == next.primary:
			best = m
		case best.srv != next.primary:
			rival = m
		}
	}
	switch {
	case best == nil:
		// A primary that just does not answer stays the one to wait for; one that says it is a standby does not.
		if next.primary != nil && next.members[next.primary.index].role == RoleReplica {
			next.primary = nil
		}
	case rival != nil:
		next.primary = nil
		next.conflict = fmt.Errorf("pgsplit: %s and %s both say they are the primary", best.srv.name, rival.srv.name)
	default:
		next.primary, next.seenPrimary = best.srv, true
		c.crown(old, next, best)
	}
	next.settled = next.primary != nil || next.known
	if p := next.primary; p != nil && !next.members[p.index].healthy {
		if smp := next.members[p.index].sample; smp != nil {
			next.primaryDown = smp.asked
		}
	}
}

// better says whether other is the better primary: not fenced where this one is, or of a higher timeline.
func (m *member) better(other *member) bool {
	if m.static || other.static {
		return false
	}
	if m.sample.readOnly != other.sample.readOnly {
		return m.sample.readOnly
	}
	return other.sample.timeline > m.sample.timeline
}

func (w *world) foreign(i int) bool {
	return w.system != "" && w.ids[i].system != "" && w.ids[i].system != w.system
}

// crown takes note of the primary's sample. When it is another primary than before, or it has been promoted, positions
// of before mean nothing any more: the history starts afresh, and marks are raised to the first position of the new one.
func (c *Cluster) crown(old, next *snapshot, m *member) {
	w := &c.world
	if w.system == "" {
		w.system = w.ids[m.srv.index].system
	}
	if m.static {
		return
	}
	smp := m.sample
	changed := old.seenPrimary && (old.primary != m.srv || smp.timeline > w.timeline)
	w.timeline = max(w.timeline, smp.timeline)
	if changed {
		w.history = history{}
		next.resolved = resolution{}
		if smp.position != 0 {
			next.resolved = resolution{count: smp.covers, lsn: smp.position, timeline: smp.timeline}
		}
		for i := range next.members {
			if o := &next.members[i]; o.sample != nil {
				o.left = o.sample.position
			}
		}
	}
	if smp.flush != 0 {
		w.history.add(smp.asked, smp.flush, max(c.cfg.MaxLag/historySteps, time.Millisecond))
	}
}

// noteWrites resolves marks: a sample of the primary covers every write that had completed when it was asked for.
func (c *Cluster) noteWrites(next *snapshot) {
	if next.primary == nil {
		return
	}
	smp := next.members[next.primary.index].sample
	if smp != nil && smp.role == RolePrimary && smp.position != 0 && smp.covers > next.resolved.count {
		next.resolved = resolution{count: smp.covers, lsn: smp.position, timeline: smp.timeline}
	}
}

// judgeReplicas lists the replicas that may serve reads, with how far they have come.
func (c *Cluster) judgeReplicas(next *snapshot) {
	var primary *sample
	claims := 0
	for i := range next.members {
		m := &next.members[i]
		if m.role == RolePrimary && m.healthy && (next.primary == nil || m.srv == next.primary || !c.world.same(i, next.primary.index)) {
			claims++
		}
	}
	if next.primary != nil {
		primary = next.members[next.primary.index].sample
	}
	for i := range next.members {
		m := &next.members[i]
		if m.role != RoleReplica || !m.healthy {
			continue
		}
		if c.world.foreign(i) {
			m.fail(errors.New("pgsplit: the server belongs to another database system than the primary"), time.Now())
			continue
		}
		if m.sample != nil {
			m.reached = c.world.lagBase(m.sample)
			if primary != nil && !m.follows(primary, claims) {
				continue
			}
		}
		next.replicas = append(next.replicas, m)
	}
}

// lagBase is the time that a replica's lag is the age of; zero if no position is known.
func (w *world) lagBase(smp *sample) time.Time {
	if smp.position == 0 || len(w.history.points) == 0 {
		return time.Time{}
	}
	seen, ok := w.history.reached(smp.position)
	if !ok && smp.replayAge >= 0 {
		if t := smp.asked.Add(-smp.replayAge); t.Before(seen) {
			return t
		}
	}
	return seen
}

// follows says whether a standby can be taken to follow the primary. Where its timeline is the primary's it does. Where
// it is not (or not yet: an ordinary role learns of it with the next restartpoint) it must not be ahead of the primary,
// and after a change of primary it has to have moved, with nobody else claiming to be the primary: a standby left on the
// old timeline does not move, or follows another.
func (m *member) follows(primary *sample, claims int) bool {
	s := m.sample
	if s.timeline == 0 || primary.timeline == 0 || s.timeline == primary.timeline {
		return true
	}
	if s.position > primary.position && s.asked.Before(primary.asked) {
		return false
	}
	return m.left == 0 || s.position != m.left && claims <= 1
}
