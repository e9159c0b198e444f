//go:build unix

package exact

import (
	"syscall"
	"time"
)

// cpuTime is how much CPU time this process has used: the collector's work is part of it, other processes' is not.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // it has no way to fail
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
