package pgsplittest

import (
	_ "embed"
	"fmt"
	"io"
	"os"
	"os/exec"
)

// watchdog is a shell that outlives this process for a moment: it reads from a
// pipe whose other end only this process holds, and at its end, which comes by
// whatever way this process goes, ends the servers and removes their folder.
type watchdog struct {
	cmd  *exec.Cmd
	pipe io.WriteCloser
}

//go:embed watchdog.sh
var watchdogScript string

func startWatchdog(dir string) (*watchdog, error) {
	// No output of it may go to ours: `go test` waits until every holder of the
	// test's output has closed it.
	cmd := exec.Command("/bin/sh", "-c", watchdogScript, "pgsplittest-watchdog", dir)
	cmd.Dir = "/"
	cmd.Env = append(cleanEnv(), "PATH="+os.Getenv("PATH")+":/usr/bin:/bin:/usr/sbin:/sbin")
	cmd.SysProcAttr = ownSession()
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the watchdog: %w", err)
	}
	return &watchdog{cmd: cmd, pipe: pipe}, nil
}

// add names one more process to end.
func (w *watchdog) add(pid int) error {
	if _, err := fmt.Fprintln(w.pipe, pid); err != nil {
		return fmt.Errorf("tell the watchdog: %w", err)
	}
	return nil
}

// stop lets the watchdog look once more that nothing is left, and waits for it.
func (w *watchdog) stop() error {
	_ = w.pipe.Close()
	if err := w.cmd.Wait(); err != nil {
		return fmt.Errorf("watchdog: %w", err)
	}
	return nil
}
