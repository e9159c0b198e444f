package pgsplittest

import (
	"context"
	"errors"
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
	if err := s.catchUp(ctx); err != nil {
		return s.errorf("catch up: %w", err)
	}
	return nil
}

func (s *Server) catchUp(ctx context.Context) error {
	from := s.primary()
	if from == s {
		return errors.New("the server follows no other")
	}
	source, replica := asker{server: from}, asker{server: s}
	defer source.close()
	defer replica.close()

	var wal pages
	var goal, at position
	var goalAt time.Time
	err := await(ctx, "replay", func() (bool, error) {
		for _, needed := range []*Server{from, s} {
			if !needed.Running() {
				return false, hopeless{fmt.Errorf("%s: %w", needed.Name, errNotRunning)}
			}
		}
		var err error
		if goalAt.IsZero() {
			if wal, err = source.pages(ctx); err != nil {
				return false, err
			}
			if goal, err = source.position(ctx, "pg_current_wal_insert_lsn()"); err != nil {
				return false, err
			}
			goal, goalAt = wal.reachable(goal), time.Now()
		}
		if at, err = replica.position(ctx, "pg_last_wal_replay_lsn()"); err != nil || at >= goal {
			return err == nil, err
		}
		// What is not flushed after this time belongs to no commit, not even one
		// made with synchronous_commit=off: a transaction that stays open can keep
		// its records back for much longer, and nobody can see them before its end.
		if time.Since(goalAt) < asyncCommitDelay {
			return false, nil
		}
		flushed, err := source.position(ctx, "pg_current_wal_flush_lsn()")
		if err == nil {
			goal = min(goal, wal.reachable(flushed))
		}
		return false, err
	})
	if err != nil {
		return fmt.Errorf("%w: it is at %s, %s at %s%s", err, at, from.Name, goal, s.pauseHint())
	}
	return nil
}

// The WAL writer flushes an asynchronous commit after three times its delay of
// 200 ms at the latest.
const asyncCommitDelay = time.Second

// pauseHint names the usual reason for a replica that does not catch up.
func (s *Server) pauseHint() string {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if paused, _ := s.ask(ctx, "SELECT pg_is_wal_replay_paused()"); paused {
		return ", and its replay is paused"
	}
	return ""
}
