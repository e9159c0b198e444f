package pgsplit_test

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
	"github.com/pgsplit/pgsplit/pgsplittest"
)

// commits are rows that a writer has inserted one after the other: when each was sent, and when its commit was acknowledged.
type commits struct {
	mu    sync.Mutex
	sent  []time.Time
	acked []time.Time
}

// bounds says between which two values the lag of a server lies that was asked after from and had answered by to that it sees the
// first few rows at least and the first many at most. What is not acknowledged is nobody's loss yet.
func (c *commits) bounds(few, many int, from, to time.Time) (least, most time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if many < len(c.acked) {
		least = max(0, from.Sub(c.acked[many]))
	}
	if few < len(c.acked) {
		most = max(0, to.Sub(c.sent[few]))
	}
	return least, most
}

// begun is how many rows have been sent.
func (c *commits) begun() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.acked) + 1
}

// write inserts a row each 5 ms until the context ends.
func (c *commits) write(ctx context.Context, conn *pgx.Conn) error {
	for ctx.Err() == nil {
		sent := time.Now()
		if _, err := conn.Exec(ctx, "insert into lag default values"); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		c.mu.Lock()
		c.sent, c.acked = append(c.sent, sent), append(c.acked, time.Now())
		c.mu.Unlock()
		time.Sleep(5 * time.Millisecond)
	}
	return nil
}

// direct is a connection of the superuser to one server, past everything.
func direct(t testing.TB, s *pgsplittest.Server) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), s.SuperDSN())
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		conn.Close(ctx)
	})
	return conn
}

const lagInterval, lagSlack = 200 * time.Millisecond, 25 * time.Millisecond

// The reported lag is never smaller than the true one by more than lagSlack, and never larger by more than an interval and that. A
// busy machine has the monitors ask later than they mean to, and answer later, or stands still: so much more is allowed, and no more.
func TestLagIsReportedAsItIs(t *testing.T) {
	c := pgsplittest.Start(t, pgsplittest.Options{Replicas: 1, SetupSQL: "create table lag (id bigserial primary key)"})
	r := c.Replicas[0]
	db := handle(t, c, "monitor_interval="+lagInterval.String(), "monitor_timeout=2s")
	t.Logf("sampled every %v; differences of the reported lag from the true one, and the monitors' delay, in ms", lagInterval)
	t.Logf("%-22s %6s %8s %6s %9s %9s %9s %9s %9s %9s", "case", "probes", "true max", "below", "above p50", "p95", "max", "delay p50", "p95", "max")
	for _, test := range []lagCase{
		{name: "apply delay 0"},
		{name: "apply delay 200 ms", begin: func() error { return r.SetApplyDelay(200 * time.Millisecond) }},
		{name: "apply delay 1000 ms", settle: 1800 * time.Millisecond, begin: func() error { return r.SetApplyDelay(time.Second) }, end: func() error { return r.SetApplyDelay(0) }},
		{name: "replay paused", begin: r.PauseReplay, end: r.ResumeReplay},
		{name: "idle primary", idle: true},
		{name: "WAL receiver stopped", begin: func() error { return stopReceiver(r) }, end: func() error { return startReceiver(r) }},
		{name: "replica frozen", begin: r.Freeze, end: r.Thaw, stopped: true, frozen: 1},
		{name: "primary frozen", begin: c.Primary.Freeze, end: c.Primary.Thaw, stopped: true},
	} {
		// How much later than they mean to the monitors may ask on a busy machine is an estimate: what exceeds it once is measured again.
		for try := 1; !test.isAsItIs(t, c, db, try == 3); try++ {
		}
	}
}

// isAsItIs measures once. It reports false if the lag was larger than it may be, which is an error the last time.
func (l lagCase) isAsItIs(t *testing.T, c *pgsplittest.Cluster, db *sql.DB, last bool) bool {
	t.Helper()
	d := l.measure(t, c, db)
	t.Logf("%-22s %6d %8d %6d %9d %9d %9d %9d %9d %9d", l.name, len(d.above), d.truth.Milliseconds(), slices.Max(d.below).Milliseconds(),
		percent(d.above, 50), percent(d.above, 95), percent(d.above, 100), percent(d.delay, 50), percent(d.delay, 95), percent(d.delay, 100))
	for i, below := range d.below {
		// While the primary is silent no replica falls behind, as far as anybody knows; see answerTime.
		if !assert.LessOrEqual(t, below, lagSlack+max(0, d.silent[i]-20*time.Millisecond), "%s: reported smaller than it is", l.name) {
			return true
		}
	}
	for i := range d.above {
		if most := lagInterval + lagSlack + d.delay[i]; d.above[i] > most {
			if !last {
				return false
			}
			t.Errorf("%s: reported larger than it is three times, now by %v, and at most %v is allowed: probe %d; delay %v", l.name, d.above[i], most, i, d.delay[i])
			break
		}
	}
	return true
}

func percent(d []time.Duration, p int) int64 {
	d = slices.Sorted(slices.Values(d))
	return d[(len(d)-1)*p/100].Milliseconds()
}

// lagCase is something that is the matter with a server.
type lagCase struct {
	name       string
	begin, end func() error
	settle     time.Duration // until the lag has come to what it will be; default: three intervals
	idle       bool          // nothing is written
	stopped    bool          // the server with the number frozen is, and cannot be asked
	frozen     int
}

