package pgsplit

import (
	"sync/atomic"
	"time"
)

// tightest is the least bound of the lag that reads have asked for lately with WithMaxLag: samples are taken as often as it needs.
type tightest struct {
	bound atomic.Int64 // nanoseconds; 0: none
	asked atomic.Int64 // when it was asked for last, Unix nanoseconds
}

// tightestLasts is for how long a bound counts after the last read that has asked for it.
const tightestLasts = 5 * time.Second

// now is the bound that counts at a time; 0: none.
func (t *tightest) now(now time.Time) time.Duration {
	if now.UnixNano()-t.asked.Load() > int64(tightestLasts) {
		return 0
	}
	return time.Duration(t.bound.Load())
}

// wantLag notes the bound of a read. Should it be tighter than what is sampled for, samples are taken at once.
func (c *Cluster) wantLag(now time.Time, bound time.Duration) {
	if bound <= 0 {
		return
	}
	t := &c.tightest
	switch present := t.now(now); {
	case present == 0 || bound < present:
		before := c.interval(now)
		t.bound.Store(int64(bound))
		t.asked.Store(now.UnixNano())
		if c.interval(now) < before {
			c.kickAll()
		}
	case bound == present && now.UnixNano()-t.asked.Load() > int64(tightestLasts/8):
		t.asked.Store(now.UnixNano())
	}
}
