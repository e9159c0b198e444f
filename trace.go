package pgsplit

import (
	"context"
	"time"
)

// Trace is a set of hooks into the decisions of a handle. Any of them may be nil. Route and Retry are called on the
// goroutine of the statement concerned, possibly many at once. None of them may use the handle itself.
type Trace struct {
	// Route is called each time a statement is about to be sent to a server: once for most, again for every attempt
	// that follows the failure of a replica.
	Route func(ctx context.Context, info RouteInfo)

	// Retry is called when a server's error does not reach the application because the statement runs again elsewhere.
	Retry func(ctx context.Context, info RetryInfo)

	// The others are called for changes of the cluster's state, in the order in which they happened and one at a time,
	// on a goroutine of the handle that no statement waits for. Only the Trace of Config gets them, not that of WithTrace. A
	// handle with a single server has no such changes.

	// RoleChange is called when a server is found to have another role than before, also when its role is first found out.
	RoleChange func(info RoleChangeInfo)

	// PrimaryChange is called when another server than before takes the writes, or none does.
	PrimaryChange func(info PrimaryChangeInfo)

	// ServerOut is called when a server gets no more statements because it does not answer or refuses connections.
	ServerOut func(info ServerOutInfo)

	// ServerBack is called when it is well again.
	ServerBack func(info ServerBackInfo)
}

// RoleChangeInfo tells of a server's new role.
type RoleChangeInfo struct {
	Server ServerInfo // with the role that it has now
	From   Role       // RoleUnknown when it was first found out
}

// PrimaryChangeInfo tells which server takes the writes, by name. An empty name stands for none.
type PrimaryChangeInfo struct {
	From, To string
}

// ServerOutInfo tells which server is out, and why.
type ServerOutInfo struct {
	Server ServerInfo
	Err    error
}

// ServerBackInfo tells which server is back, and for how long it was out.
type ServerBackInfo struct {
	Server ServerInfo
	Out    time.Duration
}

// RouteInfo tells where a statement goes, and why.
type RouteInfo struct {
	Server  ServerInfo
	Reason  Reason
	SQL     string // as the application gave it; arguments are not part of it
	Attempt int    // 1 for the first server that is tried
}

// RetryInfo tells which error of which server was healed by running the statement elsewhere.
type RetryInfo struct {
	Server ServerInfo
	SQL    string
	Err    error
}

// ServerInfo names one server of the cluster.
type ServerInfo struct {
	Name string // host:port as configured; "primary", "replica1", … for servers given as a driver.Connector
	Role Role   // as last found out
}

func (c *Cluster) traceRoute(ctx context.Context, d *directives, b *backend, reason Reason, sql string, attempt int) {
	b.counts[reason].Add(1)
	if d.trace == nil && !c.traces {
		return
	}
	info := RouteInfo{Server: c.serverInfo(b.srv), Reason: reason, SQL: sql, Attempt: attempt}
	if t := c.cfg.Trace; t != nil && t.Route != nil {
		t.Route(ctx, info)
	}
	if t := d.trace; t != nil && t.Route != nil {
		t.Route(ctx, info)
	}
}

func (c *Cluster) traceRetry(ctx context.Context, d *directives, s *server, sql string, err error) {
	s.healed.Add(1)
	s.went(err)
	if d.trace == nil && c.cfg.Trace == nil {
		return
	}
	info := RetryInfo{Server: c.serverInfo(s), SQL: sql, Err: err}
	if t := c.cfg.Trace; t != nil && t.Retry != nil {
		t.Retry(ctx, info)
	}
	if t := d.trace; t != nil && t.Retry != nil {
		t.Retry(ctx, info)
	}
}
