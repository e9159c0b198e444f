package pgsplit

import (
	"context"
	"database/sql/driver"
	"time"

	"github.com/pgsplit/pgsplit/internal/statement"
)

// How a driver connection runs a statement: on a replica, else on the primary, again where that is safe.

// ExecContext runs a statement on the primary.
func (c *Conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if k, b := c.plainly(ctx, query); b != nil {
		return c.execPlain(ctx, k, b, query, args)
	}
	return c.exec(ctx, query, args, c.own(query))
}

func (c *Conn) exec(ctx context.Context, query string, args []driver.NamedValue, p *prepared) (driver.Result, error) {
	c.settle()
	c.until = time.Time{}
	d := directivesOf(ctx)
	c.session = c.cluster.sessionOf(d)
	c.analyze(query)
	// Who runs a read without looking at its rows wants an effect of it.
	c.sure = c.sure && !c.st.Read()
	if t := c.tx; t != nil && t.replica {
		return execIn(ctx, t, query, args, p)
	}
	reason := ReasonExec
	if c.inTransaction() {
		reason = ReasonTransaction
	}
	for attempt := 1; ; attempt++ {
		b, err := c.usePrimary(ctx)
		if err != nil {
			return nil, err
		}
		fresh := !c.sticky && b.pin == 0
		c.note(b, query)
		c.cluster.traceRoute(ctx, d, b, reason, query, attempt)
		res, err := b.exec(ctx, query, args, p, c.repeatable())
		again, err := c.executed(ctx, d, b, query, err, fresh, attempt)
		if !again {
			return res, err
		}
	}
}

// executed draws the conclusions of a statement without rows, and says whether it is to run again.
func (c *Conn) executed(ctx context.Context, d *directives, b *backend, query string, err error, fresh bool, attempt int) (again bool, _ error) {
	c.finish(b, err)
	c.sawPrimary()
	if err != nil && c.again(ctx, d, b, query, err, fresh, attempt) {
		return true, nil
	}
	return false, c.fail(b, err)
}

// QueryContext runs a query on a replica if it is a read that a replica may serve now, else on the primary.
func (c *Conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if k, b := c.plainly(ctx, query); b != nil {
		return c.queryPlain(ctx, k, b, query, args)
	}
	return c.query(ctx, query, args, c.own(query))
}

func (c *Conn) query(ctx context.Context, query string, args []driver.NamedValue, p *prepared) (driver.Rows, error) {
	c.settle()
	c.until = time.Time{}
	d := directivesOf(ctx)
	c.session = c.cluster.sessionOf(d)
	c.analyze(query)
	if t := c.tx; t != nil && t.replica {
		return queryIn(ctx, t, query, args, p)
	}
	reason := c.route(c.st, d)
	attempt := 1
	if reason == ReasonReplica && c.refused(query) {
		reason = ReasonRefused
	}
	if reason == ReasonReplica {
		if c.lost {
			return nil, driver.ErrBadConn
		}
		var taken bool
		for again := true; again; {
			var rows driver.Rows
			var err error
			rows, reason, attempt, err = c.queryReplica(ctx, d, query, args, p)
			if rows != nil || err != nil {
				return rows, err
			}
			if again = c.awaitReplica(ctx); again {
				continue
			}
			if taken, again, err = c.fallBack(ctx, d, reason); err != nil {
				return nil, err
			}
		}
		if taken {
			return c.cluster.fallback.untilClosed(c.queryPrimary(ctx, d, reason, query, args, p, attempt))
		}
	}
	return c.queryPrimary(ctx, d, reason, query, args, p, attempt)
}

// queryPrimary runs a query on the primary.
func (c *Conn) queryPrimary(ctx context.Context, d *directives, reason Reason, query string, args []driver.NamedValue, p *prepared, attempt int) (driver.Rows, error) {
	for first := attempt; ; attempt++ {
		b, err := c.usePrimary(ctx)
		if err != nil {
			return nil, err
		}
		fresh := !c.sticky && b.pin == 0
		c.note(b, query)
		c.cluster.traceRoute(ctx, d, b, reason, query, attempt)
		rows, err := b.query(ctx, query, args, p, c.repeatable())
		if err == nil {
			return c.answered(b, query, rows), nil
		}
		again, err := c.failed(ctx, d, b, query, err, fresh, attempt-first+1)
		if !again {
			return nil, err
		}
	}
}

// answered draws the conclusions of a query of the primary whose first row is there, and failed those of one that has failed:
// whether it is to run again.
func (c *Conn) answered(b *backend, query string, rows driver.Rows) driver.Rows {
	if c.refusal != "" && c.refuser != nil && c.cluster.upToDate(c.refuser, time.Now()) {
		c.cluster.refusals.remember(statement.Fingerprint(query), query, c.refusal, time.Now())
	}
	rows = c.watchRows(b, rows)
	c.sawPrimary()
	return rows
}

func (c *Conn) failed(ctx context.Context, d *directives, b *backend, query string, err error, fresh bool, attempt int) (again bool, _ error) {
	c.finish(b, err)
	if c.again(ctx, d, b, query, err, fresh, attempt) {
		return true, nil
	}
	return false, c.fail(b, err)
}
