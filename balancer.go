package pgsplit

import (
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// candidate is a replica that may serve a read, as a balancer sees it.
type candidate struct {
	srv      *server
	inFlight int64         // how many of the handle's checkouts use it now
	latency  time.Duration // decaying average of the time to the first row; 0: none measured yet
}

// balancer picks one of the replicas that are fit for a read. pick is called for each read, from many goroutines at
// once, with at least one candidate, and returns an index into candidates (one out of range counts as 0). It must
// neither keep nor change the slice: it is reused.
type balancer interface {
	pick(candidates []candidate) int
}

func newBalancer(name string) balancer {
	switch name {
	case BalancerRoundRobin:
		return new(roundRobin)
	case BalancerRandom:
		return random{}
	case BalancerLatency:
		return fastest{}
	default:
		return leastBusy{}
	}
}

// leastBusy picks the replica with the fewest checkouts, one of them at random where several have as few.
type leastBusy struct{}

func (leastBusy) pick(candidates []candidate) int {
	best, ties := 0, 1
	for i := 1; i < len(candidates); i++ {
		switch d := candidates[i].inFlight - candidates[best].inFlight; {
		case d < 0:
			best, ties = i, 1
		case d == 0:
			ties++
			if rand.IntN(ties) == 0 {
				best = i
			}
		}
	}
	return best
}

// roundRobin takes turns. The counter is unsigned and may wrap.
type roundRobin struct{ turn atomic.Uint32 }

func (r *roundRobin) pick(candidates []candidate) int {
	return int(r.turn.Add(1) % uint32(len(candidates)))
}

// random picks any.
type random struct{}

func (random) pick(candidates []candidate) int { return rand.IntN(len(candidates)) }

// fastest compares two candidates at random and takes the one that promises the earlier answer: its latency times the
// work that it already has. A slow replica gets less, but is tried again and again; one without a measurement is tried.
type fastest struct{}

func (fastest) pick(candidates []candidate) int {
	n := len(candidates)
	if n == 1 {
		return 0
	}
	a := rand.IntN(n)
	b := rand.IntN(n - 1)
	if b >= a {
		b++
	}
	if candidates[b].cost() < candidates[a].cost() {
		return b
	}
	return a
}

func (c candidate) cost() float64 { return float64(c.latency) * float64(c.inFlight+1) }

const (
	// latencyShare is the weight of a new measurement in the decaying average.
	latencyShare = 0.1
	// latencyHalves is the time in which a measurement loses half of its weight: a replica that was slow is tried again.
	latencyHalves = time.Second
)

// measured takes in how long a read waited for its first row.
func (s *server) measured(d time.Duration, now time.Time) {
	age := now.UnixNano() - s.timed.Swap(now.UnixNano())
	old := s.latency.Load()
	if old == 0 || age > int64(latencyHalves) {
		s.latency.Store(int64(d)) // what was long ago says nothing
		return
	}
	s.latency.Store(old + int64(latencyShare*float64(int64(d)-old)))
}

// expected is the latency to count on now.
func (s *server) expected(now time.Time) time.Duration {
	age := time.Duration(now.UnixNano() - s.timed.Load())
	return time.Duration(s.latency.Load()) >> min(max(age/latencyHalves, 0), 30)
}

// pick returns a replica that may serve a read now, or nil and the reason why there is none. prefer is taken when it is
// fit; tried are those that have failed this read. buffer is reused between calls.
func (c *Cluster) pick(snap *snapshot, now time.Time, d demand, prefer *server, tried uint64, buffer *[]candidate) (*server, Reason) {
	if len(c.servers) == 1 {
		return nil, ReasonNoReplica
	}
	candidates := (*buffer)[:0]
	reason := ReasonNoHealthyReplica
	if tried != 0 {
		reason = ReasonReplicaFailed
	}
	var freshest *member
	for _, m := range snap.replicas {
		if tried&(1<<m.srv.index) != 0 {
			continue
		}
		if !d.metBy(m) {
			reason = ReasonNotCaughtUp
			continue
		}
		if !snap.within(m, now, c.cfg.MaxLag) {
			if reason != ReasonNotCaughtUp {
				reason = ReasonLag
			}
			if freshest == nil || m.sample.position > freshest.sample.position {
				freshest = m
			}
			continue
		}
		if m.srv == prefer {
			return m.srv, ReasonReplica
		}
		candidates = append(candidates, candidate{
			srv: m.srv, inFlight: m.srv.inflight.Load(), latency: m.srv.expected(now),
		})
	}
	*buffer = candidates
	switch len(candidates) {
	case 0:
		// Without a primary an old answer is better than none, unless the application has said otherwise.
		if freshest != nil && (c.cfg.WhenStale == StaleFreshest || c.cfg.WhenStale == StalePrimary && !snap.primaryHealthy()) {
			return freshest.srv, ReasonReplica
		}
		return nil, reason
	case 1:
		return candidates[0].srv, ReasonReplica
	}
	i := c.balancer.pick(candidates)
	if i < 0 || i >= len(candidates) {
		i = 0
	}
	return candidates[i].srv, ReasonReplica
}

// within says whether a replica's lag is known to be at most bound; 0 is no bound. Servers without positions are used
// for as long as they can be reached.
func (s *snapshot) within(m *member, now time.Time, bound time.Duration) bool {
	if bound == 0 || m.sample == nil || m.sample.position == 0 {
		return true
	}
	lag, known := s.lag(m, now)
	return known && lag <= bound
}
