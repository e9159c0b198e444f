package statement

// Kind is what a statement is, by its first words.
type Kind uint8

const (
	Unknown Kind = iota
	Empty        // nothing but white space, comments and semicolons
	Select
	Values
	Table
	Explain
	Insert
	Update
	Delete
	Merge
	Truncate
	Copy    // COPY … FROM, or TO a file or program
	CopyOut // COPY … TO STDOUT
	Begin
	Commit
	Rollback
	Savepoint
	Release
	RollbackTo
	PrepareTransaction
	CommitPrepared
	RollbackPrepared
	Set
	Reset
	Show
	Discard
	Listen
	Unlisten
	Notify
	Lock
	Prepare
	Execute
	Deallocate
	Declare
	Fetch
	Move
	Close
	Do
	Call
	Load
	Create
	Alter
	Drop
	Maintain // VACUUM, ANALYZE, CLUSTER, REINDEX, REFRESH, CHECKPOINT
	Grant    // GRANT, REVOKE, COMMENT, SECURITY LABEL, IMPORT, REASSIGN
)

var kindNames = [...]string{
	"unknown", "empty", "select", "values", "table", "explain", "insert", "update", "delete", "merge", "truncate", "copy",
	"copy out", "begin", "commit", "rollback", "savepoint", "release", "rollback to", "prepare transaction",
	"commit prepared", "rollback prepared", "set", "reset", "show", "discard", "listen", "unlisten", "notify", "lock",
	"prepare", "execute", "deallocate", "declare", "fetch", "move", "close", "do", "call", "load", "create", "alter",
	"drop", "maintain", "grant",
}

func (k Kind) String() string { return kindNames[k] }
