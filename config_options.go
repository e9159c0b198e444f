package pgsplit

import (
	"fmt"
	"strings"
)

// Role is what a server is to its cluster: the one that takes writes, or one that follows it. Unless Config.Roles is
// RolesStatic it is found out by asking the server, and may change while a handle lives.
type Role uint8

// The roles.
const (
	RoleUnknown Role = iota // not asked yet, or no answer
	RolePrimary             // takes writes
	RoleReplica             // a hot standby: replays the primary's WAL and takes reads only
)

// Roles says how a server's role is known. In a DSN: roles.
type Roles uint8

// How roles are known. The zero value is the default.
const (
	// RolesAuto asks each server for its role, again and again.
	RolesAuto Roles = iota
	// RolesStatic takes the first server of the DSN (or Config.Primary) for the primary and the others for replicas, whatever
	// they say: for logical replicas, which are no standbys, and for what looks like PostgreSQL and cannot be asked. Servers are
	// only asked whether they answer. Their lag is unknown, so max_lag has no effect on them; and as nothing tells how far they
	// are, read_your_writes sends reads to the primary for good after the handle's first write. A failover is for whoever
	// moves the primary's name or address: pgsplit does not look for another primary.
	RolesStatic
)

// ReadYourWrites says which earlier writes a read is promised to see. In a DSN: read_your_writes.
type ReadYourWrites uint8

// How much read-your-writes a handle gives. The zero value is the default.
const (
	// RYWOff lets a read on a replica miss a write that this process has completed a moment ago.
	RYWOff ReadYourWrites = iota
	// RYWOn promises that a read sees every write to the relations it reads that this handle has completed before it: those
	// that it names, closed over views, partitions, inheritance, foreign-key actions, rules, triggers, row-level-security
	// policies and functions, as the primary's catalog has them. What is not understood counts as touching everything, and so
	// does a schema change. Views, triggers, policies and functions that another process changes count once this one has
	// noticed, after about one monitor_interval (or 200 times what it takes to ask, if that is more); RYWStrict does not
	// depend on them.
	RYWOn
	// RYWStrict promises that a read sees every write that this handle has completed before it, whatever it wrote to.
	RYWStrict
)

// WhenStale says what a read does when no replica is fresh enough for it. In a DSN: when_stale.
type WhenStale uint8

// What a read does when no replica is fresh enough. The zero value is the default.
const (
	// StalePrimary sends the read to the primary.
	StalePrimary WhenStale = iota
	// StaleFreshest sends the read to the replica that is the least behind; read-your-writes is still kept.
	StaleFreshest
	// StaleError makes the read fail, so that a lagging replica never adds load to the primary.
	StaleError
)

// The balancers: how one of several fit replicas is picked. In a DSN: balancer.
const (
	BalancerLeastBusy  = "least_busy"  // the one with the fewest connections in use by this handle, per weight; the default
	BalancerRoundRobin = "round_robin" // each in its turn, or in proportion to the weights
	BalancerRandom     = "random"      // any, with chances in proportion to the weights
	BalancerLatency    = "latency"     // the one that promises the earlier answer
)

// The names in the order of the constants: what String gives, and what a DSN says.
var (
	roleNames           = []string{"unknown", "primary", "replica"}
	readYourWritesNames = []string{"off", "on", "strict"}
	rolesNames          = []string{"auto", "static"}
	whenStaleNames      = []string{"primary", "freshest", "error"}
	balancerNames       = []string{BalancerLeastBusy, BalancerRoundRobin, BalancerRandom, BalancerLatency}
)

// String gives "unknown", "primary" or "replica".
func (r Role) String() string { return enumName(roleNames, r) }

// MarshalText gives what String gives.
func (r Role) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads what String gives.
func (r *Role) UnmarshalText(text []byte) error { return parseEnum(r, roleNames, string(text)) }

// String gives "auto" or "static".
func (r Roles) String() string { return enumName(rolesNames, r) }

// MarshalText gives what String gives.
func (r Roles) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads what String gives, so that the setting can be a command-line flag or stand in a JSON file.
func (r *Roles) UnmarshalText(text []byte) error { return parseEnum(r, rolesNames, string(text)) }

// String gives "off", "on" or "strict".
func (r ReadYourWrites) String() string { return enumName(readYourWritesNames, r) }

// MarshalText gives what String gives.
func (r ReadYourWrites) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads what String gives, so that the setting can be a command-line flag or stand in a JSON file.
func (r *ReadYourWrites) UnmarshalText(text []byte) error {
	return parseEnum(r, readYourWritesNames, string(text))
}

// String gives "primary", "freshest" or "error".
func (w WhenStale) String() string { return enumName(whenStaleNames, w) }

// MarshalText gives what String gives.
func (w WhenStale) MarshalText() ([]byte, error) { return []byte(w.String()), nil }

// UnmarshalText reads what String gives, so that the setting can be a command-line flag or stand in a JSON file.
func (w *WhenStale) UnmarshalText(text []byte) error {
	return parseEnum(w, whenStaleNames, string(text))
}

func enumName[E ~uint8](names []string, e E) string {
	if int(e) < len(names) {
		return names[e]
	}
	return fmt.Sprintf("invalid(%d)", uint8(e))
}

func parseEnum[E ~uint8](e *E, names []string, text string) error {
	for i, name := range names {
		if strings.EqualFold(text, name) {
			*e = E(i)
			return nil
		}
	}
	return fmt.Errorf("write %s", oneOf(names))
}

// oneOf gives `"a", "b" or "c"`.
func oneOf(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = `"` + name + `"`
	}
	last := len(quoted) - 1
	if last < 1 {
		return strings.Join(quoted, "")
	}
	return strings.Join(quoted[:last], ", ") + " or " + quoted[last]
}
