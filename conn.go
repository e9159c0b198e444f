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
	cluster  *Cluster
	rested   *backend             // see lay: the connection of the checkout before, if there is none in this one
	primary  *backend             // of this checkout, or pinned
	prepared map[string]*prepared // by the text: what it holds Stmts of
	returned tick                 // when it was given back last; 0: never, or a wrapper drops IsValid
	latest   string               // the plain text that came last, see plainly
	owes     uint64               // what the plain text of this checkout adds to the tally
	alone    Reason               // what is known of latest

	plain   bool // this checkout has run one plain text, with success, and nothing else
	sticky  bool // this checkout has used the primary: it stays there
	changed bool // the open transaction has changed the schema
	lost    bool // the primary's connection of this checkout died: the checkout is over
	held    bool // what is under way may change definitions: until it ends, it counts as a write to anything
	raw     bool // Conn() was handed out, and what became of it is not known yet
	rows    bool // rows of a write are open whose end cannot be seen; opened is what that write may have changed

	reader  *backend     // the replica's connection of this checkout
	tx      *Tx          // open transaction of BeginTx
	session *sessionPart // that the statement at hand belongs to

	// Of the text at hand:
	beginning bool                // there is no text yet: a transaction begins, which may read anything
	pending   bool                // the catalog is not read yet, or out of date
	sure      bool                // the catalog knows the names in it
	effect    bool                // it looks like a read, but an effect is wanted of it
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

	born   time.Time // when database/sql made it
	died   *pgx.Conn // once it is closed: see dead
	opened touched

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
			b.srv.dropIdle(ticks())
			continue
		}
		return c.fail(b, err)
	}
}

// CheckNamedValue accepts everything, as pgx does: pgx encodes any value, and its options travel as arguments.
func (c *Conn) CheckNamedValue(*driver.NamedValue) error { return nil }

// ResetSession begins a checkout.
func (c *Conn) ResetSession(ctx context.Context) error {
	if c.cluster.over.Load() {
		return driver.ErrBadConn
	}
	if c.rested != nil {
		return nil // the checkout before has ended, and left nothing
	}
	c.endCheckout() // also settles doubts that the catalog has answered since
	b := c.primary
	if b == nil {
		return nil
	}
	b.srv.park(b, false)
	// Session state: the connection is this Conn's own, and it is treated as pgx treats its connections.
	if b.closed() || b.txStatus() != 'I' || b.reset(ctx, ticks()) != nil {
		return driver.ErrBadConn
	}
	return nil
}

// IsValid ends a checkout. It reports false when session state was lost with its server connection, so that
// database/sql makes a new connection, as it does with pgx.
func (c *Conn) IsValid() bool {
	if c.returned = c.endCheckout(); c.returned == 0 {
		c.returned = ticks()
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
	c.part()
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
	var returned tick
	if tickOf(now).sub(c.returned) >= briefly {
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
