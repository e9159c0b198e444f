package pgsplit

import (
	"context"
	"database/sql/driver"
	"time"

	"github.com/pgsplit/pgsplit/internal/statement"
)

// The short way of ordinary statements on a handle with a single server: nothing to choose, no session state, no transaction.
// After a wait for a server nothing is in the processor's caches any more, instructions included: what the long way looks at, one
// after the other, costs several times what it does in a loop. So all that can be known of a text is found out when it is
// remembered, and all that can be known of a connection when it is given back.

// isPlain says whether a text, under what is known of it, does nothing but read or change rows, so that on a handle with a single
// server its success has no consequences at all.
func (k *knownText) isPlain() bool {
	const consequences = statement.DDL | statement.SessionState | statement.TxControl | statement.Several | statement.NotUnderstood
	switch k.st.Kind {
	case statement.Select, statement.Values, statement.Table, statement.Insert, statement.Update, statement.Delete, statement.Merge:
		return k.judge == nil && k.st.Statements == 1 && k.st.Pin == 0 && k.st.Unpin == 0 && k.st.Flags&consequences == 0
	}
	return false
}

// plainly returns what is known of a text, and the connection to run it on, if it can go the short way.
func (c *Conn) plainly(ctx context.Context, query string) (*knownText, *backend) {
	b := c.rested
	if b == nil || !b.srv.bare || c.cluster.traces || len(c.prepared) > 0 || directivesOf(ctx) != noDirectives {
		return nil, nil
	}
	k, _, _ := c.cluster.texts.find(query, nil)
	if k == nil || !k.plain || !b.wake() {
		return nil, nil
	}
	now := clock()
	if now.Sub(b.used) > pingAfter || b.closed() || b.stirs(now) || b.srv.worn(b, now) || len(b.prepared) > 0 || b.plans != c.cluster.schema.Load() {
		c.lay(b)
		return nil, nil // the long way looks after it
	}
	b.used = now
	c.rested, c.primary, c.sticky, c.plain = nil, b, true, true
	return k, b
}

func (c *Conn) queryPlain(ctx context.Context, k *knownText, b *backend, query string, args []driver.NamedValue) (driver.Rows, error) {
	b.counts[k.alone].Add(1)
	rows, err := b.queryer.QueryContext(ctx, query, args)
	if err == nil {
		return rows, nil
	}
	err = c.catchUp(ctx, b, query, err)
	if c.repeatable() && b.outdated(ctx, err, query) {
		if rows, err = b.queryOnce(ctx, query, args, nil); err == nil {
			return c.answered(b, query, rows), nil
		}
	}
	again, err := c.concluded(ctx, noDirectives, b, query, err, true, 1)
	if again {
		return c.queryPrimary(ctx, noDirectives, k.alone, query, args, nil, 2)
	}
	return nil, err
}

func (c *Conn) execPlain(ctx context.Context, b *backend, query string, args []driver.NamedValue) (driver.Result, error) {
	b.counts[ReasonExec].Add(1)
	res, err := b.execer.ExecContext(ctx, query, args)
	if err == nil {
		return res, nil
	}
	err = c.catchUp(ctx, b, query, err)
	if c.repeatable() && b.outdated(ctx, err, query) {
		res, err = b.execOnce(ctx, query, args, nil)
	}
	again, err := c.concluded(ctx, noDirectives, b, query, err, true, 1)
	if again {
		return c.exec(ctx, query, args, nil)
	}
	return res, err
}

// catchUp does what the short way has left out, for a statement that has failed.
func (c *Conn) catchUp(ctx context.Context, b *backend, query string, err error) error {
	c.start(ctx, query)
	c.note(b, query)
	b.unsent = false
	return b.sent(ctx, true, 'I', err)
}

// endPlain is endCheckout after a plain text.
func (c *Conn) endPlain() time.Time {
	c.plain = false
	b := c.primary
	if !b.clean() {
		return c.endCheckout()
	}
	now := clock()
	b.idled = now
	c.primary, c.sticky = nil, false
	c.lay(b)
	return now
}
