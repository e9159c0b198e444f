package pgsplit

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"github.com/pgsplit/pgsplit/internal/broken"
	"github.com/pgsplit/pgsplit/internal/secondjudge"
)

// The way of a read to a replica, and what becomes of it when the replica fails.

// queryReplica tries replicas. Neither rows nor error means that the primary has to answer, for the reason returned.
func (c *Conn) queryReplica(ctx context.Context, d *directives, query string, args []driver.NamedValue, p *prepared) (driver.Rows, Reason, int, error) {
	var tried uint64
	for attempt := 1; ; attempt++ {
		b, reason, err := c.borrowReplica(ctx, d, query, &tried)
		if b == nil {
			return nil, reason, attempt, err
		}
		c.cluster.traceRoute(ctx, d, b, ReasonReplica, query, attempt)
		b.carry(c.st.Pin) // none, as a rule: what a read leaves behind goes with the replica's connection
		var start time.Time
		if c.cluster.measures {
			start = clock()
		}
		g := c.glance(b.srv)
		b.await()
		b.ahead.arm()
		rows, err := b.ahead.first(b.query(ctx, query, args, p, c.repeatable()))
		if !b.answered() {
			// The monitor closed it while we waited. Should an answer have arrived all the same, it is not used: the
			// connection below it is gone.
			if rows != nil {
				rows.Close()
			}
			if ctx.Err() != nil {
				c.returnReader()
				return nil, 0, 0, ctx.Err()
			}
			err = silent(err)
		}
		if err == nil {
			if !start.IsZero() {
				b.timed(clock(), start)
			}
			c.sawReplica(g)
			return c.watchRead(ctx, b, rows), 0, 0, nil
		}
		v, lost, pause := judge(ctx, b, err)
		if v == passOn && !start.IsZero() {
			now := clock()
			b.srv.gaveUp(now.Sub(start), now)
		}
		if b.closed() || v == elsewhere {
			c.returnReader()
		}
		if lost {
			c.cluster.suspect(b.srv, err, pause)
		}
		if v == passOn || v == askPrimary && (secondjudge.Off.Load() || !c.primaryWithin(ctx)) {
			return nil, 0, 0, err
		}
		c.cluster.traceRetry(ctx, d, b.srv, query, err)
		if v == askPrimary {
			c.refusal, c.refuser = lasting(err), b.srv
			return nil, ReasonReplicaFailed, attempt + 1, nil
		}
		tried |= 1 << b.srv.index
	}
}

var errSilent = errors.New("pgsplit: the server stopped answering")

// silent is the error of a statement whose connection the monitor has closed. It does not wrap what became of the
// statement: that may be ErrBadConn, which would tell database/sql to close a connection that is well.
func silent(err error) error { return fmt.Errorf("%w: %v", errSilent, err) }

// borrowReplica returns a connection to a replica that is fit for the read at hand. Without one it returns the reason;
// an error only where the caller's context has ended, or when_stale forbids the primary.
func (c *Conn) borrowReplica(ctx context.Context, d *directives, query string, tried *uint64) (*backend, Reason, error) {
	if b := c.reader; b != nil && b.pg != nil && !b.closed() && b.pg.PgConn().IsBusy() {
		return nil, ReasonBusy, nil // its rows stay: they are the application's
	}
	var full uint64 // replicas that have no free connection
	for {
		s, snap, need, reason := c.replica(ctx, d, *tried|full)
		wait := false
		if s == nil && full != 0 {
			// With the primary's connection in hand nobody waits for a replica's: others wait the other way round.
			if c.primary != nil || c.freePrimary(ctx) {
				return nil, ReasonFull, nil
			}
			s, snap, need, reason = c.replica(ctx, d, *tried)
			full, wait = 0, true
		}
		if s == nil {
			if ctx.Err() != nil {
				return nil, reason, ctx.Err()
			}
			if c.cluster.cfg.WhenStale == StaleError && (reason == ReasonLag || reason == ReasonNotCaughtUp) {
				return nil, reason, errStale
			}
			return nil, reason, nil
		}
		b := c.reader
		if b != nil && (b.srv != s || b.closed()) {
			c.returnReader()
			b = nil
		}
		if b == nil {
			var err error
			b, err = s.acquire(ctx, wait, tickOf(c.looked))
			if err == errFull {
				full |= 1 << s.index
				continue
			}
			if err != nil {
				var none *fullError
				if ctx.Err() != nil || errors.As(err, &none) {
					return nil, reason, err
				}
				_, _, pause := judge(ctx, nil, err)
				c.cluster.suspect(s, err, max(pause, s.missed()))
				c.cluster.traceRetry(ctx, d, s, query, err)
				*tried |= 1 << s.index
				continue
			}
			c.reader = b
			if wait {
				if snap = c.cluster.snap.Load(); !c.cluster.fit(s, snap, need) {
					continue // it has fallen behind meanwhile
				}
			}
		} else if c.cluster.cfg.AfterConnect == nil {
			if b.refresh(ctx); b.closed() {
				c.returnReader()
				*tried |= 1 << s.index
				continue
			}
		}
		if c.cluster.stillFit(b, snap, need) {
			return b, ReasonReplica, nil
		}
		c.returnReader()
		*tried |= 1 << s.index
	}
}

