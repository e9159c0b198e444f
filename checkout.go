package pgsplit

import (
	"context"
	"database/sql/driver"
	"errors"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgsplit/pgsplit/internal/statement"
)

// What a checkout does with its backend connections.

// inTransaction says whether the primary's connection of this checkout is in a transaction, however it was begun.
func (c *Conn) inTransaction() bool {
	return c.tx != nil || c.primary != nil && !c.primary.closed() && c.primary.txStatus() != 'I'
}

// usePrimary returns the primary's connection of this checkout. Once it has died after the checkout used it, there is
// none until the checkout ends: what was done on it (a transaction, a lock, a setting) is gone, and a fresh connection
// must not pretend otherwise.
func (c *Conn) usePrimary(ctx context.Context) (*backend, error) {
	if c.lost {
		return nil, driver.ErrBadConn
	}
	if b := c.primary; b != nil {
		if b.closed() {
			c.lost = true
			return nil, driver.ErrBadConn
		}
		if b.pin&^pinDoubt == 0 && c.cluster.cfg.AfterConnect == nil {
			b.refresh(ctx)
		}
		return b, nil
	}
	return c.borrowPrimary(ctx)
}

func (c *Conn) borrowPrimary(ctx context.Context) (*backend, error) {
	if c.lost {
		return nil, driver.ErrBadConn
	}
	if c.primary != nil {
		return c.primary, nil
	}
	// Who waits for the primary's connection must not hold a replica's that others may wait for. It is not needed: after this
	// reads go to the primary.
	if r := c.reader; r != nil && r.pg != nil && !r.pg.PgConn().IsBusy() && c.tx == nil {
		c.returnReader()
	}
	var b *backend
	var err error
	if cl := c.cluster; len(cl.servers) == 1 {
		if b, err = c.awake(ctx); b == nil && err == nil {
			b, err = cl.servers[0].acquire(ctx, true, 0)
		}
	} else {
		now := clock()
		cl.touch(now)
		b, err = cl.acquirePrimary(ctx, c.until, tickOf(now))
	}
	if err != nil {
		return nil, err
	}
	c.primary = b
	return b, nil
}

func (c *Conn) dropPrimary() {
	b := c.primary
	c.primary = nil
	b.srv.drop(b)
}

// note takes down, before the statement is sent, what it may leave behind: whatever becomes of the answer, the
// connection is treated as if it did.
func (c *Conn) note(b *backend, query string) {
	c.sticky = true
	pin := c.pinsOf(b, query)
	c.added, c.text = pin&^b.pin, query
	b.carry(pin)
	b.stir(c.st, pin)
	b.temps.note(c.st, pin, query)
	if c.refusal == "" && c.st.Read() && c.refused(query) {
		c.refusal = "before"
	}
	if c.mayWrite() {
		b.dirty = true
		c.touch(&b.touched)
	}
	if b.txStatus() == 'I' || c.commits() {
		c.hold(&b.touched)
	}
}

// mayWrite says whether the text at hand may change anything that a read could see. A text that looks like a read does
// if it reads a view that calls a writing function, say: the catalog knows, unless it is in doubt, and a replica's refusal tells.
func (c *Conn) mayWrite() bool {
	if c.st.Read() {
		return !c.sure || c.effect || c.refusal != "" || c.callsDoubtful()
	}
	switch c.st.Kind {
	case statement.Begin, statement.Commit, statement.Rollback, statement.Savepoint, statement.Release, statement.RollbackTo,
		statement.Show, statement.Listen, statement.Unlisten:
		return c.st.Statements != 1 || c.st.Flags&statement.Writes != 0
	}
	return true
}

// finish draws the conclusions of a statement on the primary whose answer is complete. A mark is left once the
// transaction around it has ended, unless it is certain that nothing was kept.
func (c *Conn) finish(b *backend, err error) {
	defer c.unhold()
	if err == nil && c.st.Flags&statement.DDL != 0 && c.st.Pin&statement.PinTempTable == 0 && !b.temps.dropped(c.st) {
		c.cluster.schemaChanged()
		c.changed = c.changed || b.txStatus() != 'I'
	} else if c.changed && b.txStatus() == 'I' {
		c.changed = false
		c.cluster.schemaChanged() // now the others see it, too
	}
	if (c.added != 0 || c.doubted) && notParsed(err) {
		c.forget(b, c.text)
	}
	if err == nil && c.dropsPrepared() && b.pg != nil && !b.pg.PgConn().IsBusy() {
		b.forgetPrepared()
	}
	if err == nil && c.st.Unpin != 0 && b.txStatus() == 'I' { // in a transaction the undo could be rolled back
		b.shed(c.st.Unpin)
	}
	if !b.dirty || b.txStatus() != 'I' && !b.closed() && !c.commits() {
		return
	}
	kept := true
	switch {
	case err != nil:
		kept = !c.rolledBack(b, err)
	case c.st.Statements == 1 && c.st.Kind == statement.Rollback:
		kept = false
	}
	c.wrote(b, kept)
}

