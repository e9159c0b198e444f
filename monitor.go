package pgsplit

import (
	"context"
	"net"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// monitorConnectTimeout bounds a connection attempt of a monitor; it costs nobody else anything.
const monitorConnectTimeout = 3 * time.Second

// monitor looks at one server from a goroutine and a connection of its own, so that a server that does not answer
// costs nobody else anything. There is at most one question under way.
type monitor struct {
	srv   *server
	wake  chan struct{}
	beats chan time.Time // when the primary was asked; see Cluster.beat

	conn    *pgx.Conn
	opened  time.Time // when the server had accepted it
	raw     net.Conn
	last    time.Time   // when the last look began
	surveys atomic.Bool // somebody wants to know more than a sample says
	stale   atomic.Bool // the connection leads to another instance than new ones do

	timed    bool          // the next look has been timed by a beat
	behind   time.Duration // a replica: by about how much, as of the last look
	reached  time.Time     // likewise: the beat that it had reached
	position LSN
	missed   bool          // it had reached no other before
	stands   bool          // it has not moved at all
	checked  time.Time     // when the catalog's fingerprint was last asked for
	cost     time.Duration // how long that took

	denial denial // the server tells no positions: they are not asked for again on this connection

	ahead bool // this look was asked for ahead of its time
	short int  // such looks in a row that brought nothing new
	fails int  // looks in a row that failed
}

func newMonitor(s *server) *monitor {
	return &monitor{srv: s, wake: make(chan struct{}, 1), beats: make(chan time.Time, 1)}
}

// poke asks for a sample as soon as the pace allows it. It never blocks.
func (m *monitor) poke() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// redial asks for a sample over a new connection: the name leads to another instance now.
func (m *monitor) redial() {
	m.stale.Store(true)
	m.poke()
}

// run looks periodically, and when poked, until the handle closes.
func (m *monitor) run() {
	c := m.srv.cluster
	defer m.hangUp()
	timer := time.NewTimer(0)
	defer timer.Stop()
	m.plan(timer, 0)
	for {
		select {
		case <-c.life.Done():
			return
		case <-timer.C:
			m.ahead = false
		case asked := <-m.beats:
			if wait, ok := m.follow(asked); ok {
				m.plan(timer, wait)
			}
			continue
		case <-m.wake:
			if !m.rest() {
				return
			}
			m.ahead = true
		}
		if !m.look() {
			return
		}
		m.plan(timer, m.pause())
	}
}

// plan sets the time of the next look.
func (m *monitor) plan(timer *time.Timer, wait time.Duration) {
	m.srv.due.Store(int64(ticks() + tick(min(wait, time.Hour))))
	timer.Reset(wait)
}

// look takes one sample. It reports false when there is nothing to look at: the connector's connections are not pgx's.
func (m *monitor) look() bool {
	c, s := m.srv.cluster, m.srv
	m.last, m.timed = clock(), false
	s.asking.Store(int64(tickOf(m.last)))
	defer s.asking.Store(0)
	smp, err := m.sample()
	if err == errNotPgx {
		c.observeBlind(s)
		return false
	}
	if c.life.Err() != nil {
		return false
	}
	if err != nil {
		c.observe(s, nil, err)
		// What waits for the primary goes on waiting, as with plain pgx, for as long as there is no other one.
		if m.fails++; c.snap.Load().primary != s {
			s.abandon()
		}
		m.hangUp()
		return true
	}
	m.fails = 0
	if m.surveys.Swap(false) {
		defer m.answer(m.survey())
	}
	if smp == nil {
		c.observeAnswer(s, m.last)
		if c.snap.Load().primary == s {
			m.checkDefinitions()
		}
		return true
	}
	before := c.snap.Load()
	c.observe(s, smp, nil)
	s.asking.Store(0)
	after := c.snap.Load()
	now := &after.members[s.index]
	m.behind, m.missed, m.reached = now.behind, now.reached.Equal(m.reached), now.reached
	m.stands = m.missed && m.position == smp.position
	m.position = smp.position
	if after.primary == s {
		c.beat(smp.asked)
	}
	m.followUp(before, after)
	if after.primary == s {
		m.checkDefinitions()
	}
	return true
}

// followUp keeps samples coming while a read waits for a write to reach the replicas.
func (m *monitor) followUp(before, after *snapshot) {
	c, s := m.srv.cluster, m.srv
	progress := before.resolved.latest() != after.resolved.latest()
	if b, a := before.members[s.index].sample, after.members[s.index].sample; b != nil && a != nil {
		progress = progress || a.role == RoleReplica && a.position > b.position
	}
	switch {
	case progress:
		m.short = 0
	case m.ahead:
		m.short++
	}
	if !c.someoneNeeds() {
		return
	}
	if after.primary == s {
		c.catchUpSoon(after)
		if c.marks.unresolved(after) {
			m.poke()
		}
		return
	}
	if smp := after.members[s.index].sample; smp.role == RoleReplica && !smp.untold && smp.position < c.wanted(after) {
		m.poke()
	}
}

func (m *monitor) survey() *survey {
	ctx, cancel := withTimeAwake(m.srv.cluster.life, m.srv.cluster.cfg.MonitorTimeout)
	defer cancel()
	return takeSurvey(ctx, m.conn.PgConn())
}

// answer shows a survey once the sample taken with it has been drawn conclusions from: whoever waits for it reads those, too.
func (m *monitor) answer(v *survey) {
	m.srv.surveyed.Store(v)
	m.srv.cluster.change(func(*snapshot) {})
}

type notPgxError struct{}

func (notPgxError) Error() string { return "not a pgx connection" }

var errNotPgx = notPgxError{}

func (m *monitor) sample() (*sample, error) {
	c := m.srv.cluster
	if m.stale.Swap(false) {
		m.hangUp()
	}
	if m.conn == nil {
		if err := m.connect(); err != nil {
			return nil, err
		}
	}
	ctx, cancel := withTimeAwake(c.life, c.cfg.MonitorTimeout)
	defer cancel()
	if c.cfg.Roles == RolesStatic {
		_, err := row(ctx, m.conn.PgConn(), aliveSQL)
		return nil, err
	}
	covers := c.marks.now()
	smp, denial, err := takeSample(ctx, m.conn.PgConn(), m.denial)
	if err != nil {
		return nil, err
	}
	m.denial = denial
	smp.covers, smp.opened = covers, m.opened
	if due := tick(m.srv.due.Load()).time(); due.Before(smp.asked) {
		smp.late = smp.asked.Sub(due)
	}
	return smp, nil
}

// sample asks a server over a connection, and notes which writes of this handle the answer covers: those that had
// completed before it was asked.
func (c *Cluster) sample(ctx context.Context, conn *pgconn.PgConn, opened time.Time) (*sample, error) {
	covers := c.marks.now()
	smp, _, err := takeSample(ctx, conn, tells)
	if err != nil {
		return nil, err
	}
	smp.covers, smp.opened = covers, opened
	return smp, nil
}

func (m *monitor) connect() error {
	c := m.srv.cluster
	ctx, cancel := withTimeAwake(c.life, max(monitorConnectTimeout, c.cfg.MonitorTimeout))
	defer cancel()
	dial := &dialed{}
	dc, err := m.srv.watcher.Connect(context.WithValue(ctx, dialedKey{}, dial))
	if err != nil {
		return err
	}
	conn := pgxOf(dc)
	if conn == nil {
		dc.Close()
		return errNotPgx
	}
	m.conn, m.raw, m.opened = conn, dial.conn, time.Now()
	if c.cfg.Roles == RolesStatic {
		return nil
	}
	id, err := takeIdentity(ctx, conn.PgConn())
	if err != nil {
		return err
	}
	c.observeIdentity(m.srv, id)
	return nil
}

// hangUp ends the monitor's connection, at once: what does not answer is not waited for.
func (m *monitor) hangUp() {
	if m.conn != nil {
		m.srv.cluster.hangUp(m.conn, m.raw)
		m.conn, m.raw, m.denial = nil, nil, tells
	}
}

// monitorName is what database administrators see in pg_stat_activity for a monitor's connection.
const monitorName = "pgsplit monitor"
