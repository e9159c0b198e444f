package pgsplit

import "time"

// Stats is what a cluster has done and looks like, at one time.
type Stats struct {
	Servers  []ServerStats // in the order of the configuration
	Refusals []Refusal     // what replicas are known to refuse, the latest first
}

// ServerStats is one server's part of Stats.
type ServerStats struct {
	ServerInfo

	Healthy bool          // it answers, as far as is known
	Err     error         // why it is not healthy
	Lag     time.Duration // how far a replica is behind; valid if LagKnown
	// LagKnown is false for the primary, and for servers that do not tell positions or were not sampled yet.
	LagKnown bool

	Routed   map[Reason]int64 // statements sent to it since the handle was opened, by reason; reasons without any are left out
	Healed   int64            // errors of this server that did not reach the application
	InFlight int              // checkouts that hold one of its connections
	Open     int              // connections open, without the monitor's
	Idle     int              // of those, nobody's now
	Pinned   int              // of those, tied to one driver connection by session state

	// PinnedBy is how many of its connections carry which session state; one with several kinds counts under each of them.
	// Kinds without any are left out.
	PinnedBy map[PinReason]int
}

// Total returns how many statements were sent to the server.
func (s ServerStats) Total() int64 {
	var n int64
	for _, v := range s.Routed {
		n += v
	}
	return n
}

// Stats returns counters and the present state. It contacts no server.
func (c *Cluster) Stats() Stats {
	snap, now := c.snap.Load(), time.Now()
	stats := Stats{Servers: make([]ServerStats, len(c.servers)), Refusals: c.refusals.list(now)}
	for i, s := range c.servers {
		m := &snap.members[i]
		out := &stats.Servers[i]
		out.ServerInfo = ServerInfo{Name: s.name, Role: m.role}
		out.Healthy, out.Err = m.healthy, m.err
		if m.role == RoleReplica {
			out.Lag, out.LagKnown = snap.lag(m, now)
		}
		out.Routed = make(map[Reason]int64)
		for r := range s.counts {
			if n := s.counts[r].Load(); n > 0 {
				out.Routed[Reason(r)] = n
			}
		}
		out.Healed, out.InFlight = s.healed.Load(), int(s.inflight.Load())
		s.mu.Lock()
		out.Open, out.Idle = len(s.open), len(s.idle)
		s.mu.Unlock()
		out.Pinned = int(s.pinned.Load())
		out.PinnedBy = make(map[PinReason]int)
		for r := range s.pinnedBy {
			if n := s.pinnedBy[r].Load(); n > 0 {
				out.PinnedBy[PinReason(r)] = int(n)
			}
		}
	}
	return stats
}
