package pgsplittest

import (
	"context"
	"fmt"
	"time"
)

// WaitForCatchUp waits until every running replica has replayed what the primary
// that it follows, directly or by way of others, had committed when this was called.
func (c *Cluster) WaitForCatchUp() error {
	return eachServer(c.Servers(), func(s *Server) error {
		if s.replicatesFrom() == nil || !s.Running() {
			return nil
		}
		return s.WaitForCatchUp()
	})
}

// WaitForCatchUp waits until the replica has replayed what the primary that it
// follows, directly or by way of others, had committed when this was called. It
// writes nothing there.
func (s *Server) WaitForCatchUp() error {
	ctx, cancel := s.timeout()
	defer cancel()
	if s.replicatesFrom() == nil {
		return s.errorf("catch up: the server follows no other")
	}
	from := s.primary()
	if err := s.catchUpWith(ctx, from); err != nil {
		return s.errorf("catch up with %s: %w", from.Name, err)
	}
	return nil
}

func (s *Server) catchUpWith(ctx context.Context, from *Server) error {
	source, err := from.connect(ctx)
	if err != nil {
		return err
	}
	defer closeConn(source)
	replica, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer closeConn(replica)

	wal, err := queryPages(ctx, source)
	if err != nil {
		return err
	}
	goal, err := queryPosition(ctx, source, "pg_current_wal_insert_lsn()")
	if err != nil {
		return err
	}
	goal = wal.reachable(goal)
	begin := time.Now()
	var at position
	err = await(ctx, "the position "+goal.String(), func() (bool, error) {
		var err error
		if at, err = queryPosition(ctx, replica, "pg_last_wal_replay_lsn()"); err != nil || at >= goal {
			return at >= goal, err
		}
		// What is not flushed after this time belongs to no commit, not even one
		// made with synchronous_commit=off: a transaction that stays open can keep
		// its records back for much longer, and nobody can see them before its end.
		if time.Since(begin) < asyncCommitDelay {
			return false, nil
		}
		flushed, err := queryPosition(ctx, source, "pg_current_wal_flush_lsn()")
		if err == nil {
			goal = min(goal, wal.reachable(flushed))
		}
		return false, err
	})
	if err != nil {
		paused, _ := queryText(ctx, replica, "SELECT pg_is_wal_replay_paused()")
		if paused == "t" {
			err = fmt.Errorf("%w; its replay is paused", err)
		}
		return fmt.Errorf("%w; it is at %s", err, at)
	}
	return nil
}

// The WAL writer flushes an asynchronous commit after three times its delay of
// 200 ms at the latest.
const asyncCommitDelay = time.Second
