package pgsplit

// What a session asks of the replica that serves a read of it.

// demand is what the session asks of the replica that serves a read of it now.
func (p *sessionPart) demand(snap *snapshot) demand {
	if p.session.parts.Load() == p && p.next == nil { // there is no other handle
		return p.own(snap)
	}
	open := p.inherit(snap)
	d := p.own(snap)
	d.open = d.open || open
	return d
}

// inherit has this handle stand for what the session has written with others: as it was by now, since positions, and when they are
// known, are each handle's own, and a handle may be closed, or tell none. open says that something is under way there.
//
// What the session has read there does not count: each read after one through another handle would go to the primary.
func (p *sessionPart) inherit(snap *snapshot) (open bool) {
	for q := p.session.parts.Load(); q != nil; q = q.next {
		its := q.cluster.systemIdentifier()
		if q == p || its != snap.system && its != 0 && snap.system != 0 {
			continue
		}
		open = open || q.open.Load() > 0
		if at := q.wrote.Load(); at != 0 {
			p.standFor(q, at)
		}
	}
	return open
}

// standFor has this handle stand for what was written with another one up to a time.
func (p *sessionPart) standFor(q *sessionPart, at uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.inherited[q] >= at {
		return
	}
	p.sees()
	raise(&p.at, at)
	if p.inherited == nil {
		p.inherited = make(map[*sessionPart]uint64)
	}
	p.inherited[q] = at
}

// own is what it asks for what was done with this handle.
func (p *sessionPart) own(snap *snapshot) demand {
	open, mark := p.pending()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.settle(snap)
	return demand{
		mark: mark, open: open, floor: snap.resolved.raised(p.floor),
		seen: p.seen, bound: p.bound, prefer: p.last, at: max(p.at.Load(), p.cluster.marks.rawAt.Load()),
	}
}

// pending is what was written with the handle: what is still under way, and the mark of what is complete.
func (p *sessionPart) pending() (open bool, mark moment) {
	m := p.cluster.marks
	open = p.open.Load() > 0 || m.rawOpen.Load() > 0 // first, as in marks.all
	return open, moment(max(p.written.Load(), m.raw.Load()))
}
