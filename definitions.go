package pgsplit

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgsplit/pgsplit/internal/catalog"
	"github.com/pgsplit/pgsplit/internal/statement"
)

// definitions keeps what the primary's catalog says of functions, views and tables. A goroutine of its own reads it over
// a connection of its own, which it closes again: reading is rare.
type definitions struct {
	current atomic.Pointer[knowledge]
	wake    chan struct{}
	first   chan struct{} // closed after the first reading
	doubts  atomic.Bool   // a name was met that the catalog lacks, or the catalog may be out of date
	changed atomic.Bool   // the catalog is another, or a new one is in doubt

	conn *pgx.Conn // kept for a while, since schema changes come in groups
	of   *server
}

// knowledge is one reading of the catalog. It is immutable.
type knowledge struct {
	catalog *catalog.Catalog
	schema  uint64    // how many schema changes had passed through the handle before it was read
	read    time.Time // when it had been read, the last time that it was another one than before
	err     error     // why there is no catalog of a server
}

const (
	// definitionsTimeout bounds one reading; it costs nobody else anything.
	definitionsTimeout = 30 * time.Second
	// doubtsPace is how often unknown names, and writes that nobody can read, may have the server asked whether its catalog has
	// changed; what has failed is tried again as often.
	doubtsPace = time.Second
	// changesPace keeps a server whose catalog others change all the time from being asked all the time: it rests for this many
	// times as long as the last reading took.
	changesPace = 5
	// checkTimeout bounds the question whether the catalog has changed.
	checkTimeout = 2 * time.Second
	// definitionsIdle is how long the connection is kept after a reading.
	definitionsIdle = 30 * time.Second
	// definitionsRetry is when reading is tried again after it has failed.
	definitionsRetry = 10 * time.Second
)

func (d *definitions) poke() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// doubt notes that a statement names something unknown, or may have changed something.
func (d *definitions) doubt() {
	if !d.doubts.Load() && d.doubts.CompareAndSwap(false, true) {
		d.poke()
	}
}

// again has the server asked soon.
func (d *definitions) again() {
	d.changed.Store(true)
	d.poke()
}

// schemaChanged notes that a schema change has passed through this handle: cached plans are out of date, and until the
// catalog has been read again nothing is known for certain.
func (c *Cluster) schemaChanged() {
	c.schema.Add(1)
	c.definitions.poke()
}

// keepDefinitions reads the catalog when there is a reason to, until the handle closes.
func (c *Cluster) keepDefinitions() {
	d := &c.definitions
	defer d.hangUp()
	retry, idle := time.NewTimer(time.Hour), time.NewTimer(time.Hour)
	defer retry.Stop()
	defer idle.Stop()
	var last time.Time
	var cost time.Duration
	failed := false
	for {
		select {
		case <-c.life.Done():
			return
		case <-idle.C:
			c.reading.Lock()
			d.hangUp()
			c.reading.Unlock()
			continue
		case <-retry.C:
		case <-d.wake:
		}
		pace := doubtsPace // an unknown name may mean that something has changed elsewhere, and what failed may work by now
		switch k := d.current.Load(); {
		case k == nil:
			pace = 0
		case failed || k.err != nil:
		case k.schema != c.schema.Load():
			pace = 0
		case d.changed.Load():
			pace = min(pace, changesPace*cost)
		}
		if wait := pace - time.Since(last); wait > 0 {
			retry.Reset(wait)
			continue
		}
		d.doubts.Store(false)
		d.changed.Store(false)
		last = time.Now()
		err := c.LoadCatalog(c.life)
		cost, failed = time.Since(last), err != nil
		if err == errNoCatalog {
			return
		}
		if err != nil {
			retry.Reset(definitionsRetry)
		}
		idle.Reset(definitionsIdle)
	}
}

// connection returns the connection over which the catalog is read. Cluster.reading guards it.
func (d *definitions) connection(ctx context.Context, p *server) (*pgconn.PgConn, error) {
	if d.conn != nil && d.of == p && !d.conn.IsClosed() {
		return d.conn.PgConn(), nil
	}
	d.hangUp()
	dc, err := p.watcher.Connect(ctx)
	if err != nil {
		return nil, err
	}
	if d.conn = pgxOf(dc); d.conn == nil {
		dc.Close()
		return nil, errNoCatalog
	}
	d.of = p
	return d.conn.PgConn(), nil
}

// hangUp closes the connection.
func (d *definitions) hangUp() {
	if d.conn != nil {
		d.of.cluster.hangUp(d.conn, nil)
		d.conn = nil
	}
}

