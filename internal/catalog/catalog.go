// Package catalog knows what the names in a text mean on a real server: which functions may run on a standby, which
// relations read like a table and are none, what a write sets off. It learns so from a snapshot of the server's system
// catalog, taken as an ordinary role, and judges by bare names, since nobody but the server knows a session's search
// path: of all objects of one name the least fit counts.
package catalog

import "github.com/pgsplit/pgsplit/internal/statement"

// Catalog is what one snapshot said. It never changes and is safe for concurrent use. A nil Catalog, and one that
// [Declare] made, knows no server's objects: functions that are not built in stay unknown, relations are taken as
// ordinary tables.
type Catalog struct {
	loaded      bool
	fingerprint string

	relations map[string]*relation
	functions map[string]*object
	operators map[string]*object
	types     map[string]*object

	// These are mostly empty: functions that need a look, since they are unfit, or read or write relations.
	shadows    map[string]*object // named like a built-in one
	attributes map[string]*object // that can be called as row.name
	scalars    map[string]*object // that can be called as (value).name, or types that a value can be made one of so

	definition *object // DDL: event triggers
	everywhere *object // any expression: operators and casts between built-in types; nil if there is nothing to them
}

// relation is every relation of one name.
type relation struct {
	read, write object
	put         reach // what INSERT and UPDATE may write, which is less than what DELETE does
	calls       bool  // reading it calls a function that is not built in, or it is a view
}

// object is what using a name does, and what it reaches, all objects of that name taken together.
type object struct {
	effect *effect // nil if it is fit for a standby and leaves nothing in the session
	reads  reach
	writes reach
}

// effect is what keeps a text from standbys, or stays in the session.
type effect struct {
	flags  statement.Flags
	pin    statement.Pin
	opaque bool
	cause  string
}

// Fingerprint identifies the state of the server's catalog when the snapshot was taken, see [Fingerprint]. It is empty
// if there was none.
func (c *Catalog) Fingerprint() string {
	if c == nil {
		return ""
	}
	return c.fingerprint
}

// Loaded tells whether a server's catalog is in it.
func (c *Catalog) Loaded() bool { return c != nil && c.loaded }
