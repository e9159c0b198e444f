package pgsplit

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/pgsplit/pgsplit/internal/statement"
)

// verdict says what to do after a replica's error to an autocommit read that has not delivered a row.
type verdict uint8

const (
	// passOn: the caller's own wish (a cancelled context, a timeout): the error is the answer.
	passOn verdict = iota
	// elsewhere: this replica is in trouble: another replica, then the primary.
	elsewhere
	// askPrimary: perhaps a standby's limit, perhaps the statement's own mistake: the primary's word stands.
	askPrimary
)

// queryCanceled is the SQLSTATE of a timeout or a cancel request; conflicts with recovery have 40001.
const queryCanceled = "57014"

// fullPause is how long a replica without a free connection slot is left alone.
const fullPause = time.Second

// judge reads a replica's error. lost says that the replica, or this connection to it, is in doubt; pause for how long
// it should be left alone even if samples find it well.
func judge(ctx context.Context, b *backend, err error) (v verdict, lost bool, pause time.Duration) {
	if ctx.Err() != nil {
		return passOn, false, 0
	}
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) {
		switch code := pgErr.Code; {
		case code == queryCanceled:
			return passOn, false, 0
		case code == "53300": // too_many_connections
			return elsewhere, true, fullPause
		case fatal(pgErr), code == "57P01", code == "57P02", code == "57P03", code == "57P04", strings.HasPrefix(code, "08"):
			return elsewhere, true, 0
		case code == "40001", code == "40P01":
			return elsewhere, false, 0
		}
		return askPrimary, false, 0
	}
	if b != nil && !b.closed() && b.pg != nil {
		return askPrimary, false, 0 // pgx's own: a wrong number of arguments, a value that cannot be encoded
	}
	return elsewhere, true, 0
}

// fatal says whether the server ended the connection with this error. Severity is translated, its twin is not, but only
// servers since 9.6 send that.
func fatal(e *pgconn.PgError) bool {
	s := e.SeverityUnlocalized
	if s == "" {
		s = e.Severity
	}
	return s == "FATAL" || s == "PANIC"
}

// serverEnds says whether the error that a connection died of has likely ended the other connections to its server, too.
func serverEnds(err error) bool {
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) {
		return pgErr.Code == "57P01" || pgErr.Code == "57P02" || pgErr.Code == "57P03"
	}
	return true
}

// unreachableServer says whether a failed connection attempt means that the server is not there (yet, or any more), so
// that waiting for a primary may help. A refused password, a missing database, or the
// error of the application's own hook or connector is an answer.
func unreachableServer(err error) bool {
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) {
		return strings.HasPrefix(pgErr.Code, "57P0") && pgErr.Code != "57P04"
	}
	var connectErr *pgconn.ConnectError
	var netErr net.Error
	return errors.As(err, &connectErr) || errors.As(err, &netErr) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, errDemoted) || errors.Is(err, errSilent) || errors.Is(err, context.Canceled)
}

// notParsed says whether a server has refused the text itself, before it executed anything: a name that does not exist, a
// mistake in the syntax. A function's own error of that kind has a context, and no position in the text.
func notParsed(err error) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && strings.HasPrefix(pgErr.Code, "42") && pgErr.Where == "" && pgErr.Position > 0
}

// repeatable says whether the text at hand may be sent again after an error that proves that its plan was not executed:
// it is one statement, and does not run others.
func (c *Conn) repeatable() bool {
	switch c.st.Kind {
	case statement.Execute, statement.Call, statement.Do:
		return false
	}
	return c.st.Statements == 1
}

// notExecuted says whether an error of the primary proves that the statement did not run and can run on another
// connection: it was never sent. pgx's driver connection says so with ErrBadConn.
func notExecuted(err error) bool {
	return pgconn.SafeToRetry(err) || errors.Is(err, driver.ErrBadConn) && err != errLostInTx
}

// stalePlan says whether a server has refused a statement because a schema change has overtaken the plan that pgx keeps
// for it. Nothing was executed, and pgx has dropped the plan: outside a transaction the same statement just runs again.
func stalePlan(err error) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && pgErr.Code == "0A000" && pgErr.Routine == "RevalidateCachedQuery"
}

// lostStatement says whether a server does not have a statement that pgx holds for prepared: DEALLOCATE ALL inside of a
// function, or a pooler in between. Nothing was executed.
func lostStatement(err error) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && pgErr.Code == "26000" && pgErr.Where == ""
}

// readOnlyServer says whether a server has refused a statement because it may only read.
func readOnlyServer(err error) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && pgErr.Code == "25006"
}

// acquirePrimary returns a connection to the primary of a handle with several servers. When the primary cannot be reached it waits for one, up to
// the deadline (zero: failover_timeout from now) or the context's, and then returns the first error. now is as for acquire.
func (c *Cluster) acquirePrimary(ctx context.Context, deadline time.Time, now tick) (*backend, error) {
	var first error
	for ; ; now = 0 {
		snap := c.snap.Load()
		if p := snap.primary; p != nil && (first == nil || snap.primaryHealthy()) {
			b, err := c.acquireWritable(ctx, snap, true, now)
			if err == nil {
				return b, nil
			}
			if err == errSucceeded {
				continue
			}
			if ctx.Err() != nil || !unreachableServer(err) {
				return nil, err
			}
			if first == nil {
				first = err
			}
			p.went(err)
			c.suspect(p, err, 0)
			snap = c.snap.Load()
		}
		if first == nil {
			switch {
			case snap.conflict != nil:
				return nil, snap.conflict
			case !snap.seenPrimary:
				return nil, c.unreachable(ctx)
			}
			first = errNoPrimary
		}
		if deadline.IsZero() {
			deadline = time.Now().Add(c.cfg.FailoverTimeout)
		}
		c.kickAll()
		if !c.await(ctx, snap, deadline) {
			if c.life.Err() != nil {
				return nil, errClosed
			}
			if err := ctx.Err(); err != nil && first == errNoPrimary {
				return nil, err
			}
			return nil, first
		}
	}
}

var errNoPrimary = errors.New("pgsplit: no primary: every server that answers is a standby")
