package stories

import "math/rand/v2"

// Traffic draws visits and operations as a site's visitors would bring them. The same seed draws the same ones. It is
// for one goroutine.
type Traffic struct {
	size   Size
	writes float64
	random *rand.Rand
}

// NewTraffic returns traffic for a site that was seeded with size, of which the share writes (0 to 1) are writes.
func NewTraffic(size Size, writes float64, seed uint64) *Traffic {
	return &Traffic{size: size, writes: writes, random: rand.New(rand.NewPCG(seed, 0))}
}

// Next returns what happens next.
func (t *Traffic) Next() (Operation, Visit) {
	kind := Read
	if t.random.Float64() < t.writes {
		kind = Write
	}
	return t.operation(kind), t.Visit()
}

// searched are words of the titles that Seed writes.
var searched = []string{"silent", "GARDEN", "lantern", "island", "the last"}

// Visit returns a visitor with something to look at; User and Author differ.
func (t *Traffic) Visit() Visit {
	user := 1 + t.random.Int64N(t.size.Users)
	return Visit{
		User:   user,
		Author: 1 + (user+t.random.Int64N(t.size.Users-1))%t.size.Users,
		Story:  1 + t.random.Int64N(t.size.Stories),
		Text:   searched[t.random.IntN(len(searched))],
	}
}

func (t *Traffic) operation(kind Kind) Operation {
	total := 0
	for _, op := range Operations {
		if op.Kind == kind {
			total += op.Weight
		}
	}
	n := t.random.IntN(total)
	for _, op := range Operations {
		if op.Kind != kind {
			continue
		}
		if n -= op.Weight; n < 0 {
			return op
		}
	}
	panic("unreachable: the weights of a kind add up to total")
}
