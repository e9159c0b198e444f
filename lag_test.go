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
// first n rows. What is not acknowledged is nobody's loss yet.
func (c *commits) bounds(n int, from, to time.Time) (least, most time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n >= len(c.acked) {
		return 0, 0
	}
	return max(0, from.Sub(c.acked[n])), max(0, to.Sub(c.sent[n]))
}

// write inserts a row each 10 ms until the context ends.
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
		time.Sleep(10 * time.Millisecond)
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

func TestLagIsReportedAsItIs(t *testing.T) {
	const interval, slack = 200 * time.Millisecond, 25 * time.Millisecond
	c := pgsplittest.Start(t, pgsplittest.Options{Replicas: 1, SetupSQL: "create table lag (id bigserial primary key)"})
	r := c.Replicas[0]
	db := handle(t, c, "monitor_interval="+interval.String(), "monitor_timeout=2s")
	t.Logf("sampled every %v; differences of the reported lag from the true one, in ms", interval)
	t.Logf("%-28s %7s %9s %9s %9s %9s %9s", "case", "probes", "true max", "below", "above p50", "above p95", "above max")
	for _, test := range []struct {
		name   string
		idle   bool
		begin  func() error
		end    func() error
		frozen bool // the replica cannot be asked
	}{
		{name: "apply delay 0"},
		{name: "apply delay 200 ms", begin: func() error { return r.SetApplyDelay(200 * time.Millisecond) }},
		{name: "apply delay 1000 ms", begin: func() error { return r.SetApplyDelay(time.Second) }, end: func() error { return r.SetApplyDelay(0) }},
		{name: "replay paused", begin: r.PauseReplay, end: r.ResumeReplay},
		{name: "idle primary", idle: true},
		{name: "WAL receiver stopped", begin: func() error { return stopReceiver(r) }, end: func() error { return startReceiver(r) }},
		{name: "replica frozen", begin: r.Freeze, end: r.Thaw, frozen: true},
		{name: "primary frozen", begin: c.Primary.Freeze, end: c.Primary.Thaw},
	} {
		// On a machine that stands still for a moment the replica is asked too late, or the primary is. That never makes the lag
		// look smaller than it is; how exactly it is seen shows when nothing of the kind happens.
		for attempt := 1; ; attempt++ {
			d := measure(t, c, db, test.begin, test.end, test.name, test.idle, test.frozen)
			below, p50, p95, above := d.worst()
			t.Logf("%-28s %7d %9d %9d %9d %9d %9d", test.name, len(d.above), d.truth.Milliseconds(), below.Milliseconds(), p50.Milliseconds(), p95.Milliseconds(), above.Milliseconds())
			if below > slack && test.frozen && attempt < 3 {
				continue // nobody can ask it: the truth is reckoned from when it was stopped, which a busy machine does late
			}
			assert.LessOrEqual(t, below, slack, "%s: reported smaller than it is", test.name)
			if p95 <= interval+slack {
				break
			}
			if attempt == 3 {
				t.Logf("%-28s the machine is too busy to tell: more than an interval and %v", "", slack)
				assert.LessOrEqual(t, p50, interval+slack, "%s: reported larger than it is, half of the time", test.name)
				assert.LessOrEqual(t, p95, 2*interval+2*slack, "%s: reported larger than it is", test.name)
				break
			}
		}
	}
}

// measure compares the reported lag with the true one before, while and after something is the matter with a server.
func measure(t *testing.T, c *pgsplittest.Cluster, db *sql.DB, begin, end func() error, name string, idle, frozen bool) *differences {
	t.Helper()
	require.NoError(t, c.WaitForCatchUp(), name)
	require.NoError(t, c.Primary.Exec("truncate lag restart identity"))
	require.NoError(t, c.WaitForCatchUp())
	done := make(chan error, 1)
	ctx, cancel := contextWithCancel(t)
	w, prober := &commits{}, direct(t, c.Replicas[0])
	if idle {
		done <- nil
	} else {
		conn := direct(t, c.Primary)
		go func() { done <- w.write(ctx, conn) }()
	}
	seen := probe(t, db, prober, w, 0, 500*time.Millisecond, frozen, nil)
	if begin != nil {
		require.NoError(t, begin(), name)
	}
	d, span := &differences{}, 1500*time.Millisecond
	switch {
	case name == "primary frozen":
		d.until = time.Now() // lag is measured to its last answer: nobody knows what comes after that
		span = 4 * time.Second
	case !frozen:
		seen = probe(t, db, prober, w, seen, 1300*time.Millisecond, false, nil) // until it has come to what it will be
	}
	probe(t, db, prober, w, seen, span, frozen, d)
	if end != nil {
		require.NoError(t, end(), name)
	}
	cancel()
	require.NoError(t, <-done)
	return d
}

func reported(db *sql.DB) time.Duration { return pgsplit.ClusterOf(db).Stats().Servers[1].Lag }

// differences are how far reported lags lay outside of what the lag can have been.
type differences struct {
	below, above []time.Duration
	truth        time.Duration
	until        time.Time // the true lag is measured up to then; zero: up to now
}

func (d *differences) worst() (below, p50, p95, above time.Duration) {
	slices.Sort(d.above)
	return slices.Max(d.below), d.above[len(d.above)/2], d.above[len(d.above)*95/100], d.above[len(d.above)-1]
}

// probe compares the reported lag with the true one for some time; seen is how many rows the replica had before, and has after.
func probe(t *testing.T, db *sql.DB, conn *pgx.Conn, w *commits, seen int, span time.Duration, frozen bool, d *differences) int {
	t.Helper()
	for end := time.Now().Add(span); time.Now().Before(end); time.Sleep(7 * time.Millisecond) {
		from := time.Now()
		low := reported(db)
		if !frozen || d == nil {
			require.NoError(t, conn.QueryRow(t.Context(), "select count(*) from lag").Scan(&seen))
		}
		to := time.Now()
		high := reported(db)
		if d != nil && !d.until.IsZero() {
			from, to = d.until, d.until
		}
		if least, most := w.bounds(seen, from, to); d != nil {
			d.below = append(d.below, least-low)
			d.above = append(d.above, high-most)
			d.truth = max(d.truth, most)
		}
	}
	return seen
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
