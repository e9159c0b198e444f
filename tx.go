package pgsplit

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgsplit/pgsplit/internal/statement"
)

var _ driver.Tx = (*Tx)(nil)

// Tx is a transaction on one backend connection. Read-only ones may run on a replica (read_only_tx=replica).
type Tx struct {
	conn    *Conn
	inner   driver.Tx
	backend *backend
	ctx     context.Context // of BeginTx: pgx commits and rolls back with it, too
	opts    driver.TxOptions
	session *sessionPart // of BeginTx

	replica  bool // on a replica
	fallback bool // on the primary for want of a replica
	over     bool // it was to move to the primary, and could not: nothing runs in it any more
	used     bool // on a replica, and a statement has run: it cannot move any more
}

// BeginTx begins a transaction: on the primary, or on a replica if it is read-only, the handle allows that
// (read_only_tx=replica), and the isolation level is not SERIALIZABLE, which standbys do not know.
func (c *Conn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	c.settle()
	c.until = time.Time{}
	d := directivesOf(ctx)
	c.session, c.beginning = c.cluster.sessionOf(d), true
	reason := ReasonTransaction
	var taken bool
	if c.mayReadOnReplica(d, opts) {
		for again := true; again; {
			var tx driver.Tx
			var err error
			if tx, reason, err = c.beginReplica(ctx, d, opts); tx != nil || err != nil {
				return tx, err
			}
			if again = c.awaitReplica(ctx); again {
				continue
			}
			if taken, again, err = c.fallBack(ctx, d, reason); err != nil {
				return nil, err
			}
		}
	}
	tx, err := c.beginPrimary(ctx, d, opts, reason)
	switch {
	case taken && err != nil:
		c.cluster.fallback.end()
	case taken:
		c.tx.fallback = true
	}
	return tx, err
}

func (c *Conn) mayReadOnReplica(d *directives, opts driver.TxOptions) bool {
	return opts.ReadOnly && c.cluster.cfg.ReadOnlyTx == RoleReplica && len(c.cluster.servers) > 1 &&
		sql.IsolationLevel(opts.Isolation) != sql.LevelSerializable &&
		!d.primary && (d.replica || c.cluster.replicaReads.Load()) &&
		!c.sticky && !c.lost && (c.primary == nil || c.primary.pin == 0)
}

func (c *Conn) beginReplica(ctx context.Context, d *directives, opts driver.TxOptions) (driver.Tx, Reason, error) {
	var tried uint64
	for attempt := 1; ; attempt++ {
		b, reason, err := c.borrowReplica(ctx, d, "", &tried)
		if b == nil {
			return nil, reason, err
		}
		c.cluster.traceRoute(ctx, d, b, ReasonReadOnlyTransaction, "", attempt)
		var inner driver.Tx
		err = b.guarded(func() (err error) {
			inner, err = b.begin(ctx, opts)
			return err
		})
		if err == nil {
			c.tx = &Tx{conn: c, inner: inner, backend: b, ctx: ctx, opts: opts, session: c.session, replica: true}
			return c.tx, 0, nil
		}
		v, lost, pause := judge(ctx, b, err)
		c.returnReader()
		if lost {
			c.cluster.suspect(b.srv, err, pause)
		}
		if v != passOn {
			c.cluster.traceRetry(ctx, d, b.srv, "", err)
		}
		switch v {
		case passOn:
			return nil, 0, err
		case askPrimary:
			return nil, ReasonReplicaFailed, nil
		}
		tried |= 1 << b.srv.index
	}
}

// beginPrimary begins on the primary. BEGIN has no effect beyond its connection, so on an idle connection that turns
// out to have died it is repeated on another.
func (c *Conn) beginPrimary(ctx context.Context, d *directives, opts driver.TxOptions, reason Reason) (driver.Tx, error) {
	for attempt := 1; ; attempt++ {
		b, err := c.usePrimary(ctx)
		if err != nil {
			return nil, err
		}
		c.cluster.traceRoute(ctx, d, b, reason, "", attempt)
		inner, err := b.begin(ctx, opts)
		if err == nil {
			c.sticky = true
			c.tx = &Tx{conn: c, inner: inner, backend: b, ctx: ctx, opts: opts, session: c.session}
			return c.tx, nil
		}
		if b.closed() && !c.sticky && b.pin == 0 && attempt < 3 && ctx.Err() == nil {
			c.dropPrimary()
			continue
		}
		return nil, c.fail(b, err)
	}
}

