package catalog

import "github.com/pgsplit/pgsplit/internal/statement"

// marks are what is known of a node of the graph: an effect, and for read-your-writes whether it may read or write
// relations that nothing tells of, or comes to do so when a function is replaced. Marks only ever come to marks, so that cycles end.
type marks uint64

const (
	pinShift = 32

	opaque    marks = 1 << (48 + iota)
	readsAny        // may read any relation
	writesAny       // may write any relation
	calls           // calls a function that is not built in, or is a view

	staying   = opaque | (1<<16-1)<<pinShift // the marks of what stays in the session
	effective = staying | (1<<32 - 1)        // the marks that make an effect

	// unreadable is a function that may do anything.
	unreadable = marks(statement.UnknownFunction) | marks(statement.PinUnknown)<<pinShift | opaque | readsAny | writesAny

	// volatile is a function that says of itself that it may not run on a standby.
	volatile = marks(statement.UnknownFunction)
)

func flagMarks(f statement.Flags) marks { return marks(f) }
func pinMarks(p statement.Pin) marks    { return marks(p) << pinShift }

func (m marks) flags() statement.Flags { return statement.Flags(uint32(m)) }
func (m marks) pin() statement.Pin     { return statement.Pin(uint16(m >> pinShift)) }
func (m marks) unfit() bool            { return m.flags()&statement.Primary != 0 }
