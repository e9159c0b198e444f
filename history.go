package pgsplit

import (
	"sort"
	"time"
)

// history is where the primary's flush position was at which time, from its samples. A replica's lag in time is read
// from it: the age of the last sample that the replica has reached. No clock but this process's own takes part.
//
// Flush positions, because insert positions run ahead of what any replica can have while a transaction sits idle.
type history struct {
	points []point
	ended  string // sample.ended of the last sample
	due    LSN    // up to where everything is that had ended by then
}

// point: at time seen the primary was asked, and answered that it had flushed up to lsn.
type point struct {
	seen time.Time
	lsn  LSN
}

// historyPoints bounds the memory; historySteps is how finely the span that matters is resolved.
const (
	historyPoints = 2048
	historySteps  = 400
)

// note takes in a sample of the primary. What is flushed while no transaction has ended is nobody's to miss: the server flushes
// whole pages of what an open transaction writes, and a replica cannot replay the record that is cut in two there.
func (h *history) note(smp *sample, step time.Duration) {
	if smp.ended != h.ended || smp.ended == "" {
		// A commit shows before it is flushed, with synchronous_commit=off.
		h.ended, h.due = smp.ended, max(h.due, smp.position)
	}
	need := h.due
	if n := len(h.points); n > 0 {
		need = max(need, h.points[n-1].lsn)
	}
	h.add(smp.asked, min(smp.flush, need), step)
}

// add notes a position. Points closer together than step are merged by keeping the later one, except for the last: what
// was dropped makes a lag look larger by at most a step, never smaller.
func (h *history) add(seen time.Time, lsn LSN, step time.Duration) {
	n := len(h.points)
	if n > 0 && lsn <= h.points[n-1].lsn {
		// Idle: who has reached this position was up to date just now. (Flush positions do not fall on one timeline.)
		h.points[n-1].seen = seen
		return
	}
	if n > 1 && h.points[n-1].seen.Sub(h.points[n-2].seen) < step {
		h.points[n-1] = point{seen, lsn}
		return
	}
	if n == historyPoints {
		h.points = append(h.points[:0], h.points[n/4:]...)
	}
	h.points = append(h.points, point{seen, lsn})
}

// behind is about how far a server was behind when it was asked. Between two points positions are taken to grow evenly.
func (h *history) behind(s *sample) time.Duration {
	i := sort.Search(len(h.points), func(i int) bool { return h.points[i].lsn > s.position })
	if i == 0 || i == len(h.points) {
		return 0
	}
	a, b := h.points[i-1], h.points[i]
	part := float64(s.position-a.lsn) / float64(b.lsn-a.lsn)
	return max(0, s.asked.Sub(a.seen.Add(time.Duration(part*float64(b.seen.Sub(a.seen))))))
}

// after is when the first sample since a time was asked for; zero: there is none.
func (h *history) after(t time.Time) time.Time {
	i := sort.Search(len(h.points), func(i int) bool { return !h.points[i].seen.Before(t) })
	if i == len(h.points) {
		return time.Time{}
	}
	return h.points[i].seen
}

// reached returns when the primary was last seen at or below a replica's position. ok is false when the replica is
// behind everything that is remembered; the time is then that of the oldest point, and the lag at least its age.
func (h *history) reached(lsn LSN) (seen time.Time, ok bool) {
	i := sort.Search(len(h.points), func(i int) bool { return h.points[i].lsn > lsn })
	if i > 0 {
		return h.points[i-1].seen, true
	}
	if len(h.points) > 0 {
		return h.points[0].seen, false
	}
	return time.Time{}, false
}
