package pgsplit

import "time"

// epoch is where times that are kept as numbers begin; it has a monotonic clock. It lies before anything that happens in the
// process, by more than any of the times that are waited for before a connection is looked at.
var epoch = time.Now().Add(-time.Hour)

// tick is a time within this process, in nanoseconds after epoch; 0 is before anything that has happened. It is smaller than a
// time.Time, and quicker to take and to compare: for what the shortest way of a statement looks at.
type tick int64

const never tick = 1<<63 - 1

func ticks() tick { return tick(time.Since(epoch)) }

// tickOf is a time that clock, or time.Now, has told.
func tickOf(t time.Time) tick {
	if t.IsZero() {
		return 0
	}
	return tick(t.Sub(epoch))
}

func (t tick) sub(u tick) time.Duration { return time.Duration(t - u) }

func (t tick) time() time.Time { return epoch.Add(time.Duration(t)) }

// clock is time.Now for what is only compared within this process. It reads one clock of the system instead of two, which
// shows where each statement asks for the time.
func clock() time.Time { return ticks().time() }