// fit says whether a replica may serve a read by what is known of it now.
func (c *Cluster) fit(s *server, snap *snapshot, d demand) bool {
	var one []Candidate
	picked, _ := c.pick(snap, clock(), d, s, ^uint64(0)&^(1<<s.index), &one)
	return picked == s
}

// freePrimary takes a connection to the primary if there is a free one.
func (c *Conn) freePrimary(ctx context.Context) bool {
	snap := c.cluster.snap.Load()
	if c.lost || !snap.primaryHealthy() {
		return false
	}
	return c.acquireFrom(ctx, snap, false)
}

// acquireFrom makes a connection of a snapshot's primary, if it is the primary still, that of this checkout.
func (c *Conn) acquireFrom(ctx context.Context, snap *snapshot, wait bool) bool {
	b, err := c.cluster.acquireWritable(ctx, snap, wait, 0)
	if err != nil {
		return false
	}
	c.primary = b
	return true
}

// stillFit says whether the sample that a replica was picked by also speaks of the instance at the other end of this
// connection. A standby that was restarted serves older data than before; its former connections died with it. So a
// sample counts if it was asked for after the connection was opened, and of the same server: one name may lead to several.
func (c *Cluster) stillFit(b *backend, snap *snapshot, d demand) bool {
	m := &snap.members[b.srv.index]
	if broken.OldSample.Load() {
		return true
	}
	if smp := m.sample; smp == nil || smp.position == 0 || smp.asked.After(b.opened) && smp.of(b) {
		return d.metOver(b, m)
	}
	// Opening it has brought a sample of its own.
	snap = c.snap.Load()
	m = &snap.members[b.srv.index]
	if !m.healthy || m.role != RoleReplica || !m.sample.asked.After(b.opened) || !m.sample.of(b) {
		if m.sample != nil && !m.sample.of(b) {
			c.watch[b.srv.index].redial()
		}
		return false
	}
	return d.metBy(m) && d.metOver(b, m) && (c.within(snap, m, time.Now(), d) || c.stale(snap, d))
}

// of says whether it speaks of the instance at the other end of a connection.
func (s *sample) of(b *backend) bool { return s.instance == b.instance || broken.AnyInstance.Load() }

var errStale = errors.New("pgsplit: no replica is fresh enough (when_stale=error)")

// awaitReplica is asked after replicas have failed a read. While there is no primary that answers, it waits for a server to
// come back, up to failover_timeout, and reports whether replicas are worth another try; else the primary is next.
func (c *Conn) awaitReplica(ctx context.Context) bool {
	cl := c.cluster
	first := c.until.IsZero()
	if first {
		c.until = time.Now().Add(cl.cfg.FailoverTimeout)
	}
	snap := cl.snap.Load()
	if c.primary != nil || len(cl.servers) == 1 || snap.primaryHealthy() || first && snap.primary != nil && c.primaryWithin(ctx) {
		return false
	}
	cl.kickAll()
	return cl.await(ctx, snap, c.until) && !cl.snap.Load().primaryHealthy()
}

// primaryWithin takes a connection to the primary unless that would mean to wait for a failover. The monitor may hold a
// primary that is merely slow for unreachable.
func (c *Conn) primaryWithin(ctx context.Context) bool {
	snap := c.cluster.snap.Load()
	switch {
	case c.primary != nil, snap.primaryHealthy():
		return true
	case c.lost || snap.primary == nil:
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, 2*c.cluster.cfg.MonitorTimeout)
	defer cancel()
	return c.acquireFrom(ctx, snap, true)
}
