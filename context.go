package pgsplit

import (
	"context"
	"time"
)

// directives are what an application says about a statement through its context. They live under one context key, so
// that the query path looks into the context once.
type directives struct {
	primary bool
	replica bool
	ownLag  bool // maxLag is set
	maxLag  time.Duration
	trace   *Trace
	session *Session
}

type directivesKey struct{}

// noDirectives is what a context without any directive means.
var noDirectives = new(directives)

func directivesOf(ctx context.Context) *directives {
	if d, ok := ctx.Value(directivesKey{}).(*directives); ok {
		return d
	}
	return noDirectives
}

func with(ctx context.Context, change func(*directives)) context.Context {
	d := *directivesOf(ctx)
	change(&d)
	return context.WithValue(ctx, directivesKey{}, &d)
}

// WithPrimary returns a context whose statements all run on the primary. It undoes an outer WithReplica.
//
// It does not take a read out of a read-only transaction that already runs on a replica: begin that transaction with
// the context instead.
func WithPrimary(ctx context.Context) context.Context {
	return with(ctx, func(d *directives) { d.primary, d.replica = true, false })
}

// WithReplica returns a context whose reads may go to a replica even while replica reads are switched off for the
// handle (replica_reads=off). It undoes an outer WithPrimary.
//
// It makes nothing a read that is not one: writes, locks, transactions, connections with session state and reads that
// no replica is fit for still run on the primary.
func WithReplica(ctx context.Context) context.Context {
	return with(ctx, func(d *directives) { d.primary, d.replica = false, true })
}

// WithMaxLag returns a context whose reads take replicas that are at most d behind the primary, instead of the handle's
// max_lag. 0 is no bound: any replica that can be reached will do. A negative d is one that no replica keeps.
//
// Where no replica keeps the bound, when_stale decides, but the bound holds: with "primary" and "freshest" the read
// goes to the primary, and fails if there is none within failover_timeout (whereas a read without a bound of its own takes any
// replica then); with "error" it fails at once. A replica whose lag is unknown keeps no bound but 0.
//
// A replica's lag is known to within a sampling interval. While there are reads with a bound, servers are asked every d/4, if that
// is less than monitor_interval; a bound below about 20 ms sends many reads to the primary.
func WithMaxLag(ctx context.Context, d time.Duration) context.Context {
	return with(ctx, func(dir *directives) { dir.ownLag, dir.maxLag = true, d })
}

// WithTrace returns a context whose statements call the hooks of t, after those of the handle's Config.Trace. It
// answers the question "which server served this request, and why" for one piece of code. The hooks run on the
// goroutine of the statement and have to be fast; t may be shared by any number of contexts.
func WithTrace(ctx context.Context, t *Trace) context.Context {
	return with(ctx, func(d *directives) { d.trace = t })
}
