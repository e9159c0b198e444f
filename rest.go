package pgsplit

import (
	"cmp"
	"context"
	"slices"
)

// On a handle with a single server, where nothing has to be chosen, a connection that is given back rests: it stays within
// reach of the driver connection that used it, which mostly is the next to need one, and finds it without the server's lock.
// Resting ones are idle like those in the server's stack. Whoever wakes one has it, so they are taken from there whenever
// somebody else needs a connection, or they are to be looked at: gather.

// wake takes a connection that rests; false if it does not, or somebody else was quicker.
func (b *backend) wake() bool {
	t := b.tally.Load()
	return t&atRest != 0 && b.tally.CompareAndSwap(t, t&^atRest)
}

func (b *backend) rests() bool { return b.tally.Load()&atRest != 0 }

// gather puts what rests among the idle ones, in the order of their use. The caller holds the server's lock, as for sound and
// resting.
func (s *server) gather() {
	if len(s.cluster.servers) > 1 {
		return // none rests
	}
	n := len(s.idle)
	for b := range s.open {
		if b.wake() {
			s.idle = append(s.idle, b)
		}
	}
	if len(s.idle) > n {
		slices.SortStableFunc(s.idle, func(a, b *backend) int { return cmp.Compare(a.idled, b.idled) })
	}
}

// sound raises the alarm, or ends it.
func (s *server) sound() {
	if len(s.cluster.servers) == 1 {
		s.cluster.alarm.Store(s.closed || len(s.waiting) > 0)
	}
}

// resting is how many connections rest.
func (s *server) resting() (n int) {
	for b := range s.open {
		if b.rests() {
			n++
		}
	}
	return n
}

// giveBack ends a checkout's use of the primary's connection.
func (c *Conn) giveBack(b *backend, now tick) {
	s := b.srv
	switch {
	case len(c.cluster.servers) > 1:
		s.release(b, now)
	case s.keep(b, now):
		c.lay(b, 0)
	}
}

// lay has a connection that is fit for anybody rest here, or gives it to who has to have it at once. owes is what it has done since
// it was woken.
func (c *Conn) lay(b *backend, owes uint64) {
	tally := b.tally.Load() + owes
	if tally&tallyFull != 0 {
		b.srv.enter(b, tally)
		tally = 0
	}
	b.tally.Store(tally | atRest)
	// Who sounds the alarm gathers after that, so that one of both sees the other.
	if c.rested = b; c.cluster.alarm.Load() {
		c.part()
	}
}

// awake is the connection that this driver connection used last, if it is nobody's and fit to be used again.
func (c *Conn) awake(ctx context.Context) (*backend, error) {
	b := c.rested
	if b == nil {
		return nil, nil
	}
	c.rested = nil
	if !b.wake() {
		return nil, nil
	}
	fit, err := b.srv.check(ctx, b, ticks())
	if !fit {
		return nil, err
	}
	return b, nil
}

// part gives others what rests here: somebody waits for one, or the driver connection closes.
func (c *Conn) part() {
	b := c.rested
	if c.rested = nil; b != nil && b.wake() {
		b.srv.put(b)
	}
}
