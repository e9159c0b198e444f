package pgsplit

import (
	"context"
	"database/sql/driver"

	"github.com/jackc/pgx/v5/stdlib"
)

// readRows are pgx's rows of an autocommit read on a replica. Embedding keeps every optional interface of theirs.
type readRows struct {
	*stdlib.Rows
	conn    *Conn
	backend *backend
	ctx     context.Context
	open    bool
}

// watchRead returns rows of a replica. As a rule a Conn has one such set of rows at a time, so the room for it is used again.
func (c *Conn) watchRead(ctx context.Context, b *backend, rows driver.Rows) driver.Rows {
	r, ok := rows.(*stdlib.Rows)
	if !ok {
		return rows
	}
	w := &c.readRows
	if w.open { // those of a connection that has died, and that the application has not closed yet
		w = new(readRows)
	}
	*w = readRows{Rows: r, conn: c, backend: b, ctx: ctx, open: true}
	return w
}

// Close ends the rows. pgx reads what is left of them, for the error that may be in it. When the replica fails in that, the
// rows that the application wanted have been delivered, sound and whole: it has lost nothing, and the primary would not
// have failed. A mistake of the query's own is reported.
func (r *readRows) Close() error {
	err := r.Rows.Close()
	if !r.open {
		return err
	}
	ctx, b := r.ctx, r.backend
	r.ctx, r.backend, r.open = nil, nil, false
	if err == nil {
		return nil
	}
	v, lost, pause := judge(ctx, b, err)
	if lost {
		r.conn.cluster.suspect(b.srv, err, pause)
	}
	if v == elsewhere {
		b.srv.went(err)
		return nil
	}
	return err
}
