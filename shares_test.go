package pgsplit_test

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
	"github.com/pgsplit/pgsplit/pgsplittest"
)

// One replica of two answers ten times as late as the other, as one in another region does. What is compared is measured side by
// side: the same reads over the fast replica alone.
func TestASlowReplicaCostsTheLatencyBalancerLittle(t *testing.T) {
	c := pgsplittest.Start(t, pgsplittest.Options{Replicas: 2, SetupSQL: behaviourSchema, Proxy: true})
	fast, slow := c.Replicas[0], c.Replicas[1]
	open := func(balancer string, goroutines int, params ...string) *sql.DB {
		db := handle(t, c, append(params, "balancer="+balancer)...)
		db.SetMaxIdleConns(goroutines)
		l := startLoad(t, goroutines, func(ctx context.Context) error { return db.QueryRowContext(ctx, "select 1").Scan(new(int)) })
		l.more(t, int64(20*goroutines))
		l.end(t)
		return db
	}
	t.Logf("%-12s %10s %10s %10s %8s", "balancer", "goroutines", "reads/s", "alone", "share")
	rates := func(goroutines int) map[string]float64 {
		handles := map[string]*sql.DB{
			"alone":      open("least_busy", goroutines, fmt.Sprintf("weights=127.0.0.1:%d*0", slow.Port)),
			"latency":    open("latency", goroutines),
			"least_busy": open("least_busy", goroutines),
		}
		fast.Proxy().Latency(40 * time.Millisecond)
		slow.Proxy().Latency(400 * time.Millisecond)
		// The fast one alone is measured before and after, so that whatever else the machine does meets both.
		done, took := map[string]int64{}, map[string]time.Duration{}
		for _, name := range []string{"alone", "latency", "alone", "least_busy"} {
			var reads atomic.Int64
			l := startLoad(t, goroutines, func(ctx context.Context) error {
				err := handles[name].QueryRowContext(ctx, "select 1").Scan(new(int))
				reads.Add(1)
				return err
			})
			time.Sleep(500 * time.Millisecond)
			if name == "latency" {
				time.Sleep(3 * time.Second) // until it has found out
			}
			from, at := reads.Load(), time.Now()
			time.Sleep(1500 * time.Millisecond)
			done[name] += reads.Load() - from
			took[name] += time.Since(at)
			l.end(t)
		}
		rate := map[string]float64{}
		require.NoError(t, fast.Proxy().Heal())
		require.NoError(t, slow.Proxy().Heal())
		for name, db := range handles {
			rate[name] = float64(done[name]) / took[name].Seconds()
			require.NoError(t, db.Close())
		}
		for _, name := range []string{"latency", "least_busy"} {
			t.Logf("%-12s %10d %10.0f %10.0f %8.2f", name, goroutines, rate[name], rate["alone"], rate[name]/rate["alone"])
		}
		return rate
	}
	for _, goroutines := range []int{8, 32} {
		rate := rates(goroutines)
		for range 2 { // a machine that stands still for a moment does so in one of the measurements only
			if rate["latency"] < 0.9*rate["alone"] {
				rate = rates(goroutines)
			}
		}
		assert.GreaterOrEqual(t, rate["latency"], 0.9*rate["alone"], "%d goroutines", goroutines)
	}
}

func TestAReplicaThatComesBackGetsItsShareByAndBy(t *testing.T) {
	c := rough(t)
	db := handle(t, c, "warmup=4s", "monitor_interval=100ms")
	db.SetMaxIdleConns(8)
	back := c.Replicas[0]
	var one, all atomic.Int64
	l := startLoad(t, 8, func(ctx context.Context) error {
		var port int
		err := db.QueryRowContext(ctx, "select inet_server_port() from pg_sleep(0.002)").Scan(&port)
		if all.Add(1); port == back.Port {
			one.Add(1)
		}
		return err
	})
	share := func() float64 {
		a, b := one.Load(), all.Load()
		time.Sleep(500 * time.Millisecond)
		return float64(one.Load()-a) / float64(all.Load()-b)
	}
	stalls := stallMeter(t)
	var at time.Time
	var shares []float64
	open := 0
	for range 3 { // it must be seen what it gets at first: while the machine stands still it warms up
		require.NoError(t, back.Stop())
		eventually(t, func() bool { return !pgsplit.ClusterOf(db).Servers()[1].Healthy })
		require.NoError(t, back.Start())
		require.NoError(t, back.WaitForCatchUp())
		eventually(t, func() bool { return pgsplit.ClusterOf(db).Servers()[1].Healthy })
		at = time.Now()
		shares = []float64{share()}
		open = pgsplit.ClusterOf(db).Servers()[1].Open
		if stalls.since(at) < 100*time.Millisecond {
			break
		}
	}
	for time.Since(at) < 5*time.Second {
		shares = append(shares, share())
	}
	t.Logf("share of a replica that has come back, each half second of warmup=4s: %.2f; connections after the first: %d", shares, open)
	require.Less(t, shares[0], 0.25)
	require.LessOrEqual(t, open, 3, "a herd of connections")
	require.Less(t, shares[0], shares[4])
	last := shares[len(shares)-1]
	eventually(t, func() bool {
		if math.Abs(last-0.5) <= 0.1 {
			return true
		}
		last = share()
		return false
	}, "its share is not the half")
	l.end(t)
}

