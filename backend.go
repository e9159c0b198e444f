package pgsplit

import (
	"context"
	"database/sql/driver"
	"net"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/pgsplit/pgsplit/internal/statement"
)

// backend is one physical connection to one server. Only the goroutine that has taken it from its server uses it,
// except for state and raw, through which the monitor frees a read that waits on a server that went silent.
//
// What each statement needs comes first, and together: after a wait for a server it is in no cache any more. What the short
// way looks at, up to counts, fits two lines of the processor's cache.
type backend struct {
	pg       *pgx.Conn         // nil where the connector is not pgx's (go-sqlmock, say)
	direct   *stdlib.Conn      // dc, where it is pgx's own and no hooks hang on to it; else nil
	used     tick              // when it was last checked out of the idle ones; 0: never, and pgx asks a new one, too
	idled    tick              // when it was last put back
	expires  tick              // when its time is over
	plans    uint64            // the schema change of this handle that its cached plans are as new as
	prepared map[string]*shape // by the text: statements of Stmts
	tally    atomic.Uint64     // whether it rests, and more, see atRest

	state      atomic.Int32
	doomed     atomic.Bool // its server has been found unreachable since it was opened: nobody waits on it any more
	superseded atomic.Bool // its server was the primary and has a successor: see supersede

	pin     statement.Pin // session state that it carries
	stirred bool          // some of its session state may have been undone: the server is asked when the checkout ends
	dirty   bool          // something on it may have written and is not known to be rolled back
	unsent  bool          // preparing the statement at hand has failed, so it was not sent
	inTx    bool          // for connections whose transaction status cannot be asked
	parked  bool          // with session state, by a driver connection that nobody uses
	warm    bool          // it has run a query: what it keeps of the catalog is there

	counts [reasonCount]atomic.Int64 // statements sent over it, by reason, beyond tally; the server has those of its former connections

	srv *server
	dc  driver.Conn

	// What dc can do, found out once; nil: it cannot.
	execer   driver.ExecerContext
	queryer  driver.QueryerContext
	resetter driver.SessionResetter

	ahead   *readAhead
	touched touched     // what that may have changed which made it dirty
	temps   temporaries // temporary tables that it has

	opened   time.Time         // when the server had accepted the connection: samples asked later speak of the same instance
	instance string            // which server is at the other end, see sample
	doubts   []doubt           // texts of which it is not known what they left behind
	judged   *knowledge        // by which those were judged last
	tidied   uint64            // holdings.gone as it was when they were looked through
	mode     pgx.QueryExecMode // pgx's own way to run statements; 0: not asked for yet
	raw      net.Conn          // the socket below TLS; nil where the connector dials by itself
	socket   socket            // that one, or the one that pgx knows
}

func newBackend(s *server, dc driver.Conn, d *dialed) *backend {
	b := &backend{srv: s, dc: dc, pg: pgxOf(dc), raw: d.conn, ahead: d.ahead, opened: time.Now(), expires: never, plans: s.cluster.schema.Load()}
	if s.bare {
		b.direct, _ = dc.(*stdlib.Conn)
	}
	b.execer, _ = dc.(driver.ExecerContext)
	b.queryer, _ = dc.(driver.QueryerContext)
	b.resetter, _ = dc.(driver.SessionResetter)
	switch {
	case b.raw != nil:
		b.socket.init(b.raw)
	case b.pg != nil:
		b.socket.init(b.pg.PgConn().Conn())
	}
	return b
}

// plansStale is a value of backend.plans that no schema change has: the cached plans are dropped before the next use.
const plansStale = ^uint64(0)

// The states of a backend as the monitor sees them. A backend that has handed out rows is never killed: what the
// application holds must not be taken away, and the statement could not run again.
const (
	backendQuiet   int32 = iota // not waiting for a server's answer, or its answer is out
	backendWaiting              // a read waits for its first row
	backendKilled               // the monitor closed the socket
)

// pgxConn is what pgx's driver connection offers, and what a wrapper that passes it on offers.
type pgxConn interface{ Conn() *pgx.Conn }

// rawConn is the convention of instrumented drivers for reaching the connection that they wrap.
type rawConn interface{ Raw() driver.Conn }

// pgxOf finds the pgx connection below a driver connection; nil if there is none.
func pgxOf(dc driver.Conn) *pgx.Conn {
	for range 8 { // wrappers around wrappers, but no endless chain
		switch v := dc.(type) {
		case pgxConn:
			return v.Conn()
		case rawConn:
			dc = v.Raw()
		default:
			return nil
		}
	}
	return nil
}

func (b *backend) closed() bool { return b.superseded.Load() || b.pg != nil && b.pg.IsClosed() }

// txStatus is the transaction status that the server reported last: 'I' idle, 'T' in a transaction, 'E' in a failed one.
func (b *backend) txStatus() byte {
	switch {
	case b.pg != nil:
		return b.pg.PgConn().TxStatus()
	case b.inTx:
		return 'T'
	default:
		return 'I'
	}
}

