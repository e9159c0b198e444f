package pgsplit

import "time"

const (
	// latencyShare is the weight of a new measurement in the decaying average.
	latencyShare = 0.1
	// latencyHalves is the time in which a measurement loses half of its weight: a replica that was slow is tried again.
	latencyHalves = time.Second
)

// timed takes in when a read on a backend was answered. The first on a connection says little: it has to fill the caches there.
func (b *backend) timed(now, start time.Time) {
	if b.warm {
		b.srv.measured(now.Sub(start), now)
	}
	b.warm = true
}

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

// gaveUp takes in that a read's caller had no more patience: what it would have taken is not known, but more than d.
func (s *server) gaveUp(d time.Duration, now time.Time) {
	if d > s.expected(now) {
		s.measured(d, now)
	}
}

// expected is the latency to count on now.
func (s *server) expected(now time.Time) time.Duration {
	age := time.Duration(now.UnixNano() - s.timed.Load())
	return time.Duration(s.latency.Load()) >> min(max(age/latencyHalves, 0), 30)
}
