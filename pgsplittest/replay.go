package pgsplittest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// PauseReplay stops the replay of WAL on a replica; receiving goes on. What is
// not replayed yet when it returns stays so until ResumeReplay or a restart.
func (s *Server) PauseReplay() error {
	return s.replayKnob("pause replay", func(ctx context.Context, conn *pgx.Conn) error {
		if err := execSQL(ctx, conn, "SELECT pg_wal_replay_pause()"); err != nil {
			return err
		}
		delay := s.conf[applyDelayParameter]
		if delay == "" || delay == noDelay {
			return s.waitForPause(ctx, conn)
		}
		// A commit that waits for its delay would keep the server from coming to the
		// point where it pauses. Without the delay it comes there, and pauses before
		// it replays that commit.
		s.conf[applyDelayParameter] = noDelay
		_, err := s.reload(ctx, applyDelayParameter)
		if err == nil {
			err = s.waitForPause(ctx, conn)
		}
		s.conf[applyDelayParameter] = delay
		_, errBack := s.reload(ctx, applyDelayParameter)
		return errors.Join(err, errBack)
	})
}

// ResumeReplay ends the pause. Replay goes on from where it stopped; use
// WaitForCatchUp to wait for its end.
func (s *Server) ResumeReplay() error {
	return s.replayKnob("resume replay", func(ctx context.Context, conn *pgx.Conn) error {
		if err := execSQL(ctx, conn, "SELECT pg_wal_replay_resume()"); err != nil {
			return err
		}
		return await(ctx, "replay to go on", func() (bool, error) {
			paused, err := queryText(ctx, conn, "SELECT pg_is_wal_replay_paused()")
			return paused == "f", err
		})
	})
}

// SetApplyDelay makes a replica replay each commit so much later than it was
// made on the primary (recovery_min_apply_delay); zero ends that.
func (s *Server) SetApplyDelay(delay time.Duration) error {
	return s.replayKnob("apply delay", func(ctx context.Context, conn *pgx.Conn) error {
		s.conf[applyDelayParameter] = fmt.Sprintf("%dms", delay.Milliseconds())
		if _, err := s.reload(ctx, applyDelayParameter); err != nil {
			return err
		}
		return s.settleReplay(ctx, conn)
	})
}

const (
	applyDelayParameter = "recovery_min_apply_delay"
	noDelay             = "0ms"
)

func (s *Server) replayKnob(what string, turn func(context.Context, *pgx.Conn) error) error {
	s.knob.Lock()
	defer s.knob.Unlock()
	err := s.withConn(func(ctx context.Context, conn *pgx.Conn) error {
		recovering, err := queryText(ctx, conn, "SELECT pg_is_in_recovery()")
		if err != nil {
			return err
		}
		if recovering != "t" {
			return errors.New("the server is a primary, which replays nothing")
		}
		return turn(ctx, conn)
	})
	if err != nil {
		return s.errorf("%s: %w", what, err)
	}
	return nil
}

// waitForPause waits until the server says that it has stopped replaying, not
// only that it was asked to.
func (s *Server) waitForPause(ctx context.Context, conn *pgx.Conn) error {
	return await(ctx, "replay to pause", func() (bool, error) { return s.paused(ctx, conn) })
}

func (s *Server) paused(ctx context.Context, conn *pgx.Conn) (bool, error) {
	if s.cluster.programs.Major < 14 {
		// Before 14 only the request can be seen. The server looks at it before each
		// record, and while it waits for one at least once a wal_retrieve_retry_interval.
		time.Sleep(200 * time.Millisecond)
		requested, err := queryText(ctx, conn, "SELECT pg_is_wal_replay_paused()")
		return requested == "t", err
	}
	state, err := queryText(ctx, conn, "SELECT pg_get_wal_replay_pause_state()")
	return state == "paused", err
}

// settleReplay waits until the process that replays has read the new settings,
// which nothing shows: a pause that is confirmed does, since that process reads
// its settings on the way there.
func (s *Server) settleReplay(ctx context.Context, conn *pgx.Conn) error {
	requested, err := queryText(ctx, conn, "SELECT pg_is_wal_replay_paused()")
	if err != nil || requested == "t" {
		return err
	}
	if err := execSQL(ctx, conn, "SELECT pg_wal_replay_pause()"); err != nil {
		return err
	}
	// A commit that already waits for the new delay keeps the pause from being
	// confirmed, and shows by that very wait that the delay is in force.
	short, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
	defer cancel()
	// Only the waiting is cut short: a question that is would take the connection with it, and replay would stay paused.
	_ = await(short, "replay to pause", func() (bool, error) { return s.paused(ctx, conn) })
	return execSQL(ctx, conn, "SELECT pg_wal_replay_resume()")
}
