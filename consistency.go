package pgsplit

import "sync/atomic"

// writes counts the writes of a handle for read_your_writes, and knows up to which of them positions are known.
//
// A write leaves a mark when its answer is complete: the count goes up. A sample of the primary that is asked for after
// that has a position that covers it. So two numbers do for the whole handle: how many writes have completed, and
// for how many the position is known (in the snapshot, see resolution). Marks are never cleared because one replica has
// passed them; each read compares.
type writes struct {
	completed atomic.Uint64

	// open counts writes whose end nobody has seen yet although the application may have seen some of it: rows of an
	// INSERT … RETURNING that are still being read, a connection handed out through sql.Conn.Raw. While there is one,
	// no position covers it.
	open atomic.Int64
}

// begin notes that something which the application may act upon is under way.
func (w *writes) begin() { w.open.Add(1) }

// complete leaves a mark: whatever reads from now on has to see the write.
func (w *writes) complete() { w.completed.Add(1) }

// end is the counterpart of begin. The mark comes first, so that there is no moment without either.
func (w *writes) end(wrote bool) {
	if wrote {
		w.completed.Add(1)
	}
	w.open.Add(-1)
}

// resolution says up to which write the position is known: a replica at lsn or further on timeline has the first count
// writes of this handle.
type resolution struct {
	count    uint64
	lsn      LSN
	timeline uint32
}

// demand is what a read asks of a replica; the zero value asks nothing.
type demand struct {
	position   bool // a mark concerns the read
	unresolved bool // and no position is known for it yet: only the primary will do
	lsn        LSN
	timeline   uint32
}

// demand returns what the handle's completed writes ask of a read that starts now.
//
// The order matters: open is read first. A write that ends in between has counted before it stopped being open.
func (w *writes) demand(r *resolution) demand {
	open := w.open.Load() > 0
	n := w.completed.Load()
	switch {
	case open || n > r.count:
		return demand{position: true, unresolved: true}
	case n == 0:
		return demand{}
	default:
		return demand{position: true, lsn: r.lsn, timeline: r.timeline}
	}
}

// metBy says whether a server that was at s has what is asked for. A server whose timeline is not known to be the
// primary's is met by nothing: numbers of another timeline mean nothing.
func (d demand) metBy(s *sample) bool {
	if !d.position {
		return true
	}
	return !d.unresolved && s.position != 0 && s.timeline == d.timeline && s.position >= d.lsn
}
