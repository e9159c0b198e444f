package pgsplit

import (
	"context"
	"time"
)

// Whether a connection to the primary still leads to a primary.

// acquireWritable is acquire for the primary: errDemoted if it has become a standby.
func (s *server) acquireWritable(ctx context.Context, wait bool, now time.Time) (*backend, error) {
	b, err := s.acquire(ctx, wait, now)
	if err == nil && len(s.cluster.servers) > 1 && s.cluster.stillStandby(ctx, b) {
		s.drop(b)
		return nil, errDemoted
	}
	return b, err
}

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
