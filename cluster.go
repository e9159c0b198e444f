package pgsplit

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/stdlib"
)

// Cluster is the set of servers behind one handle. It lives as long as the *sql.DB that it belongs to; ClusterOf finds
// it. All methods are safe for concurrent use.
type Cluster struct {
	// The short way (plain.go) looks at these, and at texts.
	schema atomic.Uint64 // how many schema changes have passed through this handle
	alarm  atomic.Bool   // somebody waits for a connection of the one server, or the handle closes: none may rest, see lay
	over   atomic.Bool   // life has ended, or is about to
	traces bool          // Config.Trace is set
	brief  time.Duration // for how long after its last checkout began a connection may go the short way

	cfg     *Config // private: nobody changes it
	servers []*server
	watch   []*monitor // one for each server; none when there is only one server

	snap         atomic.Pointer[snapshot]
	marks        *marks
	life         context.Context // ends with Close
	balancer     Balancer
	tracks       bool // writes are: read_your_writes is not off, and there are replicas
	measures     bool // the balancer wants latencies
	replicaReads atomic.Bool
	patient      atomic.Bool // the servers have had their time to answer for the first time
	reached      atomic.Bool // a handle with a single server has once had a connection

	// Both times are clock's, in Unix nanoseconds.
	used   atomic.Int64  // when the handle was last used, to the second
	floor  atomic.Uint64 // the highest position that a session has asked for
	needed atomic.Int64  // when a read last had to do without a replica because of a mark, to 100 ms

	refusals    refusals
	holdings    holdings
	definitions definitions
	patience    patience
	fallback    fallback
	tightest    tightest
	announcer   announcer

	number  uint64             // at random: tokens know by it which handle has made them
	quit    context.CancelFunc // ends life
	started sync.Once
	reading sync.Mutex // held while the catalog is read
	tasks   tasks

	mu    sync.Mutex // held while a snapshot is replaced, never while waiting for a server
	world world

	texts texts
}

// ClusterOf returns the cluster behind a *sql.DB that was opened with this driver, by sql.Open, OpenDB or
// sql.OpenDB(NewConnector(…)), and nil for any other.
func ClusterOf(db *sql.DB) *Cluster {
	if d, ok := db.Driver().(*Driver); ok {
		return d.cluster
	}
	return nil
}

// maxServers is what fits the bit set of the servers that a statement has tried.
const maxServers = 64

func newCluster(cfg *Config) (*Cluster, error) {
	c := &Cluster{cfg: cfg, number: rand.Uint64(), marks: newMarks(cfg.ReadYourWrites == RYWOn)}
	c.traces, c.brief = cfg.Trace != nil, pingAfter
	if d := cfg.PoolMaxConnIdleTime; d > 0 {
		c.brief = min(c.brief, d)
	}
	c.definitions.wake, c.definitions.first = make(chan struct{}, 1), make(chan struct{})
	c.patience = polling{c}
	c.life, c.quit = context.WithCancel(context.Background())
	c.replicaReads.Store(cfg.ReplicaReads)
	if c.balancer = cfg.CustomBalancer; c.balancer == nil {
		c.balancer = newBalancer(cfg.Balancer)
	}
	c.measures = cfg.CustomBalancer != nil || cfg.Balancer == BalancerLatency
	if n := cfg.MaxFallbackReads; n > 0 {
		c.fallback.slots = make(chan struct{}, n)
	}

	if cfg.Primary != nil {
		c.addConnector(primaryName, cfg.Primary)
		for i, r := range cfg.Replicas {
			c.addConnector(replicaName(i), r)
		}
	} else {
		for _, sc := range cfg.Servers {
			c.addServer(sc)
		}
	}
	c.tracks = cfg.ReadYourWrites != RYWOff && len(c.servers) > 1
	if n := len(c.servers); n > maxServers {
		return nil, fmt.Errorf("pgsplit: %d servers are configured, at most %d are supported", n, maxServers)
	}
	c.world.ids = make([]identity, len(c.servers))
	c.world.behind = make([]behind, len(c.servers))
	first := &snapshot{members: make([]member, len(c.servers)), changed: make(chan struct{})}
	for i, s := range c.servers {
		first.members[i] = member{srv: s, static: cfg.Roles == RolesStatic}
		if cfg.Roles == RolesStatic {
			first.members[i].role = staticRole(i)
		}
	}
	if len(c.servers) == 1 {
		// One server: nothing to choose, nothing to watch. It is used as plain pgx would.
		first.members[0].role, first.members[0].healthy = RolePrimary, true
		first.primary, first.settled = c.servers[0], true
	} else {
		for _, s := range c.servers {
			c.watch = append(c.watch, newMonitor(s))
		}
	}
	c.snap.Store(first)
	return c, nil
}

// begin starts the monitors at the first use of the handle.
func (c *Cluster) begin() {
	c.started.Do(func() {
		c.used.Store(clock().UnixNano())
		for _, m := range c.watch {
			c.tasks.run(m.run)
		}
		if len(c.watch) > 0 {
			c.definitions.poke()
			c.tasks.run(c.keepDefinitions)
		}
	})
}

