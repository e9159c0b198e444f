package pgsplit

import (
	"bytes"
	"context"
	"database/sql/driver"
	"encoding/binary"
	"errors"
	"io"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
)

// readAhead stands between a server's messages and pgx. A server that ends a query with an error (a conflict with recovery,
// its shutdown) sends the rows that it has made by then along with it. pgx hands those out first, and the read could not
// move to another server any more. So when a replica's first row is there, what has arrived behind it is looked at before
// the row is handed out: a result that fits into one of the server's packets is delivered whole or not at all.
//
// Nothing is waited for: what has not arrived yet is not known. A nil readAhead, that of a connector that is not pgx's,
// knows nothing.
type readAhead struct {
	r     io.Reader
	armed bool

	left   int     // what is still to come of the message at hand
	header [5]byte // its type and length, or the part of them that has arrived
	have   int     // of header
	ended  bool    // an answer was complete with the last message: the next begins another
	code   string  // SQLSTATE of the error in the answer at hand; empty: it has none so far
	warned bool    // that was only a warning
}

// inFront has a connection that is about to be made read through a readAhead, which goes to the dialed in its context.
func inFront(ctx context.Context, cfg *pgx.ConnConfig) error {
	if d, ok := ctx.Value(dialedKey{}).(*dialed); ok {
		build := cfg.BuildFrontend
		cfg.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend {
			d.ahead = &readAhead{r: r}
			return build(d.ahead, w)
		}
	}
	return nil
}

// Read is pgx's.
func (a *readAhead) Read(p []byte) (int, error) {
	n, err := a.r.Read(p)
	if a.armed {
		a.look(p[:n])
	}
	return n, err
}

// arm begins to look at what the server sends. pgx has read all messages so far: it is between two statements.
func (a *readAhead) arm() {
	if a != nil {
		*a = readAhead{r: a.r, armed: true}
	}
}

// first ends it, with pgx's answer. Rows that an error follows are given up for the error. A query that was cancelled or ran
// into a timeout keeps them: it would not run elsewhere.
func (a *readAhead) first(rows driver.Rows, err error) (driver.Rows, error) {
	if a == nil || !a.armed {
		return rows, err
	}
	a.armed = false
	if err != nil || a.code == "" || a.code == queryCanceled {
		return rows, err
	}
	if err = rows.Close(); err == nil {
		err = errBrokenOff
	}
	return nil, err
}

var errBrokenOff = errors.New("pgsplit: the server has said that it ends, and did not")

// look goes through the messages of which b is the next part.
func (a *readAhead) look(b []byte) {
	for len(b) > 0 {
		if a.left > 0 {
			n := min(a.left, len(b))
			a.left -= n
			b = b[n:]
			continue
		}
		n := copy(a.header[a.have:], b)
		a.have += n
		b = b[n:]
		if a.have < len(a.header) {
			return
		}
		a.have = 0
		a.left = int(binary.BigEndian.Uint32(a.header[1:])) - 4 // the length counts itself
		if a.left < 0 {
			a.armed = false // not PostgreSQL's protocol: pgx will say so
			return
		}
		if a.ended {
			a.ended, a.code = false, ""
		}
		switch a.header[0] {
		case 'E':
			a.code, a.warned = sqlState(b[:min(a.left, len(b))]), false
		case 'N':
			// A backend that is told to quit at once says so in a warning, and sends no error.
			if code := sqlState(b[:min(a.left, len(b))]); a.code == "" && strings.HasPrefix(code, "57P0") {
				a.code, a.warned = code, true
			}
		case 'Z':
			if a.ended = true; a.warned { // by a function of the application's: the server has gone on
				a.code, a.warned = "", false
			}
		}
	}
}

// sqlState finds the code among the fields of an error or a notice, or in as much of them as has arrived.
func sqlState(fields []byte) string {
	for len(fields) > 0 && fields[0] != 0 {
		value, rest, whole := bytes.Cut(fields[1:], []byte{0})
		if fields[0] == 'C' && whole {
			return string(value)
		}
		fields = rest
	}
	return ""
}