// measure compares the reported lag with the true one before, while and after something is the matter.
func (l lagCase) measure(t *testing.T, c *pgsplittest.Cluster, db *sql.DB) *differences {
	t.Helper()
	require.NoError(t, c.WaitForCatchUp(), l.name)
	require.NoError(t, c.Primary.Exec("truncate lag restart identity"))
	require.NoError(t, c.WaitForCatchUp())
	ctx, cancel := contextWithCancel(t)
	d := &differences{cluster: pgsplit.ClusterOf(db), written: &commits{}, replica: direct(t, c.Replicas[0]), stalls: stallMeter(t)}
	defer d.stalls.stop()
	done := make(chan error, 1)
	if l.idle {
		done <- nil
	} else {
		conn := direct(t, c.Primary)
		go func() { done <- d.written.write(ctx, conn) }()
	}
	d.probe(t, lagInterval)
	before, began := d.monitors(), time.Now()
	if l.begin != nil {
		require.NoError(t, l.begin(), l.name)
	}
	span := 1500 * time.Millisecond
	switch {
	case l.stopped && l.frozen == 0:
		// Lag is measured to its last answer: nobody knows what comes after that. Its processes stop one by one, and what those
		// that go on still commit may be sent to nobody.
		d.until = began
		d.at = max(before, d.monitors())
		span = 4 * time.Second
	case l.stopped:
		d.many = d.written.begun()
		d.at = max(before, d.monitors())
		d.replica = nil
	default:
		d.probe(t, max(l.settle, 3*lagInterval))
	}
	d.count = true
	d.probe(t, span)
	if l.end != nil {
		require.NoError(t, l.end(), l.name)
	}
	cancel()
	require.NoError(t, <-done)
	return d
}

// differences are how far reported lags lay outside of what the lag can have been, and by how much the monitors were behind.
type differences struct {
	cluster *pgsplit.Cluster
	written *commits
	replica *pgx.Conn // nil: it cannot be asked
	stalls  *stalls

	few, many int // how many rows it has
	truth     time.Duration
	until     time.Time     // the true lag is measured up to then; zero: up to now
	lags      []sighting    // the true lag, lately
	primary   []sighting    // the delay of the primary's monitor, lately
	at        time.Duration // by how much the monitors were behind when one of the servers stopped; 0: none has

	count               bool
	below, above, delay []time.Duration
	silent              []time.Duration // for how long the primary has been asked without an answer
}

func (d *differences) reported() time.Duration { return d.cluster.Stats().Servers[1].Lag }

// monitors is by how much the monitors are behind their plan now. That of the primary counts for as long as its samples may do.
func (d *differences) monitors() time.Duration {
	now, behind := time.Now(), [2]time.Duration{}
	for i := range behind {
		late, overdue, answering := d.cluster.SamplerDelay(i)
		behind[i] = late + overdue + answering
	}
	d.primary = append(d.primary, sighting{now, behind[0]})
	return behind[1] + longest(&d.primary, now.Add(-2*time.Second))
}

// fallen is by how much the true lag can be smaller than it was at some time since the replica was looked at last: that a replica
// has caught up is not known until it is asked.
func (d *differences) fallen(now time.Time, most time.Duration) time.Duration {
	d.lags = append(d.lags, sighting{now, most})
	return longest(&d.lags, now.Add(-lagInterval*5/4)) - most
}

// sighting is what something was at a time.
type sighting struct {
	at   time.Time
	what time.Duration
}

// longest returns the largest since a time, and forgets what was before it.
func longest(all *[]sighting, since time.Time) (most time.Duration) {
	for len(*all) > 0 && (*all)[0].at.Before(since) {
		*all = (*all)[1:]
	}
	for _, s := range *all {
		most = max(most, s.what)
	}
	return most
}

// probe compares for some time.
func (d *differences) probe(t *testing.T, span time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), span+20*time.Second)
	defer cancel()
	for end := time.Now().Add(span); time.Now().Before(end); time.Sleep(7 * time.Millisecond) {
		from, delay := time.Now(), d.monitors()
		_, _, silent := d.cluster.SamplerDelay(0)
		low := d.reported()
		if d.replica != nil {
			require.NoError(t, d.replica.QueryRow(ctx, "select count(*) from lag").Scan(&d.few))
			d.many = d.few
		}
		high := d.reported()
		to := time.Now()
		delay = max(delay, d.monitors())
		if d.at > 0 {
			delay = d.at
		}
		if !d.until.IsZero() {
			from, to = d.until, d.until
		}
		least, most := d.written.bounds(d.few, d.many, from, to)
		if d.until.IsZero() {
			delay += d.fallen(to, most)
		}
		delay += d.stalls.since(to.Add(-2 * lagInterval))
		if d.count {
			d.silent = append(d.silent, silent)
			d.below, d.above, d.delay = append(d.below, least-low), append(d.above, high-most), append(d.delay, delay)
			d.truth = max(d.truth, most)
		}
	}
}

// stopReceiver takes a replica's connection to its primary away.
func stopReceiver(r *pgsplittest.Server) error {
	if err := r.Exec("alter system set primary_conninfo = 'host=127.0.0.1 port=1'"); err != nil {
		return err
	}
	return reload(r)
}

func startReceiver(r *pgsplittest.Server) error {
	if err := r.Exec("alter system reset primary_conninfo"); err != nil {
		return err
	}
	return reload(r)
}

func reload(s *pgsplittest.Server) error {
	_, err := s.QueryString(fmt.Sprintf("select pg_reload_conf(), %d", names.Add(1)))
	return err
}
