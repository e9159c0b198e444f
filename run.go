package pgsplit

import (
	"context"
	"database/sql/driver"
	"time"

	"github.com/pgsplit/pgsplit/internal/statement"
)

// How a driver connection runs a statement: on a replica, else on the primary, again where that is safe.

// start takes up a text.
func (c *Conn) start(ctx context.Context, query string) *directives {
	c.settle()
	c.until = time.Time{}
	d := directivesOf(ctx)
	c.session = c.cluster.sessionOf(d)
	c.analyze(query)
	return d
}

// ExecContext runs a statement on the primary.
func (c *Conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if b := c.plainly(ctx, query); b != nil {
		return c.execPlain(ctx, b, query, args)
	}
	return c.exec(ctx, query, args, c.own(query))
}

func (c *Conn) exec(ctx context.Context, query string, args []driver.NamedValue, p *prepared) (driver.Result, error) {
	d := c.start(ctx, query)
	// Who runs a read without looking at its rows wants an effect of it.
	c.effect = c.st.Read()
	if t := c.tx; t != nil && t.replica {
		return execIn(ctx, t, query, args, p)
	}
	reason := ReasonExec
	if c.inTransaction() {
		reason = ReasonTransaction
	}
	for attempt := 1; ; attempt++ {
		b, fresh, err := c.toPrimary(ctx, d, reason, query, attempt)
		if err != nil {
			return nil, err
		}
		res, err := b.exec(ctx, query, args, p, c.repeatable())
		again, err := c.concluded(ctx, d, b, query, err, fresh, attempt)
		c.sawPrimary()
		if !again {
			return res, err
		}
	}
}

// QueryContext runs a query on a replica if it is a read that a replica may serve now, else on the primary.
func (c *Conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if b := c.plainly(ctx, query); b != nil {
		return c.queryPlain(ctx, b, query, args)
	}
	return c.query(ctx, query, args, c.own(query))
}

func (c *Conn) query(ctx context.Context, query string, args []driver.NamedValue, p *prepared) (driver.Rows, error) {
	d := c.start(ctx, query)
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
		b, fresh, err := c.toPrimary(ctx, d, reason, query, attempt)
		if err != nil {
			return nil, err
		}
		rows, err := b.query(ctx, query, args, p, c.repeatable())
		if err == nil {
			return c.answered(b, query, rows), nil
		}
		again, err := c.concluded(ctx, d, b, query, err, fresh, attempt-first+1)
		if !again {
			return nil, err
		}
	}
}

// toPrimary takes a connection to the primary for an attempt at a text. It is fresh if this checkout has not used it, and it carries
// nothing: then another may take its place.
func (c *Conn) toPrimary(ctx context.Context, d *directives, reason Reason, query string, attempt int) (b *backend, fresh bool, err error) {
	if b, err = c.usePrimary(ctx); err != nil {
		return nil, false, err
	}
	fresh = !c.sticky && b.pin == 0
	c.note(b, query)
	c.cluster.traceRoute(ctx, d, b, reason, query, attempt)
	return b, fresh, nil
}

// answered draws the conclusions of a query of the primary whose first row is there.
func (c *Conn) answered(b *backend, query string, rows driver.Rows) driver.Rows {
	if c.refusal != "" && c.refuser != nil && c.cluster.upToDate(c.refuser, time.Now()) {
		c.cluster.refusals.remember(statement.Fingerprint(query), query, c.refusal, time.Now())
	}
	rows = c.watchRows(b, rows)
	c.sawPrimary()
	return rows
}

// concluded draws those of a statement of the primary whose answer is complete, and says whether it is to run again.
func (c *Conn) concluded(ctx context.Context, d *directives, b *backend, query string, err error, fresh bool, attempt int) (again bool, _ error) {
	c.finish(b, err)
	if err != nil && c.again(ctx, d, b, query, err, fresh, attempt) {
		return true, nil
	}
	return false, c.fail(b, err)
}

func execIn(ctx context.Context, t *Tx, query string, args []driver.NamedValue, p *prepared) (driver.Result, error) {
	return inReplicaTx(ctx, t, query,
		func(b *backend) (driver.Result, error) { return b.exec(ctx, query, args, p, false) },
		func() (driver.Result, error) { return t.conn.exec(ctx, query, args, p) })
}

func queryIn(ctx context.Context, t *Tx, query string, args []driver.NamedValue, p *prepared) (driver.Rows, error) {
	return inReplicaTx(ctx, t, query,
		func(b *backend) (driver.Rows, error) {
			if !t.used {
				b.ahead.arm()
			}
			return b.ahead.first(b.query(ctx, query, args, p, false))
		},
		func() (driver.Rows, error) { return t.conn.query(ctx, query, args, p) })
}

// inReplicaTx runs a statement of a transaction on a replica. While it is the first one, an unfit statement or a failing
// replica moves the transaction to the primary.
func inReplicaTx[T any](ctx context.Context, t *Tx, query string, here func(*backend) (T, error), there func() (T, error)) (T, error) {
	var none T
	c, d := t.conn, directivesOf(ctx)
	move, err := t.moves()
	if err != nil {
		return none, err
	}
	if move {
		if err := t.toPrimary(); err != nil {
			return none, err
		}
		return there()
	}
	b := t.backend
	b.carry(c.st.Pin) // a function that nobody can read, say: the connection is closed after the transaction
	c.cluster.traceRoute(ctx, d, b, ReasonReadOnlyTransaction, query, 1)
	var res T
	g := c.glance(b.srv)
	err = b.guarded(func() (err error) {
		res, err = here(b)
		return err
	})
	if err == nil {
		t.used = true
		c.sawReplica(g)
		return res, nil
	}
	v, lost, pause := judge(ctx, b, err)
	if lost {
		c.cluster.suspect(b.srv, err, pause)
	}
	if v == passOn || t.used {
		return none, err
	}
	c.cluster.traceRetry(ctx, d, b.srv, query, err)
	if err := t.toPrimary(); err != nil {
		return none, err
	}
	return there()
}
