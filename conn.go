package pgsplit

import (
	"context"
	"database/sql/driver"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgsplit/pgsplit/internal/statement"
)

var (
	_ driver.Conn               = (*Conn)(nil)
	_ driver.ConnBeginTx        = (*Conn)(nil)
	_ driver.ConnPrepareContext = (*Conn)(nil)
	_ driver.ExecerContext      = (*Conn)(nil)
	_ driver.QueryerContext     = (*Conn)(nil)
	_ driver.Pinger             = (*Conn)(nil)
	_ driver.NamedValueChecker  = (*Conn)(nil)
	_ driver.SessionResetter    = (*Conn)(nil)
	_ driver.Validator          = (*Conn)(nil)
)

// Conn is a driver connection: what database/sql pools. It has no server connection of its own; while it is checked out
// it borrows one of the primary, one of a replica, or both, and gives them back when the checkout ends. The exception is
// session state: a backend connection that carries some stays with its Conn.
//
// A checkout is the time between database/sql taking the Conn out of its pool and putting it back. IsValid ends it. As
// wrappers around a driver may not pass IsValid on, ResetSession, which begins the next one, ends it as well.
//
// Like every driver.Conn it is not safe for concurrent use; database/sql sees to that.
type Conn struct {
	cluster *Cluster

	primary *backend // of this checkout, or pinned
	reader  *backend // the replica's connection of this checkout
	tx      *Tx      // open transaction of BeginTx

	sticky  bool // this checkout has used the primary: it stays there
	changed bool // the open transaction has changed the schema
	lost    bool // the primary's connection of this checkout died: the checkout is over
	raw     bool // Conn() was handed out, and what became of it is not known yet
	rows    bool // rows of a write are open whose end cannot be seen

	st         statement.Analysis
	refusal    string // SQLSTATE of the lasting refusal that a replica gave to the statement at hand
	candidates []candidate
}

// pinRaw is the session state of a connection that was handed out: anything.
const pinRaw = statement.Pin(1 << 15)

// Conn returns a pgx connection to the primary, for sql.Conn.Raw, as pgx's own driver connection does. It belongs to
// this driver connection from now on, until database/sql closes that: nobody can tell what has been done with it.
//
// If the primary cannot be reached the connection returned is closed, and its methods say so.
func (c *Conn) Conn() *pgx.Conn {
	ctx := context.Background()
	c.settle()
	if t := c.tx; t != nil && t.replica && t.backend.pg != nil {
		t.used = true
		t.backend.carry(pinRaw) // it is closed after the transaction
		return t.backend.pg
	}
	b, err := c.borrowPrimary(ctx)
	if err != nil || b.pg == nil {
		return closedConn()
	}
	b.carry(pinRaw)
	b.dirty, c.sticky = true, true
	if c.cluster.tracksWrites() && !c.raw {
		c.cluster.writes.begin()
		c.raw = true
	}
	return b.pg
}

// ExecContext runs a statement on the primary.
func (c *Conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	return c.exec(ctx, query, args, false)
}

func (c *Conn) exec(ctx context.Context, query string, args []driver.NamedValue, prepared bool) (driver.Result, error) {
	c.settle()
	d := directivesOf(ctx)
	c.analyze(query)
	if t := c.tx; t != nil && t.replica {
		return execIn(ctx, t, query, args, prepared)
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
		c.note(b)
		c.cluster.traceRoute(ctx, d, b.srv, reason, query, attempt)
		res, err := b.exec(ctx, query, args, prepared)
		c.finish(b, err)
		if err != nil && c.again(ctx, d, b, query, err, fresh, attempt) {
			continue
		}
		return res, c.fail(b, err)
	}
}

// QueryContext runs a query on a replica if it is a read that a replica may serve now, else on the primary.
func (c *Conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	return c.query(ctx, query, args, false)
}

