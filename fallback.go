package pgsplit

import (
	"context"
	"database/sql/driver"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/stdlib"
)

// fallback counts the reads that the primary carries because no replica can be reached or none is within max_lag, and
// limits how many there are at once (max_fallback_reads).
type fallback struct {
	slots   chan struct{} // nil: no bound
	running atomic.Int64
	waiting atomic.Int64
	total   atomic.Int64
	refused atomic.Int64
}

// FallbackStats is about reads that the primary carries because no replica can be reached, or none is within max_lag. They are
// counted until their rows are closed, read-only transactions until their end. See Config.MaxFallbackReads.
type FallbackStats struct {
	Running int   // under way now
	Waiting int   // waiting now for one of them to end, or for a replica
	Total   int64 // since the handle was opened
	Refused int64 // that have waited in vain, and failed
}

func (f *fallback) stats() FallbackStats {
	return FallbackStats{
		Running: int(f.running.Load()), Waiting: int(f.waiting.Load()), Total: f.total.Load(), Refused: f.refused.Load(),
	}
}

func (f *fallback) begin() {
	f.running.Add(1)
	f.total.Add(1)
}

func (f *fallback) end() {
	f.running.Add(-1)
	if f.slots != nil {
		<-f.slots
	}
}

// forLostReplicas says whether a reason for the primary is that the replicas are lost. A read that only one replica has
// failed, while there are others or it is fit again, goes to the primary for its judgement.
func (s *snapshot) forLostReplicas(r Reason) bool {
	switch r {
	case ReasonNoHealthyReplica, ReasonLag:
		return true
	case ReasonReplicaFailed:
		return len(s.replicas) == 0
	}
	return false
}

// fallBack takes a place among the reads that the primary carries for lost replicas; taken says so, and whoever has it ends
// it. It waits for one as long as a statement waits for a primary. again says that replicas are worth another try instead.
func (c *Conn) fallBack(ctx context.Context, d *directives, reason Reason) (taken, again bool, err error) {
	cl := c.cluster
	f := &cl.fallback
	snap := cl.snap.Load()
	if !snap.forLostReplicas(reason) {
		return false, false, nil
	}
	if f.slots == nil {
		f.begin()
		return true, false, nil
	}
	select {
	case f.slots <- struct{}{}:
		f.begin()
		return true, false, nil
	default:
	}
	if c.until.IsZero() {
		c.until = time.Now().Add(cl.cfg.FailoverTimeout)
	}
	f.waiting.Add(1)
	defer f.waiting.Add(-1)
	timeout := time.NewTimer(time.Until(c.until))
	defer timeout.Stop()
	for {
		select {
		case f.slots <- struct{}{}:
			f.begin()
			return true, false, nil
		case <-snap.changed:
			snap = cl.snap.Load()
			if s, _ := cl.pick(snap, clock(), c.demand(snap).within(d), nil, 0, &c.candidates); s != nil {
				return false, true, nil
			}
		case <-timeout.C:
			f.refused.Add(1)
			return false, false, fmt.Errorf("pgsplit: no replica can serve this read, and the primary carries %d such reads already (max_fallback_reads)",
				cap(f.slots))
		case <-ctx.Done():
			return false, false, ctx.Err()
		case <-cl.life.Done():
			return false, false, errClosed
		}
	}
}

// untilClosed ends a read's place among the primary's when its rows are closed. Where that cannot be seen, since the
// connection is not pgx's, it ends with the first row.
func (f *fallback) untilClosed(rows driver.Rows, err error) (driver.Rows, error) {
	if err != nil {
		f.end()
		return rows, err
	}
	switch r := rows.(type) {
	case *stdlib.Rows:
		return &fallbackRows{Rows: r, ended: f.end}, nil
	case *writeRows:
		r.ended = f.end
		return r, nil
	}
	f.end()
	return rows, nil
}

// fallbackRows are pgx's rows of a read that the primary carries for lost replicas.
type fallbackRows struct {
	*stdlib.Rows
	ended func()
}

// Close ends the rows.
func (r *fallbackRows) Close() error {
	err := r.Rows.Close()
	if r.ended != nil {
		r.ended()
		r.ended = nil
	}
	return err
}
