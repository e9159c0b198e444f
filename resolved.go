package pgsplit

import (
	"slices"
	"sort"
)

// resolved says which position has which marks. It is immutable: add returns another one that may share the memory.
type resolved struct {
	timeline uint32
	origin   LSN          // the first position of the timeline that is known
	points   []resolution // in the order of time
}

// resolution says that whoever is at lsn or further on the timeline has the writes up to mark.
type resolution struct {
	mark moment
	lsn  LSN
}

// resolvedPoints bounds the memory. Marks that are older than what is remembered are taken to be as late as the first that
// is, which asks for more than needed, not for less.
const resolvedPoints = 1024

// latest is the mark up to which positions are known.
func (r *resolved) latest() moment {
	if len(r.points) == 0 {
		return 0
	}
	return r.points[len(r.points)-1].mark
}

// position is where all writes up to a mark are; ok is false while that is not known.
func (r *resolved) position(mark moment) (at LSN, ok bool) {
	if mark == 0 {
		return 0, true
	}
	i := sort.Search(len(r.points), func(i int) bool { return r.points[i].mark >= mark })
	if i == len(r.points) {
		return 0, false
	}
	return r.points[i].lsn, true
}

// raised is what a floor means now. Positions of an earlier timeline mean nothing any more: what they stood for is at or
// below the first position of this one, or lost.
func (r *resolved) raised(f floor) floor {
	if f.lsn != 0 && f.timeline < r.timeline {
		return floor{r.timeline, r.origin}
	}
	return f
}

// newest is the latest position that is known.
func (r *resolved) newest() LSN {
	if len(r.points) == 0 {
		return 0
	}
	return r.points[len(r.points)-1].lsn
}

// add notes a sample of the primary.
func (r resolved) add(p resolution) resolved {
	n := len(r.points)
	if p.mark <= r.latest() {
		return r
	}
	if n > 0 && p.lsn < r.points[n-1].lsn {
		// What a crash has taken from the end of the WAL is gone: who is here has all that is left.
		n = sort.Search(n, func(i int) bool { return r.points[i].lsn > p.lsn })
		r.points = slices.Clone(r.points[:n])
	}
	if n >= resolvedPoints {
		// Of each two in the older half the later one stays. Older snapshots go on to use the memory.
		points := make([]resolution, 0, resolvedPoints)
		for i := 1; i < n/2; i += 2 {
			points = append(points, r.points[i])
		}
		r.points = append(points, r.points[n/2:]...)
	}
	r.points = append(r.points, p)
	return r
}

// has is the mark up to which a server has all writes that is at lsn on a timeline. Positions of another timeline, or of one
// that is not known, mean nothing.
func (r *resolved) has(lsn LSN, timeline uint32) moment {
	if timeline != r.timeline || timeline == 0 || lsn == 0 {
		return 0
	}
	i := sort.Search(len(r.points), func(i int) bool { return r.points[i].lsn > lsn })
	if i == 0 {
		return 0
	}
	return r.points[i-1].mark
}
