package pgsplit

import (
	"slices"
	"strconv"
	"time"

	"github.com/pgsplit/pgsplit/internal/broken"
)

// snapshot is what is known of the cluster at one time. It is immutable; statements read it through an atomic pointer
// and take no lock.
type snapshot struct {
	members  []member  // one for each server, by index
	primary  *server   // nil: none known
	replicas []*member // those that may serve reads as far as role, health and timeline go

	timed       bool // some of them have no positions, and are used by time; see demand.aged
	known       bool // every server has answered or failed once
	settled     bool // so it has, or a primary was found
	seenPrimary bool // a primary was known at some time
	conflict    error

	// primaryDown is set while the primary does not answer, to the time it last did: lag is measured up to then.
	primaryDown time.Time

	system   uint64 // the identifier of the database system; 0: not known
	resolved resolved
	changed  chan struct{} // closed when a newer snapshot is in place
}

// member is one server in a snapshot.
type member struct {
	srv     *server
	role    Role
	healthy bool
	static  bool // the role is what was configured; there are no samples
	blind   bool // and nobody watches whether it answers: its connections are not pgx's
	known   bool // it has answered or failed at least once

	sample *sample
	err    error     // why it is not healthy
	since  time.Time // since when; a sample has to be asked for after that to make it healthy again
	until  time.Time // not before then, whatever samples say

	found   bool          // the monitor has confirmed that it is not healthy, or will leave it alone for a while
	told    bool          // log and hooks know
	out     time.Time     // since when it has not been healthy without a break; zero: it is, or was not asked yet
	lags    bool          // further behind than max_lag when the snapshot was made
	back    time.Time     // when it came back after it had been found not healthy: it warms up since then
	aside   error         // why it serves no reads although it is healthy; nil: it may
	reached time.Time     // a replica's lag is the age of this: when the primary was last seen at a position that it has
	guessed bool          // it has none of the positions that are remembered: reached may be long before the truth
	left    LSN           // where it was when the primary changed, or when it was first seen on another timeline than that
	strayed bool          // it has what the primary does not have; see follows
	behind  time.Duration // about how far a replica was behind when it was asked: good for timing only
	has     moment        // a replica: it has the writes up to this mark
}

// lag is how far a replica is behind, as of now; known is false where positions are not to be had.
func (s *snapshot) lag(m *member, now time.Time) (lag time.Duration, known bool) {
	if m.reached.IsZero() {
		return 0, false
	}
	if !s.primaryDown.IsZero() {
		now = s.primaryDown
	} else if s.primary != nil {
		if asked := s.primary.asking.Load(); asked != 0 {
			if t := tick(asked).time().Add(answerTime); t.Before(now) {
				now = t
			}
		}
	}
	return max(0, now.Sub(m.reached)), true
}

// answerTime is how long a primary that is well takes to answer a sample, at the most. While one that stands still is waited for,
// its replicas do not fall behind.
const answerTime = 20 * time.Millisecond

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
	behind   []behind   // likewise
	rivals   uint64     // bit set of the servers that claimed to be primary, on its timeline, beside the one in use
}

// behind is which instances answered under one name.
type behind struct {
	now     string
	before  []string // the last few that did, the latest last
	several bool
}

// mostInstances is how many instances behind one name are remembered: a balancer that serves more in turn is not noticed.
const mostInstances = 16

// several says whether one name leads to several instances: a load balancer over many readers, a pooler. One that was
// restarted is another instance for good; an instance that is back after another one has answered is one of several. What
// is known of positions then is of no use, since nobody knows whose it is.
func (w *world) several(i int, instance string) bool {
	b := &w.behind[i]
	switch {
	case b.several || instance == "" || instance == b.now || broken.AnyInstance.Load():
	case slices.Contains(b.before, instance):
		*b = behind{several: true}
	default:
		if b.now != "" {
			b.before = append(b.before, b.now)
			b.before = b.before[max(0, len(b.before)-mostInstances):]
		}
		b.now = instance
	}
	return b.several
}