// LoadCatalog reads the primary's system catalog anew, if it has changed: which functions may run on a standby, which
// views and tables are fit for one. A handle with replicas does so by itself when the schema may have changed; tools call
// it to wait for the first reading. An ordinary role may read all that is needed.
func (c *Cluster) LoadCatalog(ctx context.Context) error {
	c.reading.Lock()
	defer c.reading.Unlock()
	ctx, cancel := context.WithTimeout(ctx, definitionsTimeout)
	defer cancel()
	schema := c.schema.Load()
	asOf := c.marks.clock.Load()
	old := c.definitions.current.Load()
	cat, err := c.readCatalog(ctx, old)
	if err != nil && old != nil && old.err == nil {
		return err // what was known goes on to count as far as it is not out of date
	}
	if err != nil {
		cat = catalog.Declare(c.declared())
	}
	k := &knowledge{catalog: cat, schema: schema, read: time.Now(), err: err}
	if old != nil && old.catalog == cat {
		k.read = old.read
		c.definitions.current.Store(k)
	} else {
		c.marks.recast(func() { c.definitions.current.Store(k) })
	}
	if err == nil {
		raise(&c.marks.verified, asOf)
	}
	if old != nil && old.catalog != cat {
		c.texts.forget()
		c.refusals.forget()
		if err == nil && c.marksRelations() && !c.trusts(k) {
			c.definitions.again() // what was guessed by the old one may have brought on another
		}
	}
	if old == nil {
		close(c.definitions.first)
	}
	return err
}

var errNoCatalog = errors.New("pgsplit: no PostgreSQL server whose catalog could be read")

func (c *Cluster) readCatalog(ctx context.Context, old *knowledge) (*catalog.Catalog, error) {
	c.begin()
	if err := c.awaitServers(ctx, func(s *snapshot) bool { return s.settled }, nil); err != nil {
		return nil, err
	}
	snap := c.snap.Load()
	p := snap.primary
	switch {
	case p == nil:
		return nil, errNoPrimary
	case snap.members[p.index].blind:
		return nil, errNoCatalog
	}
	conn, err := c.definitions.connection(ctx, p)
	if err != nil {
		return nil, err
	}
	if old != nil && old.catalog.Loaded() {
		if fp, err := catalog.Fingerprint(ctx, conn); err == nil && fp == old.catalog.Fingerprint() {
			return old.catalog, nil
		}
	}
	return catalog.Load(ctx, conn, c.declared())
}

func (c *Cluster) declared() catalog.Declared {
	return catalog.Declared{Safe: c.cfg.SafeFunctions, Unsafe: c.cfg.UnsafeFunctions}
}

// checkDefinitions asks the primary, over its monitor's connection, whether somebody has changed the schema.
// It takes a part of the time only that the number of relations allows.
func (m *monitor) checkDefinitions() {
	c := m.srv.cluster
	k := c.definitions.current.Load()
	if k == nil || !k.catalog.Loaded() || time.Since(m.checked) < max(c.cfg.MonitorInterval, 200*m.cost) {
		return
	}
	ctx, cancel := context.WithTimeout(c.life, checkTimeout)
	defer cancel()
	m.checked = time.Now()
	defer func() { m.cost = time.Since(m.checked) }()
	asOf := c.marks.clock.Load()
	switch fp, err := catalog.Fingerprint(ctx, m.conn.PgConn()); {
	case err != nil:
	case fp == k.catalog.Fingerprint():
		raise(&c.marks.verified, asOf)
	default:
		c.definitions.again()
	}
}

// analyze reads the text at hand, with what is known of the names in it.
func (c *Conn) analyze(sql string) {
	c.known, c.beginning, c.effect = nil, false, false
	c.pending, c.sure, c.refusal, c.refuser = false, false, "", nil
	var judge *catalog.Catalog
	if len(c.cluster.servers) > 1 {
		k := c.cluster.definitions.current.Load()
		c.known = k
		if k == nil {
			c.pending = true
		} else {
			judge = k.catalog
			c.pending = k.err == nil && k.schema != c.cluster.schema.Load()
			c.sure = judge.Loaded() && !c.pending
		}
	}
	c.judge(sql, judge)
	if c.unknown != "" && c.st.Flags&statement.DDL == 0 {
		c.cluster.definitions.doubt()
	}
}

// judge reads a text, and has a catalog say what the names in it mean.
func (c *Conn) judge(sql string, judge *catalog.Catalog) {
	var temps *temporaries
	if b := c.primary; b != nil && len(b.temps.names) > 0 {
		temps = &b.temps // then it means something else on this connection
	} else {
		known, slot, worth := c.cluster.texts.find(sql, judge)
		if worth {
			c.cluster.texts.keep(slot, sql, judge)
		}
		if known != nil {
			c.st, c.unknown, c.print = known.st, known.unknown, known.print
			return
		}
	}
	c.st = &c.reading
	c.st.Analyze(sql)
	if temps != nil {
		temps.mark(c.st)
	}
	v := judge.Judge(c.st)
	c.st.Flags, c.st.Pin = v.Flags, v.Pin
	c.unknown, c.print = v.Unknown, 0
}
