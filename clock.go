package pgsplit

import "time"

// epoch is where times that are kept as numbers begin; it has a monotonic clock.
var epoch = time.Now()

// clock is time.Now for what is only compared within this process. It reads one clock of the system instead of two, which
// shows where each statement asks for the time.
func clock() time.Time { return epoch.Add(time.Since(epoch)) }
