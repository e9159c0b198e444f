package pgsplit

import (
	"context"
	"database/sql/driver"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
)

var (
	_ driver.Stmt             = (*Stmt)(nil)
	_ driver.StmtExecContext  = (*Stmt)(nil)
	_ driver.StmtQueryContext = (*Stmt)(nil)
)

// Stmt is a prepared statement. Where it runs is decided at each execution; a server's connection prepares it when it runs
// there for the first time, and drops it when no Stmt of its text is open any more.
type Stmt struct {
	conn   *Conn
	closed bool
	*prepared
}

// PrepareContext has a server check the text and count its parameters: a replica for a read, with the primary's word in
// case of an error, else the primary. A text that this connection has prepared already needs no second look, as in pgx.
func (c *Conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	c.settle()
	c.until = time.Time{}
	if p := c.prepared[query]; p != nil && p.shape != nil {
		if c.lost || c.primary != nil && c.primary.closed() {
			c.lost = true
			return nil, driver.ErrBadConn
		}
		p.stmts++
		return &Stmt{conn: c, prepared: p}, nil
	}
	d := directivesOf(ctx)
	c.session = c.cluster.sessionOf(d)
	c.analyze(query)
	c.cluster.holdings.hold(query)
	p := &prepared{text: query, stmts: 1}
	if err := c.describe(ctx, d, p); err != nil {
		c.letGo(query)
		return nil, err
	}
	if c.prepared == nil {
		c.prepared = make(map[string]*prepared)
	}
	if before := c.prepared[query]; before != nil {
		before.stmts++
		p = before
		c.cluster.holdings.letGo(query)
	}
	c.prepared[query] = p
	return &Stmt{conn: c, prepared: p}, nil
}

// letGo is the end of this Conn's last Stmt of a text. When it was the handle's last, the text goes from where it is prepared
// and nothing is under way; connections in use drop it when they are given back.
func (c *Conn) letGo(text string) {
	if !c.cluster.holdings.letGo(text) {
		return
	}
	for _, b := range []*backend{c.primary, c.reader} {
		if b != nil {
			b.tidyIfQuiet()
		}
	}
	for _, s := range c.cluster.servers {
		s.tidyIdle()
	}
}

func (c *Conn) describe(ctx context.Context, d *directives, p *prepared) error {
	if t := c.tx; t != nil && t.replica {
		if t.backend.closed() {
			return driver.ErrBadConn
		}
		err := t.backend.guarded(func() error { return t.backend.describe(ctx, p) })
		if err == nil || t.used {
			return err
		}
		v, lost, pause := judge(ctx, t.backend, err)
		if lost {
			c.cluster.suspect(t.backend.srv, err, pause)
		}
		if v == passOn {
			return err
		}
		if err := t.toPrimary(); err != nil {
			return err
		}
	}
	if c.route(c.st, d) == ReasonReplica && !c.lost {
		for again := true; again; again = c.awaitReplica(ctx) {
			if answered, err := c.describeReplica(ctx, d, p); answered {
				return err
			}
		}
	}
	for attempt := 1; ; attempt++ {
		b, err := c.usePrimary(ctx)
		if err != nil {
			return err
		}
		err = b.describe(ctx, p)
		switch {
		case err == nil || !b.closed():
			return err
		case !c.sticky && b.pin == 0 && attempt < 3 && ctx.Err() == nil:
			c.dropPrimary() // preparing has no effect, so it may be repeated
			continue
		case notExecuted(err):
			c.lost = true
			return driver.ErrBadConn
		}
		return c.fail(b, err)
	}
}

// describeReplica reports answered=false when the primary has to be asked: no replica, or an error that may be the
// replica's own.
func (c *Conn) describeReplica(ctx context.Context, d *directives, p *prepared) (answered bool, err error) {
	var tried uint64
	b, _, err := c.borrowReplica(ctx, d, p.text, &tried)
	if b == nil {
		return err != nil, err
	}
	err = b.guarded(func() error { return b.describe(ctx, p) })
	if err == nil {
		return true, nil
	}
	v, lost, pause := judge(ctx, b, err)
	if b.closed() || v == elsewhere {
		c.returnReader()
	}
	if lost {
		c.cluster.suspect(b.srv, err, pause)
	}
	return v == passOn, err
}

// Close ends the statement. database/sql calls it while the connection may be idle in its pool: it holds no server's
// connection then, or its own with session state. On a connection whose server's connection has died it says so, as pgx does.
func (s *Stmt) Close() error {
	if s.closed {
		return nil
	}
	s.closed = true
	c, p := s.conn, s.prepared
	if p.stmts--; p.stmts > 0 {
		return nil
	}
	if c.prepared[p.text] == p {
		delete(c.prepared, p.text)
		c.letGo(p.text)
	}
	if dead := c.dead(); dead != nil {
		return dead.Deallocate(c.cluster.life, p.text)
	}
	return nil
}

// dead is the connection that this checkout has lost, or lost before it was closed; nil if it has not.
func (c *Conn) dead() *pgx.Conn {
	b := c.primary
	if t := c.tx; t != nil && t.replica {
		b = t.backend
	}
	if b != nil && b.closed() {
		return b.pg
	}
	return c.died
}

// NumInput returns the number of parameters that the server has counted.
func (s *Stmt) NumInput() int { return s.params }

// ExecContext runs the statement as Conn.ExecContext does.
func (s *Stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return s.conn.exec(ctx, s.text, args, s.prepared)
}

// QueryContext runs the statement as Conn.QueryContext does.
func (s *Stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return s.conn.query(ctx, s.text, args, s.prepared)
}

// Exec is not called by database/sql, which prefers ExecContext.
func (s *Stmt) Exec([]driver.Value) (driver.Result, error) {
	return nil, errors.New("pgsplit: Stmt.Exec is not implemented, use ExecContext")
}

// Query is not called by database/sql, which prefers QueryContext.
func (s *Stmt) Query([]driver.Value) (driver.Rows, error) {
	return nil, errors.New("pgsplit: Stmt.Query is not implemented, use QueryContext")
}
