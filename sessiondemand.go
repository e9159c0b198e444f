package pgsplit

// What a session asks of the replica that serves a read of it.

// demand is what the session asks of the replica that serves a read of it now: for what was done with this handle, and what it has
// written with others of the same database system. What it has read on their replicas counts as far as it has a position: to wait
// for one would keep each read after one through another handle on the primary.
func (p *sessionPart) demand(snap *snapshot) demand {
	if p.alone() {
		return p.own(snap)
	}
	p.inherit()
	d := p.own(snap)
	system := p.cluster.systemIdentifier()
	for q := range p.others {
		switch {
		case q.inherited.Load():
		case snap.unmarked():
			if q.cluster.is(system) || system == 0 || q.cluster.systemIdentifier() == 0 {
				open, _ := q.pending()
				d.open, d.at = d.open || open, max(d.at, q.wroteAt())
			}
		case q.cluster.is(system):
			f, ok := q.stands(q.cluster.snap.Load())
			if !ok {
				q.cluster.needed.Store(clock().UnixNano())
				q.cluster.resolveSoon()
			}
			d.floor, d.open = d.floor.or(snap.resolved.raised(f)), d.open || !ok
		}
	}
	return d
}

// inherit has this handle stand for those on its system that are closed: what was written with them gets no position there any more.
func (p *sessionPart) inherit() {
	for q := range p.others {
		if q.cluster.life.Err() != nil && !q.inherited.Load() && q.cluster.is(p.cluster.systemIdentifier()) {
			p.sees()
			p.ages()
			q.inherited.Store(true)
		}
	}
}

// alone says that there are no others, which are what the session has done with handles besides this one. One with a single server
// does not know.
func (p *sessionPart) alone() bool { return p.session.parts.Load() == p && p.next == nil }

func (p *sessionPart) others(yield func(*sessionPart) bool) {
	for q := p.session.parts.Load(); q != nil; q = q.next {
		if q != p && len(q.cluster.servers) > 1 && !yield(q) {
			return
		}
	}
}

// own is what it asks for what was done with this handle.
func (p *sessionPart) own(snap *snapshot) demand {
	open, mark := p.pending()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.settle(snap)
	return demand{
		mark: mark, open: open, floor: snap.resolved.raised(p.floor),
		seen: p.seen, bound: p.bound, prefer: p.last, at: p.wroteAt(),
	}
}

// pending is what was written with the handle: what is still under way, and the mark of what is complete.
func (p *sessionPart) pending() (open bool, mark moment) {
	m := p.cluster.marks
	open = p.open.Load() > 0 || m.rawOpen.Load() > 0 // first, as in marks.all
	return open, moment(max(p.written.Load(), m.raw.Load()))
}

// wroteAt is when it last wrote, see marks.age.
func (p *sessionPart) wroteAt() uint64 { return max(p.at.Load(), p.cluster.marks.rawAt.Load()) }

// stands is the position of all that the session has written with the handle; ok is false while that is not known.
func (p *sessionPart) stands(snap *snapshot) (f floor, ok bool) {
	open, mark := p.pending()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.settle(snap)
	at, ok := snap.resolved.position(mark)
	f = snap.resolved.raised(p.floor).or(floor{snap.resolved.timeline, at})
	return f.or(snap.resolved.raised(p.bound)), ok && !open
}
