package pgsplittest

import (
	"os/exec"
	"runtime"
)

// spawner starts child processes from one operating-system thread. On Linux a
// server is asked to die with its parent, and the kernel takes the thread that
// forked it for that parent: started from any goroutine, a server could die in
// the middle of a test when the runtime ends a thread.
type spawner struct {
	jobs chan func()
	done chan struct{}
}

func newSpawner() *spawner {
	s := &spawner{jobs: make(chan func()), done: make(chan struct{})}
	go func() {
		defer close(s.done)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		for job := range s.jobs {
			job()
		}
	}()
	return s
}

func (s *spawner) start(cmd *exec.Cmd) error {
	result := make(chan error)
	s.jobs <- func() { result <- cmd.Start() }
	return <-result
}

// stop ends the thread's work; the servers must be gone by then.
func (s *spawner) stop() {
	close(s.jobs)
	<-s.done
}
