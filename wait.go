package pgsplit

import (
	"context"
	"time"
)

// patience is how a read waits for a replica to catch up (wait=…). There is polling; PostgreSQL 19's WAIT FOR LSN can take its place
// for replicas that have it. What such a one has to keep to, as polling does:
//
//   - It decides nothing. What a replica has is said by its samples, which name instance and timeline as well: the server's
//     "success" is a reason to take one, and the read is judged by the snapshot that brings.
//   - It waits on a connection of its own for each replica. Those of the application are not used, since it would cost them a
//     round trip, and WAIT FOR LSN must come first in its transaction; nor is the monitor's, whose samples tell that a replica is
//     silent.
//   - Whoever waits for one replica shares one statement, so that a server has at most one under way whatever is waiting.
//     Positions are literals in its text, and never an application's.
//   - A mark that is not resolved has no position to wait for yet: the primary's sample comes first, see Cluster.need.
//   - "not in recovery", an error and a timeout are an end of the waiting like another: a sample tells what has become of the
//     server. The statement's own timeout is more than half a millisecond, for less means for ever.
//   - Nothing outlives the handle.
type patience interface {
	// await returns true when there is a snapshot after snap, which may show a replica that meets d, at once if there is one
	// already. It returns false when until has come, the caller has given up, or the handle is closed. Many may wait at once.
	await(ctx context.Context, d demand, snap *snapshot, until time.Time) bool
}

// polling waits for the samples that the monitors take while somebody needs them: one connection for each server with at most
// one question under way, at a bounded pace (see monitor.pace), for however many are waiting.
type polling struct{ cluster *Cluster }

func (p polling) await(ctx context.Context, d demand, snap *snapshot, until time.Time) bool {
	now := clock()
	if !now.Before(until) || !snap.hasPositions() {
		return false
	}
	p.cluster.need(now, d) // again and again: samples are taken for as long as somebody says so
	return p.cluster.await(ctx, snap, until)
}

// await waits for a newer snapshot; it reports false when the deadline has passed, the caller has given up, or the handle
// is closed.
func (c *Cluster) await(ctx context.Context, snap *snapshot, deadline time.Time) bool {
	t := time.NewTimer(time.Until(deadline))
	defer t.Stop()
	select {
	case <-snap.changed:
		return true
	case <-t.C:
		return false
	case <-ctx.Done():
		return false
	case <-c.life.Done():
		return false
	}
}
