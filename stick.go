package pgsplit

import (
	"slices"
	"time"
)

// stick_after_write: servers without positions are used by time.

// untold says whether nobody can tell which position a server has: it is no PostgreSQL that streams WAL, or several servers
// behind one name. It differs from one whose position is just not known.
func (m *member) untold() bool {
	return m.static || m.sample != nil && m.sample.untold
}

// byTime says whether a server is used by time. Several behind one name are not: any of them may stand still, which nothing tells.
func (m *member) byTime() bool { return m.untold() && (m.static || !m.sample.mixed) }

// unmarked says whether the primary is untold, so that no mark gets a position.
func (s *snapshot) unmarked() bool { return s.primary != nil && s.members[s.primary.index].untold() }

// hasPositions says whether positions of the primary and of some replica can be had, so that it makes sense to wait for one.
func (s *snapshot) hasPositions() bool {
	return !s.unmarked() && slices.ContainsFunc(s.replicas, func(m *member) bool { return !m.untold() })
}

// ages adds whether what is asked for is so long ago that servers without positions will do, where there are such.
func (c *Cluster) ages(d demand, snap *snapshot) demand {
	if stick := c.cfg.StickAfterWrite; snap.timed && d.at != 0 && stick > 0 {
		d.aged = c.marks.age() >= time.Duration(d.at)+stick
	}
	return d
}