// cleanse forgets what the connection has written: it has been concluded.
func (b *backend) cleanse() {
	b.dirty = false
	b.touched.reset()
}

// clean says whether anybody may have the connection next.
func (b *backend) clean() bool {
	return !b.closed() && !b.doomed.Load() && b.pin == 0 && b.txStatus() == 'I' && b.state.Load() == backendQuiet &&
		(b.pg == nil || !b.pg.PgConn().IsBusy())
}

// standby says whether the server has reported that it is in recovery. Servers before PostgreSQL 14 do not tell; under
// roles=static it does not matter.
func (b *backend) standby() bool {
	return b.pg != nil && b.srv.cluster.cfg.Roles != RolesStatic && b.pg.PgConn().ParameterStatus("in_hot_standby") == "on"
}

// await and answered bracket the wait for a replica's first row. answered reports whether the backend is still ours:
// when it is not, the monitor has closed it and the statement has delivered nothing.
//
// Whoever had taken the backend already, but did not wait yet, when its server was found unreachable must not begin to.
func (b *backend) await() {
	b.state.CompareAndSwap(backendQuiet, backendWaiting)
	if b.doomed.Load() {
		b.kill()
	}
}

func (b *backend) answered() bool { return b.state.CompareAndSwap(backendWaiting, backendQuiet) }

// kill frees whoever waits for this backend's first row.
func (b *backend) kill() {
	if b.state.CompareAndSwap(backendWaiting, backendKilled) {
		b.hangUp()
	}
}

// close closes the connection. One that pgx is still cleaning up behind our back (it asks the server to cancel, for up to 15 s) is
// waited for when the handle closes.
func (b *backend) close() {
	b.dc.Close()
	if b.pg != nil {
		b.srv.cluster.awaitCleanup(b.pg, b.raw)
	}
}

// hangUp closes the socket. TLS is not told: its closing message could block on a silent network.
func (b *backend) hangUp() {
	switch {
	case b.raw != nil:
		b.raw.Close()
	case b.pg != nil:
		go b.pg.PgConn().Conn().Close()
	}
}

// refresh drops the plans that pgx keeps on the connection if this handle has changed the schema since: a statement that is
// prepared anew after that must not meet an old plan, least of all in a transaction, which the error would end. It has a
// deadline of its own. It must not be called where the application may have prepared statements by itself.
func (b *backend) refresh(ctx context.Context) {
	n := b.srv.cluster.schema.Load()
	if b.plans == n || b.pg == nil || b.closed() || b.txStatus() == 'E' || b.pg.PgConn().IsBusy() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, b.srv.pingTimeout())
	defer cancel()
	if b.deallocateAll(ctx) == nil {
		b.plans = n
	}
}

// guarded brackets a wait for a replica that the monitor may end.
func (b *backend) guarded(wait func() error) error {
	b.await()
	err := wait()
	if !b.answered() {
		return silent(err)
	}
	return err
}

// reset prepares an idle backend for its next checkout, as database/sql does with a plain pgx connection: pgx pings
// those that were idle for more than a second. The ping has a deadline of its own, so that a server that went silent
// costs a bounded time.
//
// pgx finds that a younger one has broken only when a statement fails on it, and repeats some of those, but not all. Here it
// is found without asking the server: what has broken is readable. See stirs.
func (b *backend) reset(ctx context.Context, now tick) error {
	idle, stirs := now.sub(b.used) > pingAfter, b.stirs(now)
	b.used = now
	if b.srv.bare && !idle && !stirs || b.resetter == nil {
		return nil
	}
	if idle || stirs {
		var cancel context.CancelFunc
		ctx, cancel = withTimeAwake(ctx, b.srv.pingTimeout())
		defer cancel()
	}
	var err error
	if b.srv.bare || stirs {
		err = b.pg.PgConn().Ping(ctx)
	}
	if !b.srv.bare && err == nil {
		err = b.resetter.ResetSession(ctx)
	}
	if err != nil && ctx.Err() == context.DeadlineExceeded {
		return errSilent
	}
	return err
}

// stirs says whether something has arrived on a connection that nobody uses: most likely its end. One that carries session
// state is left to pgx's rule: that state must not be lost without an error where pgx gives one.
func (b *backend) stirs(now tick) bool {
	return b.pin == 0 && b.pg != nil && now.sub(b.idled) > peekAfter && !b.socket.quiet()
}

const (
	// pingAfter is how long a connection may have been idle without being asked whether it lives: pgx's measure, which it
	// keeps a clock of its own for, so that pgx itself is asked only where hooks of others may hang on to it.
	pingAfter = time.Second

	// peekAfter is how long it may have been without a look at its socket. The look is a system call, a hundredth of a query
	// on the same machine: under full load, when connections are idle for less, nobody pays for it.
	peekAfter = time.Millisecond
)
