package pgsplittest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// process is a running postmaster.
type process struct {
	pid    int
	exited chan struct{} // closed when it has been waited for
	state  string        // how it ended; read after exited
}

func (p *process) gone() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

func (p *process) wait(ctx context.Context) error {
	select {
	case <-p.exited:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the server does not end: %w", ctx.Err())
	}
}

// errPortTaken means that somebody else has got the server's port.
var errPortTaken = errors.New("the port is in use")

// startOnFreePort is the first start: it may still choose another port when
// somebody was faster.
func (s *Server) startOnFreePort(ctx context.Context) error {
	s.knob.Lock()
	defer s.knob.Unlock()
	for {
		port, err := freePort()
		if err != nil {
			return err
		}
		s.serverPort = port
		if err := s.openProxy(); err != nil {
			return err
		}
		if err := s.launch(ctx); !errors.Is(err, errPortTaken) {
			return err
		}
	}
}

// launch starts the server and waits until it takes connections.
func (s *Server) launch(ctx context.Context) error {
	switch {
	case s.discarded:
		return errors.New("the cluster is closed")
	case s.process() != nil:
		return errors.New("the server is running already")
	}
	if err := s.conf.write(s); err != nil {
		return err
	}
	if err := s.writeStandbySignal(); err != nil {
		return err
	}
	log, err := os.OpenFile(s.logPath(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	before, err := log.Stat()
	if err != nil {
		return err
	}

	cmd := exec.Command(s.cluster.programs.path("postgres"), "-D", s.data())
	cmd.Dir = s.dir
	cmd.Env = cleanEnv()
	cmd.SysProcAttr = childAttr(s.cluster.account)
	cmd.Stdout, cmd.Stderr = log, log
	if err := s.cluster.spawner.start(cmd); err != nil {
		return err
	}
	p := &process{pid: cmd.Process.Pid, exited: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // how it ended is in ProcessState
		p.state = cmd.ProcessState.String()
		_ = s.Proxy().serverIs(false) // closing a listener does not fail
		close(p.exited)
	}()
	s.setProcess(p)
	s.frozen = false
	if err := s.cluster.watchdog.add(p.pid); err != nil {
		return err
	}
	if err := s.Proxy().serverIs(true); err != nil {
		return err
	}

	err = await(ctx, "the start", func() (bool, error) { return p.gone() || s.lockFileSays("ready", p.pid), nil })
	output := func() string { return s.Log()[before.Size():] }
	switch {
	case err != nil:
		return fmt.Errorf("%w; its log ends with:\n%s", err, lastLines(output(), 10))
	case !p.gone():
		return nil
	case strings.Contains(output(), "could not bind"):
		return errPortTaken
	default:
		return fmt.Errorf("the server ended while it started (%s); its log ends with:\n%s", p.state, lastLines(output(), 10))
	}
}

// writeStandbySignal makes the folder a replica's or a primary's.
func (s *Server) writeStandbySignal() error {
	if s.replicatesFrom() != nil {
		return s.writeFile("standby.signal", "")
	}
	return unlessGone(os.Remove(filepath.Join(s.data(), "standby.signal")))
}

// The lock file's lines: pid, data folder, start time, port, socket folder,
// address, shared memory key and id, status.
const (
	lockLineMemory = 6
	lockLineStatus = 7
)

func (s *Server) readLockFile() []string {
	text, err := os.ReadFile(filepath.Join(s.data(), "postmaster.pid"))
	if err != nil {
		return nil
	}
	return strings.Split(string(text), "\n")
}

// lockFileSays reports whether the server with this pid has written the status.
func (s *Server) lockFileSays(status string, pid int) bool {
	lines := s.readLockFile()
	return len(lines) > lockLineStatus && lines[0] == strconv.Itoa(pid) && strings.TrimSpace(lines[lockLineStatus]) == status
}

// discard ends the server for good: what it holds is of no use to anybody now.
func (s *Server) discard() error {
	s.knob.Lock()
	defer s.knob.Unlock()
	s.discarded = true
	p := s.process()
	if p == nil {
		s.dropSharedMemory()
		return nil
	}
	if !s.frozen {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		if signal(p.pid, sigImmediate) == nil && p.wait(ctx) == nil {
			return nil
		}
	}
	err := s.kill(p)
	s.dropSharedMemory()
	return err
}
