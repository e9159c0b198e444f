package pgsplit

import (
	"errors"
	"fmt"
	"time"
)

// electPrimary decides who the primary is. The higher timeline wins, and the highest ever seen is remembered: an old
// primary that comes back gets nothing, even alone. Of two on one timeline the one in use stays.
func (c *Cluster) electPrimary(old, next *snapshot) {
	w := &c.world
	var best *member
	var rival *member
	start := !c.patient.Load()
	if start && c.strangers(next) {
		return
	}
	next.known = true
	for i := range next.members {
		m := &next.members[i]
		next.known = next.known && m.known
		if m.role == RoleReplica {
			w.rivals &^= 1 << i
		}
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
		// A standby that is promoted begins a new timeline. One that is a primary now, and on the timeline of the one in use, has
		// never followed that: it has left an older timeline, beside it.
		if p := next.primary; p != nil && m.srv != p && !start && !m.static && old.members[i].role == RoleReplica &&
			m.sample.timeline != 0 && m.sample.timeline == w.timeline {
			w.rivals |= 1 << i
		}
		switch {
		case best == nil:
			best = m
		case best.better(m):
			best, rival = m, nil
		case m.better(best):
		case same(m.sample, best.sample):
			// The one named first stands for both.
		case m.srv == next.primary && !start:
			w.rivals |= 1 << best.srv.index
			best, rival = m, nil
		case best.srv == next.primary && !start:
			w.rivals |= 1 << i
		default:
			rival = m
		}
		if m.srv == next.primary {
			w.rivals &^= 1 << i
		}
	}
	if best != nil && w.rivals&(1<<best.srv.index) != 0 && next.primary != nil && best.srv != next.primary &&
		next.members[next.primary.index].role == RolePrimary && !next.members[next.primary.index].better(best) {
		best = nil // of two primaries the one in use stays, even while it does not answer: writes must not alternate
	}
	switch {
	case best == nil:
		// A primary that just does not answer stays the one to wait for; one that says it is a standby does not.
		if next.primary != nil && next.members[next.primary.index].role == RoleReplica {
			next.primary = nil
		}
	case rival != nil:
		next.primary, next.seenPrimary = nil, next.seenPrimary && !start
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

// strangers looks, as long as the handle has not begun to work, for primaries of different database systems. Which of them
// answers first is chance, so none gets a statement: the DSN is wrong, and one of them is a database that nobody meant.
func (c *Cluster) strangers(next *snapshot) bool {
	w := &c.world
	var one *member
	for i := range next.members {
		m := &next.members[i]
		if m.role != RolePrimary || !m.healthy || m.static || w.ids[i].system == "" {
			continue
		}
		if one == nil {
			one = m
		}
		if w.ids[one.srv.index].system == w.ids[i].system {
			continue
		}
		next.primary, next.seenPrimary = nil, false
		next.conflict = fmt.Errorf("pgsplit: %s and %s are primaries of different database systems; the DSN must name the servers of one",
			one.srv.name, m.srv.name)
		w.system, w.timeline, w.history, w.rivals = "", 0, history{}, 0
		next.known = true
		for j := range next.members {
			next.known = next.known && next.members[j].known
		}
		next.settled = next.known
		return true
	}
	return false
}

// better says whether other is the better primary: of a higher timeline, since what is written to the lower one is lost; on
// the same timeline, not fenced where this one is.
func (m *member) better(other *member) bool {
	if m.static || other.static {
		return false
	}
	if a, b := m.sample.timeline, other.sample.timeline; a != b && a != 0 && b != 0 {
		return b > a
	}
	return m.sample.readOnly && !other.sample.readOnly
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
		next.resolved = resolved{}
		c.floor.Store(0)
		for i := range next.members {
			if o := &next.members[i]; o.sample != nil {
				o.left = o.sample.position
			}
		}
	}
	if smp.flush != 0 {
		w.history.note(smp, max(c.cfg.MaxLag/historySteps, time.Millisecond))
	}
}
