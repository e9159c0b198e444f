package pgsplittest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"syscall"
	"time"
)

// Stop shuts the server down as an operator would ("fast"): open connections
// get FATAL 57P01, a primary hands its last WAL to the connected replicas, and
// waits ten seconds for one that does not answer. A frozen server is thawed.
func (s *Server) Stop() error {
	return s.shutdown("stop", sigFast)
}

// StopImmediate shuts the server down without a checkpoint; it recovers at its
// next start. Open connections end with a warning at best.
func (s *Server) StopImmediate() error {
	return s.shutdown("stop immediately", sigImmediate)
}

// Kill ends all processes of the server with SIGKILL, as a crash of its machine
// would, but the sockets are closed by the system. It recovers at its next start.
func (s *Server) Kill() error {
	s.knob.Lock()
	defer s.knob.Unlock()
	p := s.process()
	if p == nil {
		return s.errorf("kill: %w", errNotRunning)
	}
	if err := s.kill(p); err != nil {
		return s.errorf("kill: %w", err)
	}
	return nil
}

// Freeze stops all processes of the server where they are (SIGSTOP): it keeps
// its connections and takes new ones, and answers nothing. Thaw ends it.
func (s *Server) Freeze() error {
	s.knob.Lock()
	defer s.knob.Unlock()
	p := s.process()
	if p == nil {
		return s.errorf("freeze: %w", errNotRunning)
	}
	ctx, cancel := s.timeout()
	defer cancel()
	s.frozen = true
	if err := freezeAll(ctx, p.pid); err != nil {
		return s.errorf("freeze: %w", err)
	}
	return nil
}

// Thaw lets a frozen server go on, and returns when it answers. It does nothing
// to one that is not frozen.
func (s *Server) Thaw() error {
	s.knob.Lock()
	defer s.knob.Unlock()
	p := s.process()
	if p == nil {
		return s.errorf("thaw: %w", errNotRunning)
	}
	ctx, cancel := s.timeout()
	defer cancel()
	if err := s.thaw(p); err != nil {
		return s.errorf("thaw: %w", err)
	}
	if err := s.waitReady(ctx); err != nil {
		return s.errorf("thaw: %w", err)
	}
	return nil
}

// Start starts a server that is not running, at its old address: a primary as
// primary, a replica as replica. It returns when the server takes connections.
// A restarted replica may be behind where it was: see WaitForCatchUp.
func (s *Server) Start() error {
	s.knob.Lock()
	defer s.knob.Unlock()
	ctx, cancel := s.timeout()
	defer cancel()
	if err := s.relaunch(ctx); err != nil {
		return s.errorf("start: %w", err)
	}
	return nil
}

// Restart is Stop, then Start.
func (s *Server) Restart() error {
	if err := s.Stop(); err != nil {
		return err
	}
	return s.Start()
}

// WaitReady waits until the server takes connections, for instance after
// KillBackend, which makes it restart by itself.
func (s *Server) WaitReady() error {
	ctx, cancel := s.timeout()
	defer cancel()
	if err := s.waitReady(ctx); err != nil {
		return s.errorf("%w", err)
	}
	return nil
}

// KillBackend ends one process of the server with SIGKILL, as the system does
// when memory runs out. PostgreSQL then ends all connections and recovers:
// WaitReady waits for that. The pid is that of pg_backend_pid().
func (s *Server) KillBackend(pid int) error {
	s.knob.Lock()
	defer s.knob.Unlock()
	p := s.process()
	if p == nil {
		return s.errorf("kill backend: %w", errNotRunning)
	}
	if s.frozen {
		return s.errorf("kill backend: the server is frozen and would not notice")
	}
	if !isChild(p.pid, pid) {
		return s.errorf("kill backend: process %d is not one of the server's", pid)
	}
	ctx, cancel := s.timeout()
	defer cancel()
	if err := signal(pid, sigKill); err != nil {
		return s.errorf("kill backend: %w", err)
	}
	// The server notices when it has waited for the dead process.
	if err := await(ctx, "the server to notice", func() (bool, error) { return processState(pid) == "", nil }); err != nil {
		return s.errorf("kill backend: %w", err)
	}
	return nil
}

var errNotRunning = errors.New("the server is not running")

func (s *Server) shutdown(what string, sig syscall.Signal) error {
	s.knob.Lock()
	defer s.knob.Unlock()
	p := s.process()
	if p == nil {
		return s.errorf("%s: %w", what, errNotRunning)
	}
	ctx, cancel := s.timeout()
	defer cancel()
	if err := s.signalAndWait(ctx, p, sig); err != nil {
		return s.errorf("%s: %w", what, err)
	}
	return nil
}

func (s *Server) signalAndWait(ctx context.Context, p *process, sig syscall.Signal) error {
	// The signal first: a thawed server acts on it before anything else.
	if err := signal(p.pid, sig); err != nil {
		return err
	}
	if err := s.thaw(p); err != nil {
		return err
	}
	return p.wait(ctx)
}

func (s *Server) thaw(p *process) error {
	if !s.frozen {
		return nil
	}
	s.frozen = false
	return thawAll(p.pid)
}

// relaunch starts the server at the address that everybody knows by now: when
// somebody else sits there, it waits for them to go.
func (s *Server) relaunch(ctx context.Context) error {
	for {
		err := s.launch(ctx)
		if !errors.Is(err, errPortTaken) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w (%d)", err, s.serverPort)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (s *Server) waitReady(ctx context.Context) error {
	return await(ctx, "the server to take connections", func() (bool, error) {
		conn, err := s.connect(ctx)
		if err != nil {
			return false, err
		}
		defer closeConn(conn)
		err = conn.Ping(ctx)
		return err == nil, err
	})
}

func isChild(parent, pid int) bool {
	children, err := childrenOf(parent)
	return err == nil && slices.Contains(children, pid)
}
