package pgsplit

import (
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// Balancer picks one of several replicas that are fit for a read. Config.CustomBalancer takes one of your own.
type Balancer interface {
	// Pick returns an index into candidates, of which there are at least two; an index out of range counts as 0. It is called
	// for each read that has a choice, from many goroutines at once, and has to be fast. It must neither keep nor change
	// the slice, which is reused, and cannot rely on the order or the number of candidates: servers come and go.
	Pick(candidates []Candidate) int
}

// Candidate is a replica that may serve a read, as a Balancer sees it.
type Candidate struct {
	Server ServerInfo

	// InFlight is how many statements and transactions of this handle the replica has under way, those included that are
	// still getting a connection.
	InFlight int

	// Weight is the replica's share as configured, see Config.Weights; less while it warms up. It is greater than 0.
	Weight float64

	// Latency is a decaying average of the time that reads on it took to their first row; 0: none was measured yet. While
	// the replica serves no reads it falls by half each second, so that one that was slow is tried again.
	// It is measured for BalancerLatency and for a Balancer of your own.
	Latency time.Duration

	srv *server
}

func newBalancer(name string) Balancer {
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

// leastBusy picks the replica with the least under way for its weight. Of several that have as little it is one at
// random, by weight: on an idle cluster all have nothing.
type leastBusy struct{}

func (leastBusy) Pick(candidates []Candidate) int {
	best, ties := 0, candidates[0].Weight
	for i := 1; i < len(candidates); i++ {
		a, b := &candidates[best], &candidates[i]
		switch d := float64(b.InFlight)*a.Weight - float64(a.InFlight)*b.Weight; {
		case d < 0:
			best, ties = i, b.Weight
		case d == 0:
			if ties += b.Weight; rand.Float64()*ties < b.Weight {
				best = i
			}
		}
	}
	return best
}

// roundRobin takes turns. The counter is unsigned and may wrap.
type roundRobin struct{ turn atomic.Uint64 }

// golden is 2⁶⁴ divided by the golden ratio: its multiples, modulo 2⁶⁴, are spread as evenly as can be, whatever their number.
const golden = 0x9E3779B97F4A7C15

func (r *roundRobin) Pick(candidates []Candidate) int {
	turn := r.turn.Add(1)
	for i := range candidates {
		if candidates[i].Weight != candidates[0].Weight {
			return byWeight(candidates, float64(turn*golden>>11)/(1<<53))
		}
	}
	return int(turn % uint64(len(candidates)))
}

// random picks any, by weight.
type random struct{}

func (random) Pick(candidates []Candidate) int { return byWeight(candidates, rand.Float64()) }

// byWeight cuts the span from 0 to 1 into parts as long as the weights, and returns in which of them x lies.
func byWeight(candidates []Candidate, x float64) int {
	total := 0.0
	for i := range candidates {
		total += candidates[i].Weight
	}
	x *= total
	for i := range candidates {
		if x -= candidates[i].Weight; x < 0 {
			return i
		}
	}
	return len(candidates) - 1
}

// fastest compares two candidates at random and takes the one that promises the earlier answer.
type fastest struct{}

// alike is the ratio of two costs up to which they count as equal: less is noise, and always to follow it would leave one of
// two equal replicas idle.
const alike = 1.5

func (fastest) Pick(candidates []Candidate) int {
	n := len(candidates)
	a := rand.IntN(n)
	if n == 1 {
		return a
	}
	b := rand.IntN(n - 1)
	if b >= a {
		b++
	}
	known := candidates[b].Latency > 0
	if known != (candidates[a].Latency > 0) {
		// One read at a time finds out about a replica of which nothing is known.
		if known {
			a, b = b, a
		}
		if candidates[b].InFlight == 0 {
			return b
		}
		return a
	}
	if candidates[b].cost(known)*alike < candidates[a].cost(known) {
		return b
	}
	return a // a is as random as b
}

// cost grows with the work that a candidate already has, and with the square of its latency: whoever sends a read to a
// server that takes ten times as long also waits there ten times as long before the next. While nothing has been measured, only
// the work is compared.
func (c *Candidate) cost(known bool) float64 {
	work := float64(c.InFlight+1) / c.Weight
	if !known {
		return work
	}
	return work * float64(c.Latency) * float64(c.Latency)
}
