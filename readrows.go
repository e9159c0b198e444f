package pgsplit

import (
	"context"
	"database/sql/driver"

	"github.com/jackc/pgx/v5/stdlib"
)

// readRows are pgx's rows of an autocommit read on a replica. Embedding keeps every optional interface of theirs.
type readRows struct {
	*stdlib.Rows
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
	*w = readRows{Rows: r, backend: b, ctx: ctx, open: true}
	return w
}

// Close ends the rows. pgx reads what is left of them, for the error that may be in it. When the replica fails in that, the
// rows that the application wanted have been delivered, sound and whole.
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
	return b.forgive(ctx, err)
}

// forgive is what is left of an error that a replica gives an application which has everything already: nothing if the replica
// is in trouble, since the primary would not have failed. A mistake of the application's own is reported.
func (b *backend) forgive(ctx context.Context, err error) error {
	v, lost, pause := judge(ctx, b, err)
	if lost {
		b.srv.cluster.suspect(b.srv, err, pause)
	}
	if v != elsewhere {
		return err
	}
	b.srv.went(err)
	return nil
}
