package pgsplit

import (
	"math/rand/v2"
	"time"
)

// Who may serve a read: a replica that answers, follows the primary, is not too far behind and has what the read must see.

// pick returns a replica that may serve a read now, or nil and the reason why there is none. prefer is taken when it is
// fit; tried are those that have failed this read. buffer is reused between calls.
func (c *Cluster) pick(snap *snapshot, now time.Time, d demand, prefer *server, tried uint64, buffer *[]Candidate) (*server, Reason) {
	if len(c.servers) == 1 {
		return nil, ReasonNoReplica
	}
	candidates := (*buffer)[:0]
	reason := ReasonNoHealthyReplica
	if tried != 0 {
		reason = ReasonReplicaFailed
	}
	var freshest, spare, warming *member
	warmth := 1.0
	for _, m := range snap.replicas {
		if tried&(1<<m.srv.index) != 0 {
			continue
		}
		if !d.metBy(m) {
			reason = ReasonNotCaughtUp
			continue
		}
		if !c.within(snap, m, now, d) {
			if reason != ReasonNotCaughtUp {
				reason = ReasonLag
			}
			if freshest == nil || m.sample != nil && freshest.sample != nil && m.sample.position > freshest.sample.position {
				freshest = m
			}
			continue
		}
		if m.srv == prefer {
			return m.srv, ReasonReplica
		}
		if m.srv.weight == 0 {
			if spare == nil || m.srv.inflight.Load() < spare.srv.inflight.Load() {
				spare = m
			}
			continue
		}
		w := m.warmth(now, c.cfg.Warmup)
		if w < 1 && rand.Float64() >= w { // by and by it takes part in more of the decisions
			if w > warmth || warming == nil {
				warming, warmth = m, w
			}
			continue
		}
		candidates = append(candidates, Candidate{
			Server: ServerInfo{Name: m.srv.name, Role: m.role}, InFlight: int(m.srv.inflight.Load()),
			Weight: m.srv.weight * w, Latency: m.srv.expected(now), srv: m.srv,
		})
	}
	*buffer = candidates
	switch len(candidates) {
	case 0:
		switch {
		case warming != nil:
			return warming.srv, ReasonReplica
		case spare != nil:
			return spare.srv, ReasonReplica
		case freshest != nil && c.stale(snap, d):
			return freshest.srv, ReasonReplica
		}
		return nil, reason
	case 1:
		return candidates[0].srv, ReasonReplica
	}
	i := c.balancer.Pick(candidates)
	if i < 0 || i >= len(candidates) {
		i = 0
	}
	return candidates[i].srv, ReasonReplica
}

// stale says whether a read may go to a replica that is further behind than max_lag since no other is fit: where the
// application wants that, and while there is no primary that answers, when an old answer is better than none. A bound of the
// read's own is kept.
func (c *Cluster) stale(snap *snapshot, d demand) bool {
	if d.ownLag {
		return false
	}
	return c.cfg.WhenStale == StaleFreshest || c.cfg.WhenStale == StalePrimary && !snap.primaryHealthy()
}

// within says whether a replica's lag is within what a read takes: its own bound, else max_lag. Servers that tell no positions are
// within max_lag for as long as they can be reached, but not within a bound that somebody has asked for.
func (c *Cluster) within(snap *snapshot, m *member, now time.Time, d demand) bool {
	bound := c.cfg.MaxLag
	if d.ownLag {
		bound = d.maxLag
	}
	if bound == 0 {
		return true
	}
	lag, known := snap.lag(m, now)
	if d.ownLag {
		return known && lag <= bound
	}
	return known && lag <= bound || !known && snap.blindTo(m)
}

// blindTo says whether a replica's lag cannot be known: it, or the primary, does not tell its position. It may be that
// it is only not known yet.
func (s *snapshot) blindTo(m *member) bool {
	if m.static || m.sample == nil || m.sample.position == 0 {
		return true
	}
	if s.primary == nil {
		return false
	}
	p := s.members[s.primary.index].sample
	return p != nil && p.role == RolePrimary && p.flush == 0
}

// coldest is the share that a replica begins with when it comes back.
const coldest = 0.02

// warmth is which part of its weight a replica has got back since it was out of reach.
func (m *member) warmth(now time.Time, warmup time.Duration) float64 {
	if m.back.IsZero() || warmup <= 0 {
		return 1
	}
	return min(max(float64(now.Sub(m.back))/float64(warmup), coldest), 1)
}
