package statement

// Class is what a standby makes of a function.
type Class uint8

const (
	ClassUnknown      Class = iota // not built in
	ClassRead                      // the primary's answer
	ClassReadsUnnamed              // the primary's answer, from relations that the text names only as data
	ClassCatalog                   // looks into definitions
	ClassServerLocal               // the state of one server or backend
	ClassEffect                    // writes, or has another effect
	ClassLock                      // takes or drops an advisory lock
	ClassSession                   // makes or reads session state
	ClassText                      // runs a text that it is given
	ClassRows                      // makes rows of the type of one that it is given
)

var classNames = [...]string{
	"unknown", "read", "reads unnamed relations", "catalog", "state of one server", "effect", "lock", "session state",
	"runs a text", "makes rows",
}

func (c Class) String() string { return classNames[c] }

var classFlags = [...]Flags{
	ClassUnknown:      UnknownFunction,
	ClassReadsUnnamed: ReadsUnnamed,
	ClassCatalog:      Catalog,
	ClassServerLocal:  ServerLocal,
	ClassEffect:       Writes,
	ClassLock:         Locks,
	ClassSession:      SessionState,
	ClassText:         UnknownFunction,
	ClassRows:         0,
}
