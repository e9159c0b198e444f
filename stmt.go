package pgsplit

import (
	"context"
	"database/sql/driver"
	"errors"
	"time"
)

var (
	_ driver.Stmt             = (*Stmt)(nil)
	_ driver.StmtExecContext  = (*Stmt)(nil)
	_ driver.StmtQueryContext = (*Stmt)(nil)
)

// Stmt is a prepared statement. It is a text that a server has validated: where it runs is decided at each execution,
// and pgx's statement cache keeps it prepared on the connections where it runs. It holds nothing on any server.
type Stmt struct {
	conn   *Conn
	query  string
	params int
}

// PrepareContext has a server check the text and count its parameters: a replica for a read, with the primary's word in
// case of an error, else the primary.
func (c *Conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	c.settle()
	c.until = time.Time{}
	d := directivesOf(ctx)
	c.analyze(query)
	n, err := c.describe(ctx, d, query)
	if err != nil {
		return nil, err
	}
	return &Stmt{conn: c, query: query, params: n}, nil
}

func (c *Conn) describe(ctx context.Context, d *directives, query string) (n int, err error) {
	if t := c.tx; t != nil && t.replica {
		err = t.backend.guarded(func() error {
			n, err = t.backend.describe(ctx, query)
			return err
		})
		if err == nil || t.used {
			return n, err
		}
		v, lost, pause := judge(ctx, t.backend, err)
		if lost {
			c.cluster.suspect(t.backend.srv, err, pause)
		}
		if v == passOn {
			return n, err
		}
		if err := t.toPrimary(); err != nil {
			return 0, err
		}
	}
	if c.route(&c.st, d) == ReasonReplica && !c.lost {
		for again := true; again; again = c.awaitReplica(ctx) {
			n, err, answered := c.describeReplica(ctx, d, query)
			if answered {
				return n, err
			}
		}
	}
	for attempt := 1; ; attempt++ {
		b, err := c.usePrimary(ctx)
		if err != nil {
			return 0, err
		}
		n, err := b.describe(ctx, query)
		switch {
		case err == nil || !b.closed():
			return n, err
		case !c.sticky && b.pin == 0 && attempt < 3 && ctx.Err() == nil:
			c.dropPrimary() // preparing has no effect, so it may be repeated
			continue
		case notExecuted(err):
			c.lost = true
			return 0, driver.ErrBadConn
		}
		return 0, c.fail(b, err)
	}
}

// describeReplica reports answered=false when the primary has to be asked: no replica, or an error that may be the
// replica's own.
func (c *Conn) describeReplica(ctx context.Context, d *directives, query string) (n int, err error, answered bool) {
	var tried uint64
	b, _, err := c.borrowReplica(ctx, d, query, &tried)
	if b == nil {
		return 0, err, err != nil
	}
	err = b.guarded(func() error {
		n, err = b.describe(ctx, query)
		return err
	})
	if err == nil {
		return n, nil, true
	}
	v, lost, pause := judge(ctx, b, err)
	if b.closed() || v == elsewhere {
		c.returnReader()
	}
	if lost {
		c.cluster.suspect(b.srv, err, pause)
	}
	return 0, err, v == passOn
}

// Close does nothing: there is nothing to release, and database/sql calls it while the connection may be in use
// elsewhere.
func (s *Stmt) Close() error { return nil }

// NumInput returns the number of parameters that the server has counted.
func (s *Stmt) NumInput() int { return s.params }

// ExecContext runs the statement as Conn.ExecContext does.
func (s *Stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return s.conn.exec(ctx, s.query, args, true)
}

// QueryContext runs the statement as Conn.QueryContext does.
func (s *Stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return s.conn.query(ctx, s.query, args, true)
}

// Exec is not called by database/sql, which prefers ExecContext.
func (s *Stmt) Exec([]driver.Value) (driver.Result, error) {
	return nil, errors.New("pgsplit: Stmt.Exec is not implemented, use ExecContext")
}

// Query is not called by database/sql, which prefers QueryContext.
func (s *Stmt) Query([]driver.Value) (driver.Rows, error) {
	return nil, errors.New("pgsplit: Stmt.Query is not implemented, use QueryContext")
}
