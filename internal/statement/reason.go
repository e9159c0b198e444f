package statement

// Reason is the first cause, in the order of the constants, why a text is not a read for a replica.
type Reason uint8

const (
	ReasonRead Reason = iota // it is one
	ReasonEmpty
	ReasonNotUnderstood
	ReasonSeveral
	ReasonTransaction
	ReasonDDL
	ReasonWrites
	ReasonLocks
	ReasonSession
	ReasonServerLocal
	ReasonCatalog
	ReasonFunction
)

var reasonNames = [...]string{
	"read", "empty", "not understood", "several statements", "transaction control", "changes definitions", "writes",
	"takes locks", "session state", "state of one server", "system catalog", "unknown function",
}

func (r Reason) String() string { return reasonNames[r] }

var reasonFlags = [...]struct {
	flag   Flags
	reason Reason
}{
	{NotUnderstood, ReasonNotUnderstood},
	{Several, ReasonSeveral},
	{TxControl, ReasonTransaction},
	{DDL, ReasonDDL},
	{Writes, ReasonWrites},
	{Locks, ReasonLocks},
	{SessionState, ReasonSession},
	{ServerLocal, ReasonServerLocal},
	{Catalog, ReasonCatalog},
	{UnknownFunction, ReasonFunction},
}

// ReasonOf returns the first cause among flags; a caller that has resolved some of them clears those first.
func ReasonOf(f Flags) Reason {
	if f&Primary != 0 {
		for _, r := range reasonFlags {
			if f&r.flag != 0 {
				return r.reason
			}
		}
	}
	return ReasonRead
}
