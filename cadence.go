package pgsplit

import (
	"math/rand/v2"
	"time"
)

// When servers are looked at.
//
// The primary's monitor sets the beat, and the replicas' follow it: a replica's lag is the age of the last position of the
// primary that it has reached, so it is seen most exactly when the replica is asked just after it has come to one.

const (
	// pauseAfter is how long a handle may go unused before its monitors stop asking.
	pauseAfter = time.Minute

	// samplePace is the shortest time between two samples of one server while somebody waits for a position, and
	// samplePaceSlow what it grows to while the server makes no progress. retryPace is the same for servers that fail.
	samplePace     = 2 * time.Millisecond
	samplePaceSlow = 50 * time.Millisecond
	retryPace      = 50 * time.Millisecond

	// offbeat is how long after the moment at which a replica should have reached the primary's position it is asked.
	offbeat = 15 * time.Millisecond
)

// rest keeps the pace; it reports false when the handle closes meanwhile.
func (m *monitor) rest() bool {
	wait := m.pace() - time.Since(m.last)
	if wait <= 0 {
		return true
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-m.srv.cluster.life.Done():
		return false
	case <-t.C:
		return true
	}
}

// pace is the shortest time between two looks: longer while they bring nothing new.
func (m *monitor) pace() time.Duration {
	if m.fails > 0 {
		return retryPace
	}
	return min(samplePace<<min(m.short/8, 5), samplePaceSlow)
}

// pause is the time until the next periodic look. It has some jitter, so that many handles do not ask in step.
func (m *monitor) pause() time.Duration {
	c := m.srv.cluster
	if clock().UnixNano()-c.used.Load() > int64(pauseAfter) {
		return 1<<63 - 1
	}
	d := c.interval(clock())
	if m.fails > 0 {
		d = min(d, retryPace<<min(m.fails, 8)) // it may have been a hiccup: the first tries come sooner
	}
	if snap := c.snap.Load(); m.fails == 0 && snap.primary != m.srv {
		return m.turn(d, snap.primaryHealthy())
	}
	// With the time by which replicas are asked after a beat, an interval is an interval.
	least := min(offbeat, d/10)
	return d - least - rand.N(d/10-least+1)
}

// interval is the time between two looks at a server: monitor_interval, or as often as a bound of the lag needs it.
func (c *Cluster) interval(now time.Time) time.Duration {
	d := c.cfg.MonitorInterval
	for _, bound := range []time.Duration{c.cfg.MaxLag, c.tightest.now(now)} {
		if bound > 0 {
			d = min(d, max(bound/4, samplePace))
		}
	}
	return d
}

// beat tells the replicas' monitors when the primary was asked.
func (c *Cluster) beat(asked time.Time) {
	for _, m := range c.watch {
		select {
		case <-m.beats: // nobody has heard the one before
		default:
		}
		select {
		case m.beats <- asked:
		default:
		}
	}
}

// follow is how long to wait for the look that belongs to a beat; ok is false if the beat is of no interest: the replica is known
// to have reached one that was hardly earlier. (While somebody waits for a position the primary is asked far more often.)
func (m *monitor) follow(asked time.Time) (wait time.Duration, ok bool) {
	c := m.srv.cluster
	if m.timed || m.fails > 0 || c.snap.Load().primary == m.srv {
		return 0, false
	}
	d := c.interval(clock())
	next := asked.Add(m.behind + offbeat)
	switch {
	case m.reached.IsZero() && next.Sub(m.last) < d/2, asked.Sub(m.reached) < sparse(d), next.Sub(m.last) > d+grace(d):
		return 0, false
	}
	m.timed = true
	return time.Until(next), true
}

// turn is how long a replica's monitor waits for its next look: until the replica should have reached the first beat after the
// one that it is known to have reached. When that beat is still to come, follow hears of it.
func (m *monitor) turn(d time.Duration, beating bool) time.Duration {
	if m.stands || m.reached.IsZero() {
		return d
	}
	c := m.srv.cluster
	c.mu.Lock()
	beat := c.world.history.after(m.reached.Add(sparse(d)))
	c.mu.Unlock()
	next := beat.Add(m.behind + offbeat)
	if soonest := m.last.Add(d / 10); m.missed && next.Before(soonest) {
		next = soonest
	}
	switch {
	case !beat.IsZero() && next.Sub(m.last) <= d+grace(d):
		m.timed = true
		return time.Until(next)
	case beat.IsZero() && beating:
		return d + grace(d)
	}
	return d
}

// sparse is how far apart the beats are at least that a replica follows; grace is how long it waits for one that is late, rather
// than look just before it and see less than there is.
func sparse(d time.Duration) time.Duration { return d * 4 / 5 }
func grace(d time.Duration) time.Duration  { return d / 4 }