// commits says whether the text at hand commits although its connection may be in a transaction afterwards: COMMIT AND
// CHAIN, or several statements.
func (c *Conn) commits() bool {
	return c.st.Kind == statement.Commit || c.st.Statements > 1 && c.st.Flags&statement.TxControl != 0
}

// rolledBack says whether an error proves that the statement, and the transaction around it if any, kept nothing. A
// procedure or several statements may have committed on the way.
func (c *Conn) rolledBack(b *backend, err error) bool {
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) || fatal(pgErr) || b.closed() {
		return notExecuted(err)
	}
	switch c.st.Kind {
	case statement.Call, statement.Do, statement.Unknown:
		return false
	}
	return c.st.Statements == 1 && c.st.Flags&statement.NotUnderstood == 0
}

func (c *Conn) wrote(b *backend, kept bool) {
	if kept && (c.cluster.tracks || len(b.touched.sessions) > 0) {
		c.cluster.wrote(&b.touched)
	}
	b.cleanse()
}

// again says whether a statement of the primary may run once more: it provably did not run, and the checkout had done
// nothing on the primary before. A server that says it may only read has not executed anything; when it turns out to
// have become a standby, the statement goes to the new primary.
func (c *Conn) again(ctx context.Context, d *directives, b *backend, query string, err error, fresh bool, attempt int) bool {
	if !fresh || c.tx != nil || attempt > 3 || ctx.Err() != nil {
		return false
	}
	switch {
	case notExecuted(err), b.closed() && b.unsent, b.closed() && c.st.Read() && !c.mayWrite():
		// The connection died while it was idle. A read may run again even where that cannot be proved.
		// What has killed one connection has killed the idle ones, too.
		b.srv.dropIdle(ticks())
	case readOnlyServer(err) && len(c.cluster.servers) > 1 && c.st.Statements == 1 && b.txStatus() == 'I' && c.cluster.demoted(ctx, b):
	default:
		return false
	}
	c.cluster.traceRetry(ctx, d, b.srv, query, err)
	c.dropPrimary()
	c.sticky = false
	return true
}

// fail is the last stop of an error of the primary on its way to the application: as pgx gives it.
func (c *Conn) fail(b *backend, err error) error {
	if err == nil || !b.closed() {
		return err
	}
	c.lost = true
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	b.srv.went(err)
	if serverEnds(err) {
		b.srv.dropIdle(ticks()) // lest each of them costs a write its answer
	}
	if len(c.cluster.servers) > 1 {
		c.cluster.watch[b.srv.index].poke()
	}
	return err
}

// settle ends what was under way without our seeing its end: a pgx connection handed out through Raw, rows of a write
// on a connection that is not pgx's. It is called when the next thing happens on this Conn.
func (c *Conn) settle() {
	if c.plain {
		c.noLongerPlain()
	}
	if c.raw {
		c.raw = false
		c.cluster.wroteRaw()
	}
	if c.rows {
		c.rows = false
		c.cluster.wrote(&c.opened)
		c.cluster.marks.end(&c.opened)
		if c.primary.txStatus() == 'I' {
			c.primary.cleanse()
		}
	}
}

// returnReader gives the replica's connection back.
func (c *Conn) returnReader() {
	if b := c.reader; b != nil {
		c.reader = nil
		b.srv.release(b, ticks())
	}
}

// endCheckout gives back what this checkout has borrowed, and returns when; zero: it had nothing. It may be called any number
// of times.
func (c *Conn) endCheckout() (at tick) {
	if c.plain {
		if at, ended := c.endPlain(); ended {
			return at
		}
	}
	c.settle()
	if b := c.reader; b != nil {
		c.reader, at = nil, ticks()
		b.srv.release(b, at)
	}
	if c.tx != nil {
		c.tx = nil
	}
	c.sticky, c.lost, c.changed, c.until = false, false, false, time.Time{}
	b := c.primary
	if b == nil {
		return at
	}
	if b.dirty {
		// A transaction that was left open is rolled back with its connection; anything else has been concluded.
		b.cleanse()
	}
	c.settleDoubts(b)
	b.prove(c.cluster.life)
	if b.pin != 0 {
		b.tidyIfQuiet()
		b.srv.park(b, true)
		return at
	}
	c.primary, at = nil, ticks()
	c.giveBack(b, at)
	return at
}
