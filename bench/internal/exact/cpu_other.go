//go:build !unix

package exact

import "time"

var begin = time.Now()

// cpuTime falls back to the clock: other processes' work is part of it.
func cpuTime() time.Duration { return time.Since(begin) }