// Commit commits. It is never repeated: when its answer is lost, nobody knows whether it took effect.
func (t *Tx) Commit() error {
	if t.over {
		t.end()
		return driver.ErrBadConn
	}
	if t.replica {
		return t.endOnReplica(t.inner.Commit, t.backend.txStatus() == 'T')
	}
	t.conn.hold(&t.backend.touched)
	err := t.inner.Commit()
	t.end()
	if t.conn.changed {
		t.conn.changed = false
		t.conn.cluster.schemaChanged() // now the others see it, too
	}
	if b := t.backend; b.dirty {
		var pgErr *pgconn.PgError
		rolledBack := errors.Is(err, pgx.ErrTxCommitRollback) || errors.As(err, &pgErr) && !fatal(pgErr)
		t.conn.wrote(b, !rolledBack)
	}
	t.conn.unhold()
	return t.conn.fail(t.backend, err)
}

// Rollback rolls back. Nothing is kept, whatever it returns: a connection that cannot say ROLLBACK is closed.
func (t *Tx) Rollback() error {
	if t.over {
		t.end()
		return nil
	}
	if t.replica {
		return t.endOnReplica(t.inner.Rollback, true)
	}
	err := t.inner.Rollback()
	t.end()
	t.backend.cleanse()
	t.conn.changed = false
	return t.conn.fail(t.backend, err)
}

// endOnReplica commits or rolls back on a replica. When it fails only now, everything that was read has been delivered, and
// there is nothing to keep: the application has lost nothing, and the primary would not have failed. sound says whether it would
// not: the commit of a transaction in which a statement has failed does.
func (t *Tx) endOnReplica(end func() error, sound bool) error {
	b := t.backend
	// Through Raw, or by a function that nobody can read, rows or a cursor may be open: pgx's word stands.
	sound = sound && b.pg != nil && b.pin == 0 && !b.closed()
	err := b.guarded(end)
	t.end()
	if err == nil || !sound {
		return err
	}
	if errors.Is(err, errSilent) {
		return nil // its connection is gone, and the transaction with it
	}
	return b.forgive(t.ctx, err)
}

func (t *Tx) end() {
	if t.backend != nil {
		t.backend.inTx = false
	}
	if t.fallback {
		t.fallback = false
		t.conn.cluster.fallback.end()
	}
	if t.conn.tx == t {
		t.conn.tx = nil
	}
}

// moves says whether a statement of a transaction on a replica has to run on the primary instead. As long as nothing
// has run, the whole transaction can; later a statement that would be wrong here, though a standby would run it, is
// refused: a lock there excludes nobody, and a session's state would be on the wrong server.
func (t *Tx) moves() (bool, error) {
	st := t.conn.st
	if st.Read() || st.Flags&statement.LocalSetting != 0 && st.Pin == 0 && st.Flags&(statement.Writes|statement.Locks|statement.UnknownFunction) == 0 {
		return false, nil
	}
	if !t.used {
		return true, nil
	}
	if locksWithoutRefusal(st) || st.Pin&^(statement.PinUnknown|statement.PinTempTable) != 0 { // temporary tables a standby refuses as a read-only transaction does
		return false, fmt.Errorf("pgsplit: a statement that %s cannot run in a read-only transaction on a replica:"+
			" run it first in the transaction, or begin the transaction under WithPrimary", reasonOf(st))
	}
	return false, nil
}

// locksWithoutRefusal says whether a text takes a lock that a standby grants by itself. Row locks it refuses, with the
// error that a read-only transaction on the primary gives.
func locksWithoutRefusal(st *statement.Analysis) bool {
	if st.Flags&statement.Locks == 0 {
		return false
	}
	return st.Kind == statement.Lock || slices.ContainsFunc(st.Functions(), func(n statement.Name) bool {
		return strings.Contains(n.Name, "advisory")
	})
}

// toPrimary begins the transaction anew on the primary. Nothing has run in it so far.
func (t *Tx) toPrimary() error {
	c := t.conn
	if !t.backend.closed() {
		t.backend.guarded(t.inner.Rollback)
	}
	t.backend.inTx = false
	t.backend, t.replica = nil, false
	c.tx, c.session = nil, t.session
	c.returnReader()
	tx, err := c.beginPrimary(t.ctx, directivesOf(t.ctx), t.opts, ReasonReplicaFailed)
	if err != nil {
		// The application still holds the transaction: whatever it does in it must fail, not run outside of it.
		t.over, c.lost, c.tx = true, true, t
		return err
	}
	*t = *tx.(*Tx)
	c.tx = t
	return nil
}
