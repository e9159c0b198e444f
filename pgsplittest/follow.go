package pgsplittest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Promote moves the role of the primary to the given server, as an operator or
// a failover manager would. A primary that still runs is shut down in good order
// first and comes back as a replica; one that is down stays down, for
// [Server.Follow] to bring it back, and so does a frozen one. The other running
// replicas follow the new primary, and have caught up with it when Promote returns.
func (c *Cluster) Promote(replica *Server) error {
	old := c.CurrentPrimary()
	if old == replica {
		return replica.errorf("promote: the server is the primary already")
	}
	var followers []*Server
	for _, s := range c.Servers() {
		if s != replica && s.answers() {
			followers = append(followers, s)
		}
	}
	if old.answers() {
		if err := old.Stop(); err != nil {
			return err
		}
	}
	if err := replica.Promote(); err != nil {
		return err
	}
	c.mu.Lock()
	c.current = replica
	c.mu.Unlock()
	return eachServer(followers, func(s *Server) error {
		if err := s.Follow(replica); err != nil {
			return err
		}
		return s.WaitForCatchUp()
	})
}

// Follow makes the server a replica of another one, and returns when it streams
// from there. A replica goes on from where it is when it can. A former primary,
// or a replica that has replayed what the other server never had, gets the other
// server's data in place of its own (its log and parameters stay). A server that
// is not running is started. Replay that is paused keeps a replica from changing
// over to a new primary's timeline: resume it first.
func (s *Server) Follow(primary *Server) error {
	s.knob.Lock()
	defer s.knob.Unlock()
	ctx, cancel := s.timeout()
	defer cancel()
	if err := s.follow(ctx, primary); err != nil {
		return s.errorf("follow %s: %w", primary.Name, err)
	}
	return nil
}

// answers is false for a server that is not running or frozen.
func (s *Server) answers() bool {
	s.knob.Lock()
	defer s.knob.Unlock()
	return s.process() != nil && !s.frozen
}

func (s *Server) follow(ctx context.Context, primary *Server) error {
	switch {
	case s == primary:
		return errors.New("a server cannot follow itself")
	case s.frozen:
		return errors.New("the server is frozen: thaw or kill it first")
	}
	wasPrimary := s.replicatesFrom() == nil
	s.setUpstream(primary)
	if wasPrimary {
		return s.rebuild(ctx, primary)
	}
	if p := s.process(); p == nil {
		if err := s.relaunch(ctx); err != nil {
			return err
		}
	} else if _, err := s.reload(ctx, "primary_conninfo"); err != nil {
		return err
	}
	err := s.waitForStreaming(ctx, primary)
	if errors.Is(err, errDiverged) {
		return s.rebuild(ctx, primary)
	}
	return err
}

// rebuild replaces the data folder by a base backup of the primary and starts
// the server as its replica.
func (s *Server) rebuild(ctx context.Context, primary *Server) error {
	if p := s.process(); p != nil {
		if err := s.signalAndWait(ctx, p, sigImmediate); err != nil {
			return err
		}
	}
	altered, err := os.ReadFile(filepath.Join(s.data(), alterSystemFile))
	if err := unlessGone(err); err != nil {
		return err
	}
	s.dropSharedMemory()
	if err := removeAll(s.data()); err != nil {
		return err
	}
	release, err := primary.backUp(ctx, s)
	if err != nil {
		return fmt.Errorf("base backup: %w", err)
	}
	defer release()
	if err := s.writeFile(alterSystemFile, string(altered)); err != nil {
		return err
	}
	if err := s.relaunch(ctx); err != nil {
		return err
	}
	return s.waitForStreaming(ctx, primary)
}
