package pgsplit

import (
	"context"
	"database/sql/driver"
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

	primary *backend     // of this checkout, or pinned
	reader  *backend     // the replica's connection of this checkout
	tx      *Tx          // open transaction of BeginTx
	session *sessionPart // that the statement at hand belongs to

	sticky  bool // this checkout has used the primary: it stays there
	changed bool // the open transaction has changed the schema
	lost    bool // the primary's connection of this checkout died: the checkout is over
	held    bool // what is under way may change definitions: until it ends, it counts as a write to anything
	raw     bool // Conn() was handed out, and what became of it is not known yet
	rows    bool // rows of a write are open whose end cannot be seen; opened is what that write may have changed

	// Of the text at hand:
	beginning bool                // there is no text yet: a transaction begins, which may read anything
	pending   bool                // the catalog is not read yet, or out of date
	sure      bool                // the catalog knows the names in it
	doubted   bool                // it is new among the texts in doubt of its connection
	added     statement.Pin       // session state that it may leave behind and that was not there before
	st        *statement.Analysis // of it; it may be shared, so nobody changes it
	known     *knowledge          // what it was judged by; nil: nothing
	unknown   string              // a name in it that the catalog lacks
	print     uint64              // its fingerprint, 0 if that has not been made
	text      string              // itself, as long as it may have to be taken back
	refusal   string              // SQLSTATE of the lasting refusal that a replica gave to it
	refuser   *server             // that replica, nil if its like was refused before
	looked    time.Time           // when a replica was picked last, as clock told
	until     time.Time           // when it gives up waiting for a server; zero: it has not waited yet

	prepared map[string]*prepared // by the text: what it holds Stmts of
	returned time.Time            // when it was given back last; zero: never, or a wrapper drops IsValid
	born     time.Time            // when database/sql made it
	died     *pgx.Conn            // once it is closed: see dead
	opened   touched

	candidates []Candidate
	readRows   readRows
	names      []string           // of relations, used again and again
	reading    statement.Analysis // room for that of a text that is not remembered
}

func newConn(c *Cluster) *Conn {
	conn := &Conn{cluster: c, born: time.Now()}
	conn.st = &conn.reading
	return conn
}

// pinRaw is the session state of a connection that was handed out: anything.
const pinRaw = statement.Pin(1 << 15)

// rawTimeout is how long Conn tries to connect, beyond failover_timeout: Raw has no context to bound it.
const rawTimeout = 5 * time.Second

// Conn returns a pgx connection to the primary, for sql.Conn.Raw, as pgx's own driver connection does. It belongs to
// this driver connection from now on, until database/sql closes that: nobody can tell what has been done with it.
//
// If the primary cannot be reached the connection returned is closed, and its methods say so.
func (c *Conn) Conn() *pgx.Conn {
	ctx, cancel := context.WithTimeout(context.Background(), c.cluster.cfg.FailoverTimeout+rawTimeout)
	defer cancel()
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
	if len(c.cluster.servers) > 1 && !c.raw {
		c.cluster.marks.begin(&everything)
		c.cluster.marks.rawOpen.Add(1)
		c.raw = true
	}
	return b.pg
}

// ExecContext runs a statement on the primary.
func (c *Conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
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
		c.finish(b, err)
		c.sawPrimary()
		if err != nil && c.again(ctx, d, b, query, err, fresh, attempt) {
			continue
		}
		return res, c.fail(b, err)
	}
}

// QueryContext runs a query on a replica if it is a read that a replica may serve now, else on the primary.
func (c *Conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
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
			if c.refusal != "" && c.refuser != nil && c.cluster.upToDate(c.refuser, time.Now()) {
				c.cluster.refusals.remember(statement.Fingerprint(query), query, c.refusal, time.Now())
			}
			rows = c.watchRows(b, rows)
			c.sawPrimary()
			return rows, nil
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
	if t := c.tx; t != nil && t.replica {
		return t.backend.guarded(func() error { return t.backend.ping(ctx) })
	}
	for attempt := 1; ; attempt++ {
		b, err := c.usePrimary(ctx)
		if err != nil {
			return err
		}
		c.cluster.traceRoute(ctx, directivesOf(ctx), b, ReasonPing, "", attempt)
		if err = b.ping(ctx); err == nil {
			return nil
		}
		if !c.sticky && b.pin == 0 && attempt < 3 && ctx.Err() == nil {
			c.dropPrimary() // an idle connection that had died: nothing has been done on it in this checkout
			b.srv.dropIdle(time.Now())
			continue
		}
		return c.fail(b, err)
	}
}

// CheckNamedValue accepts everything, as pgx does: pgx encodes any value, and its options travel as arguments.
func (c *Conn) CheckNamedValue(*driver.NamedValue) error { return nil }

// ResetSession begins a checkout.
func (c *Conn) ResetSession(ctx context.Context) error {
	c.endCheckout() // also settles doubts that the catalog has answered since
	if c.cluster.over.Load() {
		return driver.ErrBadConn
	}
	b := c.primary
	if b == nil {
		return nil
	}
	b.srv.park(b, false)
	// Session state: the connection is this Conn's own, and it is treated as pgx treats its connections.
	if b.closed() || b.txStatus() != 'I' || b.reset(ctx, time.Now()) != nil {
		return driver.ErrBadConn
	}
	return nil
}

// IsValid ends a checkout. It reports false when session state was lost with its server connection, so that
// database/sql makes a new connection, as it does with pgx.
func (c *Conn) IsValid() bool {
	if c.returned = c.endCheckout(); c.returned.IsZero() {
		c.returned = clock()
	}
	return !c.cluster.over.Load() && (c.primary == nil || !c.primary.closed() && c.primary.txStatus() == 'I')
}

// Close ends the connection: clean backend connections go back to their servers, one with session state is closed.
func (c *Conn) Close() error {
	c.died = c.dead()
	if b := c.primary; b != nil {
		b.stirred = false // whatever is left goes with it
	}
	c.endCheckout()
	var own *server
	if b := c.primary; b != nil {
		c.primary, own = nil, b.srv
		own.drop(b)
	}
	for text := range c.prepared { // database/sql has closed them; a wrapper may not have
		delete(c.prepared, text)
		c.letGo(text)
	}
	c.retire(own)
	return nil
}

// briefly is the age up to which driver connections do not count for the lives of server connections. With more goroutines
// than idle slots database/sql closes and makes driver connections all the time, and means nothing by it.
const briefly = time.Second

// retire has one idle connection of each server go with this driver connection, where database/sql closes it for its age
// (SetConnMaxLifetime), its idleness (SetConnMaxIdleTime) or as one too many (SetMaxIdleConns). own is the server whose
// connection has gone already.
func (c *Conn) retire(own *server) {
	now := time.Now()
	if now.Sub(c.born) < briefly || c.cluster.life.Err() != nil {
		return
	}
	var returned time.Time
	if now.Sub(c.returned) >= briefly {
		returned = c.returned
	}
	for _, s := range c.cluster.servers {
		if s != own {
			s.retire(c.born, returned)
		}
	}
}

// Begin is BeginTx without options. database/sql calls BeginTx.
func (c *Conn) Begin() (driver.Tx, error) { return c.BeginTx(context.Background(), driver.TxOptions{}) }

// Prepare is PrepareContext without a context. database/sql calls PrepareContext.
func (c *Conn) Prepare(query string) (driver.Stmt, error) {
	return c.PrepareContext(context.Background(), query)
}
