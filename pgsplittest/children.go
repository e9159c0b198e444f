package pgsplittest

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// kill ends the main process and all its children at once, and waits until the
// system has none of them any more.
func (s *Server) kill(p *process) error {
	// Stopped, it cannot start another child behind our back.
	if err := signal(p.pid, sigStop); err != nil {
		return err
	}
	children, err := childrenOf(p.pid)
	if err != nil {
		return errors.Join(err, signal(p.pid, sigContinue))
	}
	errs := []error{signal(p.pid, sigKill)}
	for _, pid := range children {
		errs = append(errs, signal(pid, sigKill))
	}
	ctx, cancel := s.timeout()
	defer cancel()
	errs = append(errs, p.wait(ctx))
	for _, pid := range children {
		errs = append(errs, await(ctx, "the end of process "+strconv.Itoa(pid), func() (bool, error) { return !alive(pid), nil }))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	s.frozen = false
	return nil
}

// dropSharedMemory removes the small segment that a killed server leaves in the
// system, where a later start in the same folder has not done it.
func (s *Server) dropSharedMemory() {
	lines := s.readLockFile()
	if len(lines) <= lockLineMemory {
		return
	}
	if fields := strings.Fields(lines[lockLineMemory]); len(fields) == 2 {
		_ = exec.Command("ipcrm", "-m", fields[1]).Run() // 56 bytes until the next boot, if not
	}
}

// childrenOf lists the direct children of a process. A server's children have none.
func childrenOf(parent int) ([]int, error) {
	table, err := processTable()
	if err != nil {
		return nil, err
	}
	var children []int
	for _, p := range table {
		if p.parent == parent {
			children = append(children, p.pid)
		}
	}
	return children, nil
}

// alive reports whether a process is there and not merely waited for by its
// parent, which in a container can be one that never does.
func alive(pid int) bool {
	state := processState(pid)
	return state != "" && !strings.HasPrefix(state, "Z")
}

type processEntry struct {
	pid, parent int
	state       string // "R", "S", "T" stopped, "Z" dead, …
}

func processTable() ([]processEntry, error) {
	if stats, _ := filepath.Glob("/proc/[0-9]*/stat"); len(stats) > 0 {
		var table []processEntry
		for _, path := range stats {
			if p, ok := readStat(path); ok {
				table = append(table, p)
			}
		}
		return table, nil
	}
	out, err := exec.Command("ps", "-A", "-o", "pid=,ppid=,stat=").Output()
	if err != nil {
		return nil, err
	}
	var table []processEntry
	for line := range strings.Lines(string(out)) {
		if p, ok := parseEntry(strings.Fields(line), 0, 1, 2); ok {
			table = append(table, p)
		}
	}
	return table, nil
}

func processState(pid int) string {
	if _, err := os.Stat("/proc/self/stat"); err == nil {
		p, _ := readStat("/proc/" + strconv.Itoa(pid) + "/stat")
		return p.state
	}
	out, err := exec.Command("ps", "-o", "stat=", "-p", strconv.Itoa(pid)).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

// readStat reads Linux's "pid (name) state ppid …".
func readStat(path string) (processEntry, bool) {
	text, err := os.ReadFile(path)
	if err != nil {
		return processEntry{}, false
	}
	open, end := strings.IndexByte(string(text), '('), strings.LastIndexByte(string(text), ')')
	if open < 0 || end < open {
		return processEntry{}, false
	}
	fields := append([]string{strings.TrimSpace(string(text[:open]))}, strings.Fields(string(text[end+1:]))...)
	return parseEntry(fields, 0, 2, 1)
}

func parseEntry(fields []string, pid, parent, state int) (processEntry, bool) {
	if len(fields) <= max(pid, parent, state) {
		return processEntry{}, false
	}
	p := processEntry{state: fields[state]}
	var errPid, errParent error
	p.pid, errPid = strconv.Atoi(fields[pid])
	p.parent, errParent = strconv.Atoi(fields[parent])
	return p, errPid == nil && errParent == nil
}

// freezeAll stops a process and its children until none that runs is left: one
// may have been started before its parent stopped.
func freezeAll(ctx context.Context, pid int) error {
	if err := signal(pid, sigStop); err != nil {
		return err
	}
	return await(ctx, "the freeze", func() (bool, error) {
		table, err := processTable()
		if err != nil {
			return false, err
		}
		frozen := true
		for _, p := range table {
			if (p.pid == pid || p.parent == pid) && !strings.HasPrefix(p.state, "T") && !strings.HasPrefix(p.state, "Z") {
				frozen = false
				if err := signal(p.pid, sigStop); err != nil {
					return false, err
				}
			}
		}
		return frozen, nil
	})
}

func thawAll(pid int) error {
	children, err := childrenOf(pid)
	if err != nil {
		return err
	}
	var errs []error
	for _, child := range append(children, pid) {
		errs = append(errs, signal(child, sigContinue))
	}
	return errors.Join(errs...)
}
