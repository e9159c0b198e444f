package pgsplit

import (
	"context"

	"github.com/pgsplit/pgsplit/internal/statement"
)

// route decides whether a query may go to a replica: ReasonReplica if so, else the reason why it runs on the primary.
// The first rule that matches counts. Which replica, if any is fit, is decided next, see pick.
func (c *Conn) route(st *statement.Analysis, d *directives) Reason {
	switch {
	case c.inTransaction():
		return ReasonTransaction
	case d.primary || st.Hint == statement.HintPrimary:
		return ReasonForced
	case c.primary != nil && c.primary.pin != 0:
		return ReasonPinned
	case c.sticky:
		return ReasonSticky
	}
	if !st.Read() {
		return whyPrimary(st, c.unknown)
	}
	if c.pending {
		return ReasonDefinitions
	}
	if len(c.cluster.servers) == 1 {
		return ReasonNoReplica
	}
	if !c.cluster.replicaReads.Load() && !d.replica && st.Hint != statement.HintReplica {
		return ReasonReplicaReadsOff
	}
	return ReasonReplica
}

// whyPrimary says why a text that is not a read runs on the primary; unknown is a name in it that the catalog lacks.
func whyPrimary(st *statement.Analysis, unknown string) Reason {
	if unknown != "" && st.Flags&statement.Primary == statement.UnknownFunction {
		return ReasonUnknownName
	}
	return reasonOf(st)
}

// reasonOf says why a statement is not a read.
func reasonOf(st *statement.Analysis) Reason {
	switch f := st.Flags; {
	case f&statement.NotUnderstood != 0:
		return ReasonNotUnderstood
	case f&statement.Several != 0:
		return ReasonSeveral
	case f&statement.Writes != 0:
		return ReasonWrites
	case f&statement.Locks != 0:
		return ReasonLocks
	case f&(statement.SessionState|statement.TxControl) != 0:
		return ReasonSessionState
	case f&statement.ServerLocal != 0:
		return ReasonServerLocal
	case f&statement.Catalog != 0:
		return ReasonCatalog
	case f&statement.UnknownFunction != 0:
		return ReasonUnknownFunction
	default:
		return ReasonNotUnderstood
	}
}

// replica picks a replica for a read of this connection, waiting for one to catch up as long as the handle's wait
// allows. It returns the snapshot that it decided on.
func (c *Conn) replica(ctx context.Context, dir *directives, tried uint64) (*server, *snapshot, demand, Reason) {
	cl := c.cluster
	now := clock()
	c.looked = now
	cl.touch(now)
	var prefer *server
	if c.reader != nil {
		prefer = c.reader.srv
	}
	snap := cl.snap.Load()
	d := c.demand(snap).within(dir)
	if d.ownLag {
		cl.wantLag(now, d.maxLag)
	}
	if prefer == nil {
		prefer = d.prefer
	}
	s, reason := cl.pick(snap, now, d, prefer, tried, &c.candidates)
	if reason == ReasonNotCaughtUp {
		cl.need(now, d)
	}
	if cl.cfg.Wait == 0 {
		return s, snap, d, reason
	}
	for until := now.Add(cl.cfg.Wait); (reason == ReasonNotCaughtUp || reason == ReasonLag) && cl.patience.await(ctx, d, snap, until); {
		snap = cl.snap.Load()
		// What has to be seen is fixed when the read begins; writes completed while it waits are not waited for.
		if d.open || d.seen.srv != nil {
			d = c.demand(snap).within(dir)
		}
		c.looked = clock()
		s, reason = cl.pick(snap, c.looked, d, prefer, tried, &c.candidates)
	}
	return s, snap, d, reason
}
