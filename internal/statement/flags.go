package statement

// Flags are the things that decide where a text may go, the union over all its statements.
type Flags uint32

const (
	Writes          Flags = 1 << iota // changes data, definitions or the server, or may
	DDL                               // changes definitions; Writes is set too
	Locks                             // row locks, LOCK, advisory locks
	SessionState                      // reads, makes or drops state of the session
	ServerLocal                       // reads what each server answers for itself: statistics, locks, sequences, transaction ids
	Catalog                           // reads definitions: pg_catalog, information_schema, and functions that look into them
	TxControl                         // begins, ends or shapes a transaction
	Several                           // more than one statement
	NotUnderstood                     // the text, or a part of it
	UnknownFunction                   // calls a function, or uses an operator, that is not built in: see Functions

	// The flags below keep nothing from a replica.

	LocalSetting // SET LOCAL, set_config(…, true): state of the transaction, not of the session
	ReadsUnnamed // reads relations that Relations cannot list, as pg_table_size does
)

// Primary are the flags of which a single one keeps a text from replicas.
const Primary = Writes | DDL | Locks | SessionState | ServerLocal | Catalog | TxControl | Several | NotUnderstood | UnknownFunction

// Pin is the session state that a text leaves behind on the connection that executes it.
type Pin uint16

const (
	PinSetting      Pin = 1 << iota // SET, RESET, set_config without is_local, setseed, and what else a session keeps to its end
	PinRole                         // SET ROLE, SET SESSION AUTHORIZATION
	PinAdvisoryLock                 // pg_advisory_lock and its kin, not those of a transaction
	PinListen
	PinPrepare // PREPARE; DEALLOCATE ALL and DISCARD ALL, which drop what the driver prepared
	PinTempTable
	PinHoldCursor
	PinLoad

	// PinUnknown says that the text runs what cannot be read: DO, CALL, EXECUTE, a function that is not built in, or a
	// text that is not understood. It may leave anything behind; nothing says that it does.
	PinUnknown
)

// Hint is what a comment before or after a text asks for: /* pgsplit: primary */ or -- pgsplit: replica.
type Hint uint8

const (
	HintNone Hint = iota
	HintPrimary
	HintReplica
)

func (h Hint) String() string { return [...]string{"none", "primary", "replica"}[h] }
