package pgsplit

import (
	"cmp"
	"context"
	"database/sql/driver"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

var errClosed = errors.New("pgsplit: the handle is closed")

// server is one PostgreSQL instance as this handle sees it: its connector, its idle backend connections and its
// counters. What samples say of it is in the cluster's snapshot.
type server struct {
	cluster   *Cluster
	index     int
	name      string
	connector driver.Connector
	watcher   driver.Connector // for the monitor's own connection
	asking    atomic.Int64     // the tick since when its monitor waits for an answer; 0: it does not
	due       atomic.Int64     // the tick at which its monitor means to ask next
	maxIdle   time.Duration    // Config.PoolMaxConnIdleTime
	weight    float64          // share in the reads, see Config.Weights

	latency  atomic.Int64 // decaying average of the time to the first row, in ns (balancer=latency only)
	timed    atomic.Int64 // when that was measured last, Unix nanoseconds of clock
	healed   atomic.Int64 // errors that were healed elsewhere
	pinned   atomic.Int64 // backends that carry session state
	pinnedBy [pinReasons]atomic.Int64
	misses   atomic.Int64 // connection attempts that have failed in a row
	errors   [errorClassCount]atomic.Int64
	surveyed atomic.Pointer[survey]
	unwell   atomic.Pointer[error] // why the one server of a handle could not be surveyed

	bare bool // connector is pgx's, without hooks

	parked   atomic.Int64 // backends kept for their session state by driver connections that nobody uses
	connects atomic.Int64 // backends opened so far

	// What each checkout changes is in cache lines of its own, together: they change hands once for all of it, and what only
	// is read does not go with them.
	_        [cacheLine]byte
	inflight atomic.Int64 // checkouts that hold a backend of this server, or are getting one; kept where there is a choice
	mu       sync.Mutex   // of all below
	idle     []*backend   // the last of them was used last
	size     int          // of open
	opening  int          // backends that are being opened, or may be
	trimmed  tick         // when trimIdle looked last
	closed   bool
	open     map[*backend]struct{}
	waiting  []*waiter // in the order in which they came
	_        [cacheLine]byte

	counts [reasonCount]int64 // statements sent over connections that are closed, by reason
	life   context.Context    // ends when the server is found unreachable, or the handle closes
	end    context.CancelFunc
	trim   *time.Timer
}

// cacheLine is at least as long as a line of the processor's cache, with the one that it may fetch along.
const cacheLine = 128

func newServer(c *Cluster, index int, name string, connector, watcher driver.Connector) *server {
	s := &server{
		cluster: c, index: index, name: name, connector: connector, watcher: watcher,
		open: make(map[*backend]struct{}), maxIdle: c.cfg.PoolMaxConnIdleTime,
	}
	s.life, s.end = context.WithCancel(c.life)
	return s
}

// acquire returns a connection that nobody else has: an idle one that is still alive, or a new one. When the server has as
// many as it may have, it waits for one or returns errFull. Whoever waits for one counts as in flight, so that a replica
// without connections does not look idle to all who come meanwhile. now is what ticks has just told the caller, or 0.
func (s *server) acquire(ctx context.Context, wait bool, now tick) (*backend, error) {
	s.fly(1)
	b, err := s.find(ctx, wait, now)
	if err != nil {
		s.fly(-1)
	}
	return b, err
}

func (s *server) fly(n int64) {
	if len(s.cluster.servers) > 1 {
		s.inflight.Add(n)
	}
}

func (s *server) find(ctx context.Context, wait bool, now tick) (*backend, error) {
	for ; ; now = 0 {
		b, waited, err := s.take(ctx, wait)
		if err != nil {
			return nil, err
		}
		if b == nil {
			return s.connect(ctx)
		}
		if waited || now == 0 {
			now = ticks()
		}
		switch fit, err := s.check(ctx, b, now); {
		case err != nil:
			return nil, err
		case fit:
			return b, nil
		}
	}
}

// check prepares an idle connection for its next checkout. One that is not fit for it is discarded; an error says that others
// would not be either.
func (s *server) check(ctx context.Context, b *backend, now tick) (fit bool, err error) {
	if b.closed() || s.worn(b, now) {
		s.discard(b)
		return false, nil
	}
	if err := b.reset(ctx, now); err != nil {
		s.discard(b)
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		if err == errSilent {
			return false, err
		}
		// What killed one idle connection has likely killed those that were idle for longer: no ping for each.
		s.dropIdle(now - tick(pingAfter))
		return false, nil
	}
	if b.plans != s.cluster.schema.Load() {
		if s.cluster.cfg.AfterConnect != nil {
			s.discard(b) // the application may have prepared statements on it, so a new one is made
			return false, nil
		}
		if b.refresh(ctx); b.closed() {
			s.discard(b)
			return false, cmp.Or(ctx.Err(), errSilent)
		}
	}
	return true, nil
}

// pingTimeout bounds the check of an idle connection. A read has somewhere else to go soon; a primary is given time.
func (s *server) pingTimeout() time.Duration {
	if d := s.cluster.cfg.PoolPingTimeout; d > 0 {
		return d
	}
	if s.cluster.snap.Load().primary == s {
		return 5 * time.Second
	}
	return s.cluster.cfg.MonitorTimeout
}

// connect opens a backend, for which take has made room. The caller's context bounds it, and so does the server's life: a
// connection attempt to a server that the monitor finds unreachable ends at once.
func (s *server) connect(ctx context.Context) (*backend, error) {
	b, err := s.dial(ctx)
	if err != nil {
		s.opened(nil)
		return nil, err
	}
	if !s.opened(b) {
		b.close()
		return nil, errClosed
	}
	s.misses.Store(0)
	s.connects.Add(1)
	return b, nil
}

func (s *server) dial(ctx context.Context) (*backend, error) {
	s.mu.Lock()
	life := s.life
	s.mu.Unlock()
	// Whoever has chosen the server before it was found unreachable, and comes here after that, would not come free.
	if snap := s.cluster.snap.Load(); snap.primary != s && snap.members[s.index].err != nil {
		return nil, errSilent
	}
	dial := &dialed{}
	cctx, cancel := context.WithCancel(context.WithValue(ctx, dialedKey{}, dial))
	defer cancel()
	defer context.AfterFunc(life, cancel)()

	misses := s.misses.Load()
	dc, err := s.connector.Connect(cctx)
	if err != nil {
		if ctx.Err() == nil && life.Err() == nil {
			s.misses.CompareAndSwap(misses, misses+1) // attempts made at the same time count as one
		}
		return nil, err
	}
	b := newBackend(s, dc, dial)
	if d := s.cluster.cfg.PoolMaxConnLifetime; d > 0 {
		if j := s.cluster.cfg.PoolMaxConnLifetimeJitter; j > 0 {
			d += rand.N(j)
		}
		b.expires = tickOf(b.opened.Add(d))
	}
	if err := s.welcome(cctx, b); err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

// welcome looks at a new connection: a sample of its own says which role and position this very instance has (the
// monitor's may be of the instance before a restart), and the application's hook runs.
func (s *server) welcome(ctx context.Context, b *backend) error {
	c := s.cluster
	if b.pg == nil {
		return nil
	}
	// The primary's role needs no question: PostgreSQL 14 and later report a standby by themselves. A pooler may go on to report
	// what it has heard long ago, so a server that is known for a replica is asked in any case.
	if len(c.servers) > 1 && c.cfg.Roles != RolesStatic &&
		(b.standby() || b.pg.PgConn().ParameterStatus("in_hot_standby") == "" || c.roleOf(s) == RoleReplica) {
		smp, err := c.sample(ctx, b.pg.PgConn(), b.opened)
		if err != nil {
			return err
		}
		b.instance = smp.instance
		c.observe(s, smp, nil)
	}
	if c.cfg.AfterConnect != nil {
		info := ServerInfo{Name: s.name, Role: RolePrimary}
		if b.standby() || c.roleOf(s) == RoleReplica {
			info.Role = RoleReplica
		}
		return c.cfg.AfterConnect(ctx, b.pg, info)
	}
	return nil
}

// missed returns for how long the server should be left alone after a failed connection attempt. Its monitor may be well:
// a replica's password may differ, or it has no free slot. An attempt that the monitor's own findings have ended does not
// count: a server that was silent is used again as soon as it answers.
func (s *server) missed() time.Duration {
	const first, most = 100 * time.Millisecond, 10 * time.Second
	n := s.misses.Load()
	if n <= 1 {
		return 0 // one attempt says little: the monitor's next sample decides
	}
	return min(first<<min(n-2, 10), most)
}

// release gives a backend back: to the next who asks if it is clean, else it is closed. now is the present.
func (s *server) release(b *backend, now tick) {
	s.fly(-1)
	if s.keep(b, now) {
		s.put(b)
	}
}

// keep says whether a backend that is given back is of use to others; if not, it is closed.
func (s *server) keep(b *backend, now tick) bool {
	if !b.clean() || b.untidy() && !b.tidyInTime() {
		s.discard(b)
		return false
	}
	b.cleanse()
	b.idled = now
	return true
}

// discard closes a backend and forgets it.
func (s *server) discard(b *backend) {
	s.remove(b)
	b.shed(b.pin)
	s.park(b, false)
	b.close()
}

// drop ends a checkout of a backend that is known to be dead or must not be used again.
func (s *server) drop(b *backend) {
	s.fly(-1)
	s.discard(b)
}
