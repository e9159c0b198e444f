package pgsplit

import (
	"database/sql/driver"

	"github.com/jackc/pgx/v5/stdlib"

	"github.com/pgsplit/pgsplit/internal/broken"
	"github.com/pgsplit/pgsplit/internal/statement"
)

// watchRows returns rows of the primary. Where a mark depends on it, it sees when they end: an INSERT … RETURNING
// commits after its last row was produced.
func (c *Conn) watchRows(b *backend, rows driver.Rows) driver.Rows {
	if !b.dirty || !c.cluster.tracks && len(b.touched.sessions) == 0 || c.st.Read() && !c.mayWrite() && b.txStatus() != 'I' {
		c.finish(b, nil)
		return rows
	}
	if broken.EarlyMark.Load() && b.txStatus() != 'T' {
		c.unhold()
		c.wrote(b, true)
		return rows
	}
	own := b.touched.clone()
	c.cluster.marks.begin(&own)
	c.unhold()
	if r, ok := rows.(*stdlib.Rows); ok {
		return &writeRows{
			Rows: r, conn: c, backend: b, touched: own, unpin: c.st.Unpin, commits: c.commits(),
			rollsBack: c.st.Statements == 1 && c.st.Kind == statement.Rollback,
		}
	}
	c.rows, c.opened = true, own
	return rows
}

// writeRows are pgx's rows with an eye on their end. Embedding keeps every optional interface of theirs.
type writeRows struct {
	*stdlib.Rows
	conn      *Conn
	backend   *backend
	touched   touched
	unpin     statement.Pin
	commits   bool // see Conn.commits
	rollsBack bool
	closed    bool
	ended     func() // nil: nobody waits for it
}

// Close ends the rows. It may block as pgx's does, until the server has sent what is left.
func (r *writeRows) Close() error {
	err := r.Rows.Close()
	if r.closed {
		return err
	}
	r.closed = true
	if r.ended != nil {
		r.ended()
	}
	c := r.conn
	if err == nil && r.backend.txStatus() == 'I' {
		r.backend.shed(r.unpin)
	}
	done := r.backend.txStatus() == 'I' || r.backend.closed() || r.commits
	if done && !(err == nil && r.rollsBack) {
		c.cluster.wrote(&r.backend.touched)
	}
	c.cluster.marks.end(&r.touched)
	if done {
		r.backend.cleanse()
	}
	return err
}
