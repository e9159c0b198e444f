package pgsplittest

import "time"

// Options say what cluster to start. The zero value is one primary without
// replicas, of the newest PostgreSQL that is installed.
type Options struct {
	// Replicas is the number of streaming replicas beside the primary.
	Replicas int

	// Version asks for a PostgreSQL version: a major one ("15") or an exact
	// one ("15.4"). Empty takes the newest that is found. 13 is the oldest
	// that works.
	Version string

	// BinDir is the folder that holds initdb and postgres. Empty looks in the
	// places that [FindPrograms] names.
	BinDir string

	// IgnoreInstalled skips the search for installed programs, so that what a
	// provider (see [RegisterProvider]) brings is used. BinDir goes before it.
	IgnoreInstalled bool

	// Parameters are postgresql.conf settings for all servers, over the
	// package's defaults. Ports, addresses and replication connections belong
	// to the package: setting those here has no effect.
	Parameters map[string]string

	// ServerParameters gives the settings of one server by its name ("primary",
	// "replica1", …), over Parameters. It may be nil.
	ServerParameters func(name string) map[string]string

	// SetupSQL runs once, as superuser, in the application database of the
	// primary, before Start returns; the replicas have replayed it by then.
	// It may hold several statements.
	SetupSQL string

	// FreshSystem runs initdb for this cluster instead of copying a data folder
	// kept from an earlier start (about a second more). Clusters made from the
	// kept folder share one system identifier; a test which must tell two
	// clusters apart by it needs this for one of them.
	FreshSystem bool

	// InitdbArgs are added to initdb's own, such as "--data-checksums" or
	// "--wal-segsize=1".
	InitdbArgs []string

	// Proxy puts a TCP proxy in front of each server, in this process: the DSNs
	// lead through it, and [Server.Proxy] can break the network there.
	Proxy bool

	// Timeout bounds the start and each knob. Zero means a minute.
	Timeout time.Duration

	// Logf, if not nil, is told of the steps of the start.
	Logf func(format string, args ...any)
}

const defaultTimeout = time.Minute

// withDefaults makes the no-op defaults explicit, so that the rest of the
// package never tests for nil or zero.
func (o Options) withDefaults() Options {
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.Logf == nil {
		o.Logf = func(string, ...any) {}
	}
	if o.ServerParameters == nil {
		o.ServerParameters = func(string) map[string]string { return nil }
	}
	return o
}