// observe takes in what a look at a server brought: a sample, or the error that there is instead.
func (c *Cluster) observe(s *server, smp *sample, err error) {
	c.change(func(next *snapshot) {
		m := &next.members[s.index]
		m.known = true
		if err != nil {
			m.fail(err, time.Now())
			m.found = true
			return
		}
		if m.sample != nil && smp.asked.Before(m.sample.asked) {
			return
		}
		if smp.asked.After(m.since) && !smp.asked.Before(m.until) {
			m.recover(smp.answered)
		}
		if c.world.several(s.index, smp.instance) {
			fixed := *smp
			fixed.position, fixed.flush, fixed.timeline, fixed.instance, fixed.untold, fixed.mixed = 0, 0, 0, "", true, true
			smp = &fixed
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

// same says whether two samples are of one server that is configured under two names.
func same(a, b *sample) bool {
	return a != nil && b != nil && a.instance != "" && a.instance == b.instance
}

// staticRole is the role of a server that is not asked for it.
func staticRole(index int) Role {
	if index == 0 {
		return RolePrimary
	}
	return RoleReplica
}

// observeBlind notes that a server cannot be sampled: it keeps the role that it was configured with.
func (c *Cluster) observeBlind(s *server) {
	c.change(func(next *snapshot) {
		m := &next.members[s.index]
		m.known, m.static, m.blind, m.role = true, true, true, staticRole(s.index)
		m.recover(time.Now())
	})
}

// observeAnswer notes that a server whose role is configured has answered what it was asked at a time.
func (c *Cluster) observeAnswer(s *server, asked time.Time) {
	c.change(func(next *snapshot) {
		m := &next.members[s.index]
		m.known = true
		if asked.After(m.since) && !asked.Before(m.until) {
			m.recover(time.Now())
		}
	})
}

// suspect notes that a statement found a server in trouble. It serves no reads until it is seen well again: by a sample
// asked for after now, for servers that cannot be sampled by the time that has passed.
func (c *Cluster) suspect(s *server, err error, pause time.Duration) {
	if len(c.servers) == 1 || c.life.Err() != nil {
		return // nothing to choose, or what failed was ended by Close
	}
	c.change(func(next *snapshot) {
		m := &next.members[s.index]
		now := time.Now()
		m.fail(err, now)
		m.until = now.Add(pause)
		m.found = m.found || pause > 0 || m.blind
		if m.blind {
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
		next.members[s.index].recover(time.Now())
	})
}

func (m *member) fail(err error, now time.Time) {
	m.healthy, m.err, m.since = false, err, now
}

// failedSince says whether it has failed, and has not been seen well again, since a time.
func (m *member) failedSince(t time.Time) bool { return m.err != nil && m.since.After(t) }

func (m *member) recover(now time.Time) {
	if m.found {
		m.back = now
	}
	m.healthy, m.err = true, nil
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
	next.system, _ = strconv.ParseUint(c.world.system, 10, 64)
	c.noteWrites(next)
	c.judgeReplicas(next)
	c.announce(old, next, time.Now())
	c.snap.Store(next)
	close(old.changed)
	c.mu.Unlock()
	if p := old.primary; p != nil && next.primary != nil && next.primary != p && next.members[p.index].role != RoleReplica {
		if next.succeeds(old) {
			p.supersede()
			return
		}
		p.abandon() // a primary that went silent and has a successor: whoever is connecting to it comes free
	}
}

// noteWrites resolves marks: a sample of the primary covers every write that had completed when it was asked for.
func (c *Cluster) noteWrites(next *snapshot) {
	if next.primary == nil {
		return
	}
	smp := next.members[next.primary.index].sample
	if smp == nil || smp.role != RolePrimary || smp.position == 0 {
		return
	}
	if smp.timeline != next.resolved.timeline {
		// Positions of before mean nothing any more: marks are raised to the first one that is known.
		next.resolved = resolved{timeline: smp.timeline, origin: smp.position}
	}
	next.resolved = next.resolved.add(resolution{mark: smp.covers, lsn: smp.position})
}
