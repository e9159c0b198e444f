package pgsplit

import "context"

// directives are what an application says about a statement through its context. They live under one context key, so
// that the query path looks into the context once.
type directives struct {
	primary bool
	replica bool
	trace   *Trace
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

// WithTrace returns a context whose statements call the hooks of t, after those of the handle's Config.Trace. It
// answers the question "which server served this request, and why" for one piece of code. The hooks run on the
// goroutine of the statement and have to be fast; t may be shared by any number of contexts.
func WithTrace(ctx context.Context, t *Trace) context.Context {
	return with(ctx, func(d *directives) { d.trace = t })
}
