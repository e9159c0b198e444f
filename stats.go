package pgsplit

import (
	"encoding/json"
	"time"
)

// Stats is what a cluster has done and looks like, at one time.
type Stats struct {
	Servers  []ServerStats // in the order of the configuration
	Refusals []Refusal     // what replicas are known to refuse, the latest first
	Fallback FallbackStats // reads that the primary carries for lost replicas
}

// ServerStats is one server's part of Stats.
type ServerStats struct {
	ServerInfo

	InUse    bool      // it is the primary that writes go to: of two that claim the role, only one is
	Timeline uint32    // 0: unknown; a standby's may be late for a role without pg_monitor
	Sampled  time.Time // when it was asked last and answered; zero: never. A handle that is not used does not ask

	Healthy  bool      // it answers, as far as is known
	Err      error     // why it is not healthy
	OutSince time.Time // since when it has not been; zero while it is

	// Lag and LagBytes are how far a replica is behind, in time and in WAL. They are valid if LagKnown, which is false for
	// the primary, and for servers that do not tell positions or were not sampled yet.
	Lag      time.Duration
	LagBytes int64
	LagKnown bool

	// Connections is how many clients the server had, of everybody and including this handle's, and MaxConnections how many
	// it takes, when Health asked last, at Surveyed (zero: never). 0: the server does not tell.
	Connections    int
	MaxConnections int
	Surveyed       time.Time

	// Routed counts the statements sent to it since the handle was opened, by reason; reasons without any are left out. Where there
	// is but one server, a statement may be counted only when its connection is given back or used again: with a *sql.DB, when its
	// rows have been closed.
	Routed map[Reason]int64
	Healed int64 // errors of this server that did not reach the application
	// Errors counts by class what went wrong with this server for statements, healed or not, and connections of theirs.
	// What is wrong with the statements themselves is no part of it, nor are the monitor's own failures (see OutSince).
	Errors   map[ErrorClass]int64
	InFlight int   // checkouts that hold one of its connections
	Open     int   // connections open, without the monitor's
	Idle     int   // of those, nobody's now
	Waiting  int   // checkouts that wait for one of them to come free (max_conns_per_server)
	Opened   int64 // connections opened since the handle was
	Pinned   int   // of those, tied to one driver connection by session state

	// PinnedBy is how many of its connections carry which session state; one with several kinds counts under each of them.
	// Kinds without any are left out.
	PinnedBy map[PinReason]int
}

// MarshalJSON gives the fields, Err as its text: errors of pgx cannot be encoded, and hold the whole configuration.
func (s ServerStats) MarshalJSON() ([]byte, error) {
	type fields ServerStats
	out := struct {
		fields
		Err string `json:",omitempty"`
	}{fields: fields(s)}
	if s.Err != nil {
		out.Err = s.Err.Error()
	}
	return json.Marshal(out)
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
	stats := Stats{Servers: make([]ServerStats, len(c.servers)), Refusals: c.refusals.list(now), Fallback: c.fallback.stats()}
	for i, s := range c.servers {
		m := &snap.members[i]
		out := &stats.Servers[i]
		out.ServerInfo = ServerInfo{Name: s.name, Role: m.role}
		out.Healthy, out.Err, out.OutSince = m.healthy, m.err, m.out
		out.InUse = snap.primary == s
		if m.sample != nil {
			out.Timeline, out.Sampled = m.sample.timeline, m.sample.answered
		}
		if m.role == RoleReplica {
			out.Lag, out.LagKnown = snap.lag(m, now)
			out.LagBytes = snap.lagBytes(m)
		}
		if v := s.surveyed.Load(); v != nil {
			out.Connections, out.MaxConnections, out.Surveyed = v.connections, v.maxConnections, v.asked
		}
		out.Routed = make(map[Reason]int64)
		for r, n := range s.routed() {
			if n > 0 {
				out.Routed[Reason(r)] = n
			}
		}
		out.Errors = make(map[ErrorClass]int64)
		for class := range s.errors {
			if n := s.errors[class].Load(); n > 0 {
				out.Errors[ErrorClass(class)] = n
			}
		}
		out.Healed = s.healed.Load()
		s.mu.Lock()
		resting := s.resting()
		out.Open, out.Idle, out.Waiting = s.size, len(s.idle)+resting, len(s.waiting)
		out.InFlight = s.busy() - resting + len(s.waiting)
		s.mu.Unlock()
		out.Opened = s.connects.Load()
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

// Servers returns the servers' part of Stats: what is known of each, and what was sent to it. It contacts none.
func (c *Cluster) Servers() []ServerStats { return c.Stats().Servers }

// lagBytes is how much WAL the primary has flushed that a replica has not replayed, as of the latest sample of each.
func (s *snapshot) lagBytes(m *member) int64 {
	if s.primary == nil || m.sample == nil || m.sample.position == 0 {
		return 0
	}
	p := s.members[s.primary.index].sample
	if p == nil || p.flush <= m.sample.position {
		return 0
	}
	return int64(p.flush - m.sample.position)
}

// routed is how many statements were sent to the server, by reason. Each connection counts its own, since a counter that
// all of them share would cost each statement more than the counting.
func (s *server) routed() (n [reasonCount]int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n = s.counts
	for b := range s.open {
		b.addTo(&n)
	}
	return n
}

func (b *backend) addTo(n *[reasonCount]int64) {
	for r := range n {
		n[r] += b.counts[r].Load()
	}
	tally := b.tally.Load()
	n[ReasonExec] += execsOf(tally)
	n[ReasonNoReplica] += queriesOf(tally)
}

// went counts an error that tells of trouble with the server.
func (s *server) went(err error) { s.errors[classOf(err)].Add(1) }
