package pgsplit

// Reason says why a statement went where it went. The order is that of the decision: the first that matches counts.
type Reason uint8

const (
	// ReasonReplica: a read, served by a replica.
	ReasonReplica Reason = iota
	// ReasonTransaction: inside a transaction, which runs on one server as a whole.
	ReasonTransaction
	// ReasonReadOnlyTransaction: inside a read-only transaction that runs on a replica (read_only_tx=replica).
	ReasonReadOnlyTransaction
	// ReasonForced: WithPrimary, or a "pgsplit: primary" comment in the statement.
	ReasonForced
	// ReasonPinned: this connection carries session state, which lives on the primary.
	ReasonPinned
	// ReasonSticky: this checkout (one sql.Conn, one sql.Tx) has used the primary before.
	ReasonSticky
	// ReasonExec: Exec always runs on the primary.
	ReasonExec
	// ReasonWrites: the statement writes.
	ReasonWrites
	// ReasonLocks: the statement takes a lock.
	ReasonLocks
	// ReasonSessionState: the statement reads or changes the state of its session.
	ReasonSessionState
	// ReasonServerLocal: each server has an answer of its own (statistics, locks, sequences, settings).
	ReasonServerLocal
	// ReasonCatalog: the statement reads system catalogs, which migration tools do right after DDL.
	ReasonCatalog
	// ReasonUnknownFunction: the statement calls a function that is not a built-in one and could do anything.
	ReasonUnknownFunction
	// ReasonUnknownName: the statement names a function or relation that the catalog did not have when it was last read.
	ReasonUnknownName
	// ReasonDefinitions: the schema has changed, or the handle is new, and the catalog is still being read.
	ReasonDefinitions
	// ReasonSeveral: several statements in one text.
	ReasonSeveral
	// ReasonNotUnderstood: the text was not understood.
	ReasonNotUnderstood
	// ReasonRefused: replicas have refused statements like it before, see Stats.Refusals.
	ReasonRefused
	// ReasonReplicaReadsOff: replica reads are switched off (replica_reads=off).
	ReasonReplicaReadsOff
	// ReasonNoReplica: the cluster has no replica.
	ReasonNoReplica
	// ReasonNoHealthyReplica: no replica can be reached.
	ReasonNoHealthyReplica
	// ReasonLag: every replica that can be reached is further behind than max_lag.
	ReasonLag
	// ReasonNotCaughtUp: a write that concerns this read has not reached a replica yet (read_your_writes).
	ReasonNotCaughtUp
	// ReasonReplicaFailed: replicas were tried and failed or refused.
	ReasonReplicaFailed
	// ReasonFull: every replica that is fit has as many connections in use as it may have (max_conns_per_server).
	ReasonFull
	// ReasonBusy: rows of an earlier read are still open on this connection's replica.
	ReasonBusy
	// ReasonPing: a Ping, which asks the primary.
	ReasonPing

	reasonCount
)

var reasonNames = [reasonCount]string{
	ReasonReplica:             "read",
	ReasonTransaction:         "inside a transaction",
	ReasonReadOnlyTransaction: "inside a read-only transaction",
	ReasonForced:              "forced to the primary",
	ReasonPinned:              "the connection has session state",
	ReasonSticky:              "the connection has used the primary",
	ReasonExec:                "exec",
	ReasonWrites:              "writes",
	ReasonLocks:               "locks",
	ReasonSessionState:        "touches session state",
	ReasonServerLocal:         "reads server-local state",
	ReasonCatalog:             "reads the system catalog",
	ReasonUnknownFunction:     "calls an unknown function",
	ReasonUnknownName:         "names something unknown",
	ReasonDefinitions:         "the schema is being read",
	ReasonSeveral:             "several statements",
	ReasonNotUnderstood:       "not understood",
	ReasonRefused:             "replicas refused its like before",
	ReasonReplicaReadsOff:     "replica reads are off",
	ReasonNoReplica:           "no replica configured",
	ReasonNoHealthyReplica:    "no replica reachable",
	ReasonLag:                 "replicas lag",
	ReasonNotCaughtUp:         "replicas have not caught up with a write",
	ReasonReplicaFailed:       "a replica failed or refused",
	ReasonFull:                "replicas have no free connection",
	ReasonBusy:                "rows are open on the connection",
	ReasonPing:                "ping",
}

// String returns the reason in a few words.
func (r Reason) String() string {
	if r < reasonCount {
		return reasonNames[r]
	}
	return "unknown reason"
}

// MarshalText gives what String gives, so that a map by reason can be printed as JSON.
func (r Reason) MarshalText() ([]byte, error) { return []byte(r.String()), nil }