// replicasTimeout is how long the first use of a handle waits for the replicas when the primary is known already, lest the
// first reads of every process go to the primary.
const replicasTimeout = 100 * time.Millisecond

// ready waits until the cluster's state is known well enough for a statement: a primary was found, or every server has
// answered or failed. When none can be reached it returns the error that plain pgx gives.
func (c *Cluster) ready(ctx context.Context) error {
	c.begin()
	if len(c.servers) == 1 {
		return c.readyAlone(ctx)
	}
	if !c.patient.Load() {
		if err := c.introduce(ctx); err != nil {
			return err
		}
	}
	snap := c.snap.Load()
	switch {
	case snap.primary != nil || snap.seenPrimary || len(snap.replicas) > 0:
		return nil
	case snap.conflict != nil:
		return snap.conflict
	}
	return c.unreachable(ctx)
}

// introduce waits until a primary is known or every server has answered or failed; then, for a moment, for the replicas
// and for what the catalog says.
func (c *Cluster) introduce(ctx context.Context) error {
	if err := c.awaitServers(ctx, func(s *snapshot) bool { return s.settled }, nil); err != nil {
		return err
	}
	t := time.NewTimer(replicasTimeout)
	defer t.Stop()
	if err := c.awaitServers(ctx, func(s *snapshot) bool { return s.known }, t.C); err != nil {
		return err
	}
	if c.snap.Load().primary != nil {
		t.Reset(replicasTimeout)
		select {
		case <-c.definitions.first:
		case <-t.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		c.patient.Store(true)
	}
	return nil
}

// awaitServers waits until a snapshot satisfies enough, or a time has come.
func (c *Cluster) awaitServers(ctx context.Context, enough func(*snapshot) bool, until <-chan time.Time) error {
	for {
		snap := c.snap.Load()
		if enough(snap) {
			return nil
		}
		select {
		case <-snap.changed:
		case <-until:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-c.life.Done():
			return errClosed
		}
	}
}

// readyAlone has the first use of a single server show whether it can be reached, as plain pgx does. Its connection is
// the first that a statement finds idle.
func (c *Cluster) readyAlone(ctx context.Context) error {
	if c.reached.Load() {
		return nil
	}
	b, err := c.servers[0].acquire(ctx, true, 0)
	if err != nil {
		return err
	}
	c.servers[0].release(b, ticks())
	c.reached.Store(true)
	return nil
}

// unreachable asks pgx itself to connect, for its error. Should it get a connection after all, the monitors are told to
// look again and the error says what is missing.
func (c *Cluster) unreachable(ctx context.Context) error {
	connector := c.servers[0].connector
	if c.cfg.Original != nil {
		connector = stdlib.GetConnector(*c.pgxServerConfig(c.cfg.Original, c.inLife))
	}
	dc, err := connector.Connect(context.WithValue(ctx, dialedKey{}, &dialed{}))
	if err != nil {
		return err
	}
	dc.Close()
	c.kickAll()
	return errors.New("pgsplit: no primary: no server of the DSN is a writable PostgreSQL primary")
}

// touch notes that the handle is in use. After a pause without samples the monitors are woken.
func (c *Cluster) touch(now time.Time) {
	n := now.UnixNano()
	last := c.used.Load()
	if n-last > int64(time.Second) && c.used.CompareAndSwap(last, n) && n-last > int64(pauseAfter) {
		c.kickAll()
	}
}

func (c *Cluster) kickAll() {
	for _, m := range c.watch {
		m.poke()
	}
}

// wrote leaves a mark for a completed write, and has it resolved soon if reads are waiting for such things.
func (c *Cluster) wrote(t *touched) {
	c.leave(t)
	c.resolveSoon()
}

func (c *Cluster) resolveSoon() {
	if p := c.snap.Load().primary; p != nil && len(c.watch) > 0 && c.someoneNeeds() {
		c.watch[p.index].poke()
	}
}

// wroteRaw leaves the mark of a connection that was handed out.
func (c *Cluster) wroteRaw() {
	n := c.leave(&everything)
	raise(&c.marks.raw, uint64(n))
	raise(&c.marks.rawAt, c.marks.at.Load())
	c.resolveSoon()
	c.marks.rawOpen.Add(-1)
	c.marks.end(&everything)
}

// marksRelations says whether it matters which relations a write has touched.
func (c *Cluster) marksRelations() bool { return c.tracks && c.marks.places != nil }

func (c *Cluster) roleOf(s *server) Role { return c.snap.Load().members[s.index].role }

func (c *Cluster) serverInfo(s *server) ServerInfo {
	return ServerInfo{Name: s.name, Role: c.roleOf(s)}
}

// SetReplicaReads switches replica reads on or off for the whole handle, from the next statement on. Off sends every
// read to the primary, but for those under WithReplica. It starts as the DSN's replica_reads says.
func (c *Cluster) SetReplicaReads(on bool) { c.replicaReads.Store(on) }
