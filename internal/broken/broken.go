// Package broken lets this repository's tests take away one rule at a time, of read-your-writes or of session state, to show
// what it is there for: without it, the checker finds what must not be. Nothing else may touch it.
package broken

import "sync/atomic"

// Each holds for the whole process.
var (
	PageHeaders   atomic.Bool // positions within a page's header are not rounded down
	WritePosition atomic.Bool // marks are resolved by the position up to which the log is written, not inserted
	EarlyMark     atomic.Bool // a write's mark is left before its rows have ended
	OldSample     atomic.Bool // a sample counts for connections that were opened after it
	AnyInstance   atomic.Bool // a sample counts for connections to another instance behind the same name
	Unpinned      atomic.Bool // a server connection with session state is shared like any other
)