func (c *Conn) query(ctx context.Context, query string, args []driver.NamedValue, prepared bool) (driver.Rows, error) {
	c.settle()
	d := directivesOf(ctx)
	c.analyze(query)
	if t := c.tx; t != nil && t.replica {
		return queryIn(ctx, t, query, args, prepared)
	}
	c.refusal = ""
	reason := c.route(&c.st, d)
	attempt := 1
	if reason == ReasonReplica && c.cluster.refuses(query) {
		reason = ReasonRefused
	}
	if reason == ReasonReplica {
		if c.lost {
			return nil, driver.ErrBadConn
		}
		var rows driver.Rows
		var err error
		rows, reason, attempt, err = c.queryReplica(ctx, d, query, args, prepared)
		if rows != nil || err != nil {
			return rows, err
		}
	}
	return c.queryPrimary(ctx, d, reason, query, args, prepared, attempt)
}

// queryReplica tries replicas. Neither rows nor error means that the primary has to answer, for the reason returned.
func (c *Conn) queryReplica(ctx context.Context, d *directives, query string, args []driver.NamedValue, prepared bool) (driver.Rows, Reason, int, error) {
	var tried uint64
	for attempt := 1; ; attempt++ {
		b, reason, err := c.borrowReplica(ctx, d, query, &tried)
		if b == nil {
			return nil, reason, attempt, err
		}
		c.cluster.traceRoute(ctx, d, b.srv, ReasonReplica, query, attempt)
		var start time.Time
		if c.cluster.cfg.Balancer == BalancerLatency {
			start = time.Now()
		}
		b.await()
		rows, err := b.query(ctx, query, args, prepared)
		if !b.answered() {
			// The monitor closed it while we waited. Should an answer have arrived all the same, it is not used: the
			// connection below it is gone.
			if rows != nil {
				rows.Close()
			}
			if ctx.Err() != nil {
				c.returnReader()
				return nil, 0, 0, ctx.Err()
			}
			err = errors.Join(errSilent, err)
		}
		if err == nil {
			if !start.IsZero() {
				b.srv.measured(time.Since(start))
			}
			return rows, 0, 0, nil
		}
		v, lost, pause := judge(ctx, b, err)
		if b.closed() || v == elsewhere {
			c.returnReader()
		}
		if lost {
			c.cluster.suspect(b.srv, err, pause)
		}
		if v == passOn || v == askPrimary && !c.cluster.snap.Load().primaryHealthy() {
			return nil, 0, 0, err
		}
		c.cluster.traceRetry(ctx, d, b.srv, query, err)
		if v == askPrimary {
			c.refusal = lasting(err)
			return nil, ReasonReplicaFailed, attempt + 1, nil
		}
		tried |= 1 << b.srv.index
	}
}

var errSilent = errors.New("pgsplit: the server stopped answering")

// borrowReplica returns a connection to a replica that is fit for the read at hand. Without one it returns the reason;
// an error only where the caller's context has ended, or when_stale forbids the primary.
func (c *Conn) borrowReplica(ctx context.Context, d *directives, query string, tried *uint64) (*backend, Reason, error) {
	if b := c.reader; b != nil && b.pg != nil && !b.closed() && b.pg.PgConn().IsBusy() {
		return nil, ReasonBusy, nil // its rows stay: they are the application's
	}
	for {
		s, snap, need, reason := c.replica(ctx, *tried)
		if s == nil {
			if ctx.Err() != nil {
				return nil, reason, ctx.Err()
			}
			if c.cluster.cfg.WhenStale == StaleError && (reason == ReasonLag || reason == ReasonNotCaughtUp) {
				return nil, reason, errStale
			}
			return nil, reason, nil
		}
		b := c.reader
		if b != nil && (b.srv != s || b.closed()) {
			c.returnReader()
			b = nil
		}
		if b == nil {
			var err error
			b, err = s.acquire(ctx)
			if err != nil {
				if ctx.Err() != nil {
					return nil, reason, err
				}
				_, _, pause := judge(ctx, nil, err)
				c.cluster.suspect(s, err, pause)
				c.cluster.traceRetry(ctx, d, s, query, err)
				*tried |= 1 << s.index
				continue
			}
			c.reader = b
		} else {
			b.refresh(ctx)
		}
		if c.cluster.stillFit(b, snap, need) {
			return b, ReasonReplica, nil
		}
		c.returnReader()
		*tried |= 1 << s.index
	}
}

