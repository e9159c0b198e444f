package pgsplit

import (
	"context"
	"database/sql/driver"

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

// What a backend keeps in one word, tally: whether it rests, and how many statements have gone the short way on it. Whoever lays
// it to rest publishes both at once. A counter of its own would be another locked instruction, and each of those waits until
// all that the system calls before it have written is out of the processor's hands.
const (
	atRest    = 1       // it is nobody's, and not among its server's idle ones: whoever wakes it has it
	oneExec   = 1 << 1  // of ReasonExec; 30 bits
	oneQuery  = 1 << 32 // of ReasonNoReplica; 31 bits
	tallyFull = 1<<31 | 1<<63
)

// plainly returns the connection to run a text on if it can go the short way; else nil.
func (c *Conn) plainly(ctx context.Context, query string) *backend {
	b, cl := c.rested, c.cluster
	if b == nil || b.direct == nil || cl.traces || len(c.prepared) > 0 || directivesOf(ctx) != noDirectives {
		return nil
	}
	if (query != c.latest || query == "") && !c.learn(query) || !b.wake() {
		return nil
	}
	now := ticks()
	if now.sub(b.used) > cl.brief || now > b.expires || b.closed() || len(b.prepared) > 0 || b.plans != cl.schema.Load() || b.stirs(now) {
		c.lay(b, 0)
		return nil // the long way looks after it
	}
	b.used = now
	c.rested, c.primary, c.sticky, c.plain = nil, b, true, true
	return b
}

// learn says whether a text is known as a plain one, and remembers it for the next time: often the same text comes again.
func (c *Conn) learn(query string) bool {
	k, _, _ := c.cluster.texts.find(query, nil)
	if k == nil || !k.plain {
		return false
	}
	c.latest, c.alone = k.sql, k.alone // the application's own text may be part of something large
	return true
}

func (c *Conn) queryPlain(ctx context.Context, b *backend, query string, args []driver.NamedValue) (driver.Rows, error) {
	if c.owes = oneQuery; c.alone != ReasonNoReplica {
		c.owes = 0
		b.counts[c.alone].Add(1)
	}
	rows, err := b.direct.QueryContext(ctx, query, args)
	if err == nil {
		return rows, nil
	}
	return c.mendQuery(ctx, b, query, args, err)
}

func (c *Conn) mendQuery(ctx context.Context, b *backend, query string, args []driver.NamedValue, err error) (rows driver.Rows, _ error) {
	err = c.catchUp(ctx, b, query, err)
	if c.repeatable() && b.outdated(ctx, err, query) {
		if rows, err = b.queryOnce(ctx, query, args, nil); err == nil {
			return c.answered(b, query, rows), nil
		}
	}
	again, err := c.concluded(ctx, noDirectives, b, query, err, true, 1)
	if again {
		return c.queryPrimary(ctx, noDirectives, c.alone, query, args, nil, 2)
	}
	return nil, err
}

func (c *Conn) execPlain(ctx context.Context, b *backend, query string, args []driver.NamedValue) (driver.Result, error) {
	c.owes = oneExec
	res, err := b.direct.ExecContext(ctx, query, args)
	if err == nil {
		return res, nil
	}
	return c.mendExec(ctx, b, query, args, err)
}

func (c *Conn) mendExec(ctx context.Context, b *backend, query string, args []driver.NamedValue, err error) (res driver.Result, _ error) {
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

// endPlain is endCheckout after a plain text. It reports false if that is called for after all.
func (c *Conn) endPlain() (at tick, ended bool) {
	b := c.primary
	if !b.clean() {
		return 0, false
	}
	at = ticks()
	b.idled = at
	c.plain, c.primary, c.sticky = false, nil, false
	c.lay(b, c.owes)
	return at, true
}

// noLongerPlain has the statement counted that went the short way, where the checkout does not end with that: it has failed, its
// connection is not clean, or more follows.
func (c *Conn) noLongerPlain() {
	c.plain = false
	switch c.owes {
	case oneExec:
		c.primary.counts[ReasonExec].Add(1)
	case oneQuery:
		c.primary.counts[ReasonNoReplica].Add(1)
	}
}

// enter moves a tally that has become too large to where the other statements are counted.
func (s *server) enter(b *backend, tally uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b.tally.Store(0)
	b.counts[ReasonExec].Add(execsOf(tally))
	b.counts[ReasonNoReplica].Add(queriesOf(tally))
}

func execsOf(tally uint64) int64   { return int64(uint32(tally) / oneExec) }
func queriesOf(tally uint64) int64 { return int64(tally / oneQuery) }
