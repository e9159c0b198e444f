package pgsplit

import (
	"context"
	"errors"
)

// Whether a connection to the primary still leads to a primary.

// acquireWritable is acquire for the primary of a snapshot: errDemoted if it has become a standby, errSucceeded if it has a
// successor by the time that it has given a connection.
func (c *Cluster) acquireWritable(ctx context.Context, snap *snapshot, wait bool, now tick) (*backend, error) {
	s := snap.primary
	b, err := s.acquire(ctx, wait, now)
	switch {
	case err != nil || len(c.servers) == 1:
		return b, err
	case c.stillStandby(ctx, b):
		err = errDemoted
	case c.snap.Load().succeeds(snap):
		err = errSucceeded
	default:
		return b, nil
	}
	s.drop(b)
	return nil, err
}

var (
	errDemoted   = errors.New("pgsplit: the server has become a standby")
	errSucceeded = errors.New("pgsplit: another server has become the primary")
)

// demoted asks a server that refused a write whether it is a standby now.
func (c *Cluster) demoted(ctx context.Context, b *backend) bool {
	if b.pg == nil || b.closed() || c.cfg.Roles == RolesStatic {
		return false
	}
	smp, err := c.sample(ctx, b.pg.PgConn(), b.opened)
	if err != nil {
		return false
	}
	c.observe(b.srv, smp, nil)
	return smp.role == RoleReplica
}

// stillStandby says whether the server at the other end of a connection to the primary is a standby. A connection from
// before a promotion learns of it with the server's next answer, so it is asked: else each idle one would cast doubt on
// the new primary.
func (c *Cluster) stillStandby(ctx context.Context, b *backend) bool {
	if !b.standby() {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, b.srv.pingTimeout())
	defer cancel()
	smp, err := c.sample(ctx, b.pg.PgConn(), b.opened)
	if err != nil {
		return true
	}
	c.observe(b.srv, smp, nil)
	return smp.role == RoleReplica
}

// supersede ends all connections to a primary that has a successor on a higher timeline. What is written over them is lost, though
// the server, if it runs, says that it is kept; and if it is silent, whoever waits for its answer waits in vain.
func (s *server) supersede() {
	s.mu.Lock()
	for b := range s.open {
		b.superseded.Store(true)
		b.hangUp()
	}
	s.mu.Unlock()
	s.abandon()
}

// succeeds says whether the primary is another one than before, on a higher timeline.
func (s *snapshot) succeeds(old *snapshot) bool {
	if old.primary == nil || s.primary == nil || s.primary == old.primary {
		return false
	}
	was, is := old.members[old.primary.index].sample, s.members[s.primary.index].sample
	return was != nil && is != nil && was.timeline != 0 && is.timeline > was.timeline
}
