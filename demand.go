package pgsplit

import "time"

// demand is what a read asks of a replica; the zero value asks nothing.
type demand struct {
	mark moment // to have the writes up to it; 0: none
	open bool   // and what is still under way, which only the primary has
	at   uint64 // when the last of them was completed, see marks.age; 0: never

	aged bool // that is so long ago that replicas without positions will do (stick_after_write)

	// Of a session:
	floor  floor   // to have reached that position
	seen   glance  // and what was read then: the same replica has it, others when they have reached
	bound  floor   // this, if it is known
	prefer *server // where what it needs is likely to be

	ownLag bool          // WithMaxLag: maxLag counts instead of the handle's
	maxLag time.Duration // 0: no bound
}

// within adds what the application has said in the read's context.
func (d demand) within(dir *directives) demand {
	d.ownLag, d.maxLag = dir.ownLag, dir.maxLag
	return d
}

// metBy says whether a replica has what is asked for, as it was when it was last looked at.
func (d demand) metBy(m *member) bool {
	if m.byTime() {
		return !d.open && (d.at == 0 || d.aged)
	}
	if d.open || d.mark > m.has {
		return false
	}
	if d.floor.lsn != 0 && !d.floor.reachedBy(m) {
		return false
	}
	return d.seen.srv == nil || m.srv == d.seen.srv && m.sample != nil && m.sample.position != 0 || d.bound.reachedBy(m)
}

// reachedBy says whether a server was seen there.
func (f floor) reachedBy(m *member) bool {
	return f.lsn != 0 && m.sample != nil && m.sample.position >= f.lsn && m.sample.timeline == f.timeline
}

// metOver says whether a connection leads to what metBy was asked of, as far as the sample does not tell: a replica that
// was read may have been restarted, and gone back, since.
func (d demand) metOver(b *backend, m *member) bool {
	return m.byTime() || d.seen.srv == nil || b.srv == d.seen.srv && !b.opened.After(d.seen.began) || d.bound.reachedBy(m)
}

// resolved says whether it is known which position has what is asked for.
func (d demand) resolved(s *snapshot) bool {
	return !d.open && d.mark <= s.resolved.latest() && (d.seen.srv == nil || d.bound.lsn != 0)
}

// need notes that a read went to the primary for want of a replica that has caught up. The samples that could change
// that are asked for: of the primary while a mark is not resolved, else of the replicas that are behind.
func (c *Cluster) need(now time.Time, d demand) {
	n := now.UnixNano()
	if last := c.needed.Load(); n-last > int64(100*time.Millisecond) {
		c.needed.Store(n)
	}
	switch snap := c.snap.Load(); {
	case snap.unmarked():
	case !d.resolved(snap):
		c.resolveSoon()
	default:
		raise(&c.floor, uint64(max(d.floor.lsn, d.bound.lsn)))
		c.catchUpSoon(snap)
	}
}

// catchUpSoon has the replicas looked at that lack writes whose position is known.
func (c *Cluster) catchUpSoon(snap *snapshot) {
	for _, m := range snap.replicas {
		if m.sample != nil && !m.untold() && m.sample.position < c.wanted(snap) {
			c.watch[m.srv.index].poke()
		}
	}
}

// wanted is the position that replicas are looked at for.
func (c *Cluster) wanted(snap *snapshot) LSN {
	return max(snap.resolved.newest(), LSN(c.floor.Load()))
}

// someoneNeeds says whether samples beyond the periodic ones are worth their cost.
func (c *Cluster) someoneNeeds() bool {
	return clock().UnixNano()-c.needed.Load() < int64(time.Second)
}