// stillFit says whether the sample that a replica was picked by also speaks of the instance at the other end of this
// connection. A standby that was restarted serves older data than before; its former connections died with it. So a
// sample counts if it was asked for after the connection was opened, at the same address.
func (c *Cluster) stillFit(b *backend, snap *snapshot, d demand) bool {
	smp := snap.members[b.srv.index].sample
	if smp == nil || smp.asked.After(b.opened) && smp.addr == b.addr {
		return true
	}
	// Opening it has brought a sample of its own.
	snap = c.snap.Load()
	m := &snap.members[b.srv.index]
	if !m.healthy || m.role != RoleReplica || !m.sample.asked.After(b.opened) || m.sample.addr != b.addr {
		if m.sample != nil && m.sample.addr != b.addr {
			c.watch[b.srv.index].redial()
		}
		return false
	}
	return d.metBy(m.sample) && snap.within(m, time.Now(), c.cfg.MaxLag)
}

var errStale = errors.New("pgsplit: no replica is fresh enough (when_stale=error)")

// queryPrimary runs a query on the primary.
func (c *Conn) queryPrimary(ctx context.Context, d *directives, reason Reason, query string, args []driver.NamedValue, prepared bool, attempt int) (driver.Rows, error) {
	for first := attempt; ; attempt++ {
		b, err := c.usePrimary(ctx)
		if err != nil {
			return nil, err
		}
		fresh := !c.sticky && b.pin == 0
		c.note(b)
		c.cluster.traceRoute(ctx, d, b.srv, reason, query, attempt)
		rows, err := b.query(ctx, query, args, prepared)
		if err == nil {
			if c.refusal != "" {
				c.cluster.refusals.remember(statement.Fingerprint(query), query, c.refusal, time.Now())
			}
			return c.watchRows(b, rows), nil
		}
		c.finish(b, err)
		if !c.again(ctx, d, b, query, err, fresh, attempt-first+1) {
			return nil, c.fail(b, err)
		}
	}
}

// Ping asks the primary whether it answers.
func (c *Conn) Ping(ctx context.Context) error {
	c.settle()
	if c.reader != nil && c.tx != nil && c.tx.replica {
		return c.reader.ping(ctx)
	}
	for attempt := 1; ; attempt++ {
		b, err := c.usePrimary(ctx)
		if err != nil {
			return err
		}
		c.cluster.traceRoute(ctx, directivesOf(ctx), b.srv, ReasonPing, "", attempt)
		if err = b.ping(ctx); err == nil {
			return nil
		}
		if !c.sticky && b.pin == 0 && attempt < 3 && ctx.Err() == nil {
			c.dropPrimary() // an idle connection that had died: nothing has been done on it in this checkout
			b.srv.dropIdle(b.opened.Add(time.Nanosecond))
			continue
		}
		return c.fail(b, err)
	}
}

// CheckNamedValue accepts everything, as pgx does: pgx encodes any value, and its options travel as arguments.
func (c *Conn) CheckNamedValue(*driver.NamedValue) error { return nil }

// ResetSession begins a checkout.
func (c *Conn) ResetSession(ctx context.Context) error {
	c.endCheckout()
	if c.cluster.life.Err() != nil {
		return driver.ErrBadConn
	}
	b := c.primary
	if b == nil {
		return nil
	}
	// Session state: the connection is this Conn's own, and it is treated as pgx treats its connections.
	if b.closed() || b.txStatus() != 'I' || b.reset(ctx, time.Now()) != nil {
		return driver.ErrBadConn
	}
	return nil
}

// IsValid ends a checkout. It reports false when session state was lost with its server connection, so that
// database/sql makes a new connection, as it does with pgx.
func (c *Conn) IsValid() bool {
	c.endCheckout()
	return c.cluster.life.Err() == nil && (c.primary == nil || !c.primary.closed() && c.primary.txStatus() == 'I')
}

// Close ends the connection: clean backend connections go back to their servers, one with session state is closed.
func (c *Conn) Close() error {
	c.endCheckout()
	if b := c.primary; b != nil {
		c.primary = nil
		b.srv.drop(b)
	}
	return nil
}

// Begin is BeginTx without options. database/sql calls BeginTx.
func (c *Conn) Begin() (driver.Tx, error) { return c.BeginTx(context.Background(), driver.TxOptions{}) }

// Prepare is PrepareContext without a context. database/sql calls PrepareContext.
func (c *Conn) Prepare(query string) (driver.Stmt, error) {
	return c.PrepareContext(context.Background(), query)
}