// mine prefers one server, and notes what it was shown.
type mine struct {
	name string
	seen chan []pgsplit.Candidate
}

func (m mine) Pick(candidates []pgsplit.Candidate) int {
	select {
	case m.seen <- append([]pgsplit.Candidate(nil), candidates...):
	default:
	}
	for i, c := range candidates {
		if c.Server.Name == m.name {
			return i
		}
	}
	return -1 // counts as 0
}

func TestABalancerOfOnesOwnIsAsked(t *testing.T) {
	c := calm(t)
	cfg, err := pgsplit.ParseConfig(dsnWith(c.DSN(), fmt.Sprintf("weights=127.0.0.1:%d*7", c.Replicas[1].Port), "monitor_timeout=10s"))
	require.NoError(t, err)
	name := fmt.Sprintf("127.0.0.1:%d", c.Replicas[1].Port)
	b := mine{name, make(chan []pgsplit.Candidate, 1)}
	cfg.CustomBalancer = b
	db, err := pgsplit.OpenDB(cfg)
	require.NoError(t, err)
	defer db.Close()
	replicasServe(t, db, 2)
	for range 20 {
		require.Equal(t, c.Replicas[1].Port, who(t, db))
	}
	<-b.seen
	who(t, db)
	seen := <-b.seen
	require.Len(t, seen, 2)
	for _, s := range seen {
		require.Equal(t, pgsplit.RoleReplica, s.Server.Role)
		require.Zero(t, s.InFlight)
		if s.Server.Name == name {
			require.Equal(t, 7.0, s.Weight)
			require.NotZero(t, s.Latency)
		} else {
			require.Equal(t, 1.0, s.Weight)
		}
	}

	wrong := cfg.Clone()
	wrong.Weights = map[string]int{"pg9": 1}
	_, err = pgsplit.OpenDB(wrong)
	require.ErrorContains(t, err, `Config.Weights of "pg9": there is no such server; the servers are 127.0.0.1:`)
}

// What a server is asked for by monitors, counted in its log.
func TestMonitorsAskAsOftenAsTheIntervalSaysAndStopWhenNobodyNeedsThem(t *testing.T) {
	c := separate(t, 2, "log_statement=all")
	application := unique("cost")
	db := handle(t, c, "monitor_interval=100ms", "application_name="+application)
	before := map[*pgsplittest.Server]int{}
	others := map[*pgsplittest.Server]int{}
	asked := func(s *pgsplittest.Server) (samples, statements int) { // of one moment
		log := s.Log()
		return strings.Count(log, "pgsplit sample */"), strings.Count(log, "statement: ") + strings.Count(log, "execute ")
	}
	off := 1.0
	for range 3 { // a machine that stands still for a moment asks less
		for _, s := range c.Servers() {
			before[s], others[s] = asked(s)
		}
		at := time.Now()
		time.Sleep(3 * time.Second)
		off = 0
		for _, s := range c.Servers() {
			n, all := asked(s)
			n, all = n-before[s], all-others[s]
			rate := float64(n) / (time.Since(at).Seconds() / 0.1)
			t.Logf("%-9s %d samples in %v, %.2f of the interval's; %d other statements", s.Name, n, time.Since(at).Round(time.Millisecond), rate, all-n)
			off = max(off, math.Abs(rate-1))
			require.Less(t, rate, 1.25, s.Name)
			if s != c.Primary { // which is asked whether the schema has changed, too
				assert.Equal(t, n, all, "a replica is asked for samples only")
			}
		}
		if off < 0.25 {
			break
		}
	}
	assert.Less(t, off, 0.25, "as the interval says")

	pgsplit.ClusterOf(db).Rest()
	eventually(t, func() bool {
		for _, s := range c.Servers() {
			_, before[s] = asked(s)
		}
		time.Sleep(500 * time.Millisecond)
		for _, s := range c.Servers() {
			if _, now := asked(s); now != before[s] {
				return false
			}
		}
		return true
	}, "monitors go on although the handle is not used")
	eventually(t, func() bool { return isReplica(t, db) }, "the first use wakes them")
}
