package pgsplit

import (
	"hash/maphash"
	"sync/atomic"
	"time"
)

// moment is a time on a handle's own clock, which counts what happens. A mark is the moment of a write whose answer is
// complete; a sample of the primary that is asked for at a moment covers every mark up to it.
type moment uint64

// marks are the writes of a handle, as far as read_your_writes needs them: not each, but the last one, and the last one to
// each relation. They are never cleared because a replica has passed them; each read compares.
//
// Memory is bounded: relations share places by a hash of their names, and what shares a place with a later write waits for
// that one, too. Nothing here takes a lock.
type marks struct {
	clock atomic.Uint64 // the latest moment
	last  atomic.Uint64 // of the last write, whatever it wrote to
	at    atomic.Uint64 // when that was, see age

	// open counts writes whose end nobody has seen yet although the application may have seen some of it: rows of an
	// INSERT … RETURNING that are still being read, a connection handed out through sql.Conn.Raw. While there is one, no
	// position covers it.
	open atomic.Int64

	// Of what was done through sql.Conn.Raw, which has no context and so no session: it concerns every session.
	raw     atomic.Uint64
	rawOpen atomic.Int64
	rawAt   atomic.Uint64

	// What follows is for read_your_writes=on only.
	places   *[markPlaces]place // by relation; nil in the other modes
	seed     maphash.Seed
	anything place         // of writes that may have changed any relation
	recasts  atomic.Int64  // the catalog is being replaced, and with it what relations are called
	opaque   atomic.Uint64 // of the last write that may have changed definitions without saying so
	guessed  atomic.Uint64 // of the last write that the catalog told of while it was in doubt, see Cluster.leave
	doubted  atomic.Uint64 // of the last that was opaque, or told of by a catalog that may have been wrong
	verified atomic.Uint64 // up to which moment the catalog, as it was read, is known to be the server's
}

// place is where the marks of some relations are.
type place struct {
	last atomic.Uint64
	at   atomic.Uint64
	open atomic.Int32
}

// markPlaces makes it unlikely that a table which is written all the time shares its place with one that is read.
const markPlaces = 4096

func newMarks(byRelation bool) *marks {
	m := &marks{}
	if byRelation {
		m.places, m.seed = new([markPlaces]place), maphash.MakeSeed()
	}
	return m
}

// age is the time by which stick_after_write is measured, the same for all handles; 0 is before anything that has happened.
func (m *marks) age() time.Duration { return time.Duration(ticks()) }

func (m *marks) now() moment { return moment(m.clock.Load()) }

func (m *marks) placeOf(relation string) uint16 {
	return uint16(maphash.String(m.seed, relation) % markPlaces)
}

// begin notes that something which the application may act upon is under way.
func (m *marks) begin(t *touched) {
	m.open.Add(1)
	m.each(t, func(p *place) { p.open.Add(1) })
	for _, s := range t.sessions {
		s.open.Add(1)
	}
}

// end is the counterpart of begin, with the same argument. If the write was kept its mark has been left before, so that
// there is no moment without either.
func (m *marks) end(t *touched) {
	m.each(t, func(p *place) { p.open.Add(-1) })
	m.open.Add(-1)
	for _, s := range t.sessions {
		s.open.Add(-1)
	}
}

// leave leaves a mark: whatever reads from now on has to see the write.
func (m *marks) leave(t *touched) moment {
	n := m.clock.Add(1)
	raise(&m.last, n)
	at := uint64(m.age())
	raise(&m.at, at)
	m.each(t, func(p *place) {
		raise(&p.last, n)
		raise(&p.at, at)
	})
	if t.opaque {
		raise(&m.opaque, n)
		raise(&m.doubted, n)
	}
	for _, s := range t.sessions {
		raise(&s.written, n)
		raise(&s.at, at)
		raise(&s.wrote, at)
	}
	return moment(n)
}

func (m *marks) each(t *touched, f func(*place)) {
	switch {
	case m.places == nil:
	case t.any:
		f(&m.anything)
	default:
		for _, i := range t.places {
			f(&m.places[i])
		}
	}
}

// recast replaces the catalog. What was written before counts for every relation from then on: names may mean others. What was
// guessed by the old catalog may have changed definitions.
func (m *marks) recast(replace func()) {
	m.recasts.Add(1)
	replace()
	raise(&m.doubted, m.guessed.Load())
	raise(&m.anything.last, m.last.Load())
	raise(&m.anything.at, m.at.Load())
	m.recasts.Add(-1)
}

// all is what a read asks for that concerns every write completed so far.
//
// Here and below the order matters: open is read first. A write that ends in between has left its mark before it stopped
// being open.
func (m *marks) all() demand {
	open := m.open.Load() > 0
	return demand{mark: moment(m.last.Load()), open: open, at: m.at.Load()}
}

// of is what a read of some relations asks for, which the catalog has called by these names. Should the catalog have been
// replaced since, that shows.
func (m *marks) of(relations []string) demand {
	if m.recasts.Load() > 0 {
		return m.all()
	}
	d := m.anything.demand()
	for _, name := range relations {
		p := m.places[m.placeOf(name)].demand()
		d.open = d.open || p.open
		d.mark, d.at = max(d.mark, p.mark), max(d.at, p.at)
	}
	return d
}

func (p *place) demand() demand {
	open := p.open.Load() > 0
	return demand{mark: moment(p.last.Load()), open: open, at: p.at.Load()}
}

func raise(v *atomic.Uint64, to uint64) {
	for {
		old := v.Load()
		if old >= to || v.CompareAndSwap(old, to) {
			return
		}
	}
}

// unresolved says whether there are marks whose position is not known.
func (m *marks) unresolved(s *snapshot) bool { return m.now() > s.resolved.latest() }
