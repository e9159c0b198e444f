package pgsplit

import (
	"errors"
	"time"
)

// Where a replica stands: whether it follows the primary, and how far it has come.

// judgeReplicas lists the replicas that may serve reads, with how far they have come.
func (c *Cluster) judgeReplicas(next *snapshot) {
	if next.conflict != nil {
		return // whom they follow is anybody's guess
	}
	var primary *sample
	claims := 0
	for i := range next.members {
		m := &next.members[i]
		if m.role == RolePrimary && m.healthy && (next.primary == nil || m.srv == next.primary || !same(m.sample, next.members[next.primary.index].sample)) {
			claims++
		}
	}
	if next.primary != nil {
		primary = next.members[next.primary.index].sample
	}
	for i := range next.members {
		m := &next.members[i]
		if m.aside = nil; m.role != RoleReplica || !m.healthy {
			continue
		}
		if c.world.foreign(i) {
			m.fail(errors.New("pgsplit: the server belongs to another database system than the primary"), time.Now())
			continue
		}
		if m.sample != nil {
			m.reached, m.guessed = c.world.lagBase(m.sample)
			m.behind = c.world.history.behind(m.sample)
			m.has = next.resolved.has(m.sample.position, m.sample.timeline)
			if primary != nil && !m.follows(primary, claims) {
				m.aside = errTimeline
				continue
			}
		}
		next.replicas = append(next.replicas, m)
		next.timed = next.timed || m.byTime()
	}
}

var errTimeline = errors.New("pgsplit: it is not certain that the server follows the present primary: its timeline is another one")

// lagBase is the time that a replica's lag is the age of; zero if no position is known.
func (w *world) lagBase(smp *sample) (seen time.Time, guessed bool) {
	if smp.position == 0 || len(w.history.points) == 0 {
		return time.Time{}, false
	}
	seen, ok := w.history.reached(smp.position)
	if !ok && smp.replayAge >= 0 {
		if t := smp.asked.Add(-smp.replayAge); t.Before(seen) {
			return t, true
		}
	}
	return seen, !ok
}

// follows says whether a standby can be taken to follow the primary. Where its timeline is the primary's it does. Where
// it is not (or not yet: an ordinary role learns of it with the next restartpoint) it must never have been ahead of the
// primary, and it must have moved since the primary changed or since it was first seen, with nobody else claiming to be
// the primary: a standby left on the old timeline does not move, or follows another.
func (m *member) follows(primary *sample, claims int) bool {
	s := m.sample
	if s.timeline == 0 || primary.timeline == 0 || s.timeline == primary.timeline {
		m.left, m.strayed = 0, false
		return true
	}
	if s.position > primary.position && s.asked.Before(primary.asked) {
		m.strayed = true
	}
	if m.left == 0 {
		m.left = s.position
	}
	return !m.strayed && s.position != m.left && claims <= 1
}
