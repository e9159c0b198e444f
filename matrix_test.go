package pgsplit_test

import (
	"database/sql"
	"flag"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
	"github.com/pgsplit/pgsplit/pgsplittest"
)

// matrixFor makes the failure matrix a long one: go test -run TestFailureMatrix -v -timeout 0 -matrix 1h .
var matrixFor = flag.Duration("matrix", 0, "repeat the events of the failure matrix for so `long`")

// matrix hurts the servers of one cluster under load, in one way after the other, and notes what the application saw.
type matrix struct {
	t       testing.TB
	cluster *pgsplittest.Cluster
	db      *sql.DB
	load    *matrixLoad
	rows    []string
	told    changes
	stalls  *stalls
}

func TestFailureMatrix(t *testing.T) {
	t.Parallel()
	runMatrix(t, false)
}

// The same with read-your-writes: whatever happens, no read misses a write that was acknowledged before it.
func TestFailureMatrixStrict(t *testing.T) {
	t.Parallel()
	runMatrix(t, true)
}

func runMatrix(t *testing.T, strict bool) {
	c := pgsplittest.Start(t, pgsplittest.Options{
		Replicas: 2, SetupSQL: matrixSchema, Proxy: true,
		Parameters: map[string]string{"max_connections": "100", "max_standby_streaming_delay": "0"},
	})
	params := []string{"max_lag=1s"}
	if strict {
		params = append(params, "read_your_writes=strict")
	}
	cfg, err := pgsplit.ParseConfig(dsnWith(c.DSN(), params...))
	require.NoError(t, err)
	m := &matrix{t: t, cluster: c, stalls: stallMeter(t)}
	cfg.Logger = slog.New(slog.NewTextHandler(&m.told, nil))
	m.db, err = pgsplit.OpenDB(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, m.db.Close()) })
	replicasServe(t, m.db, 2)
	m.load = newMatrixLoad(t, c, m.db)
	if strict {
		m.load.strict = true
		m.load.writes = 0.01 // replicas have something to answer only between two writes
	}
	t.Cleanup(m.table)
	m.load.start(t)
	begin := time.Now()
	for again := true; again; again = time.Since(begin) < *matrixFor {
		for _, e := range replicaEvents {
			m.run(e)
		}
		for _, e := range primaryEvents {
			m.run(e)
		}
	}
	m.load.end()
	require.NoError(t, c.WaitForCatchUp())
	check := m.load.audit(t, c.CurrentPrimary())
	check.require(t)
}

// event is one thing that happens to servers.
type event struct {
	name string
	// do makes it happen, waits for what it brings about, and mends it.
	do func(*episode)
	// noPrimary: for a while there is none. Then every connection to it may cost one write its answer, and reads that need
	// the primary to be fresh may fail.
	noPrimary bool
}

// episode is an event as it happens.
type episode struct {
	*matrix
	begin   time.Time
	healed  int64 // errors that the application had not seen before the event
	victims []*pgsplittest.Server
	left    time.Duration // from its begin to when the last read was sent to a victim; 0: not measured
	back    time.Duration // from the mending to the first read that all victims had answered
	resumed time.Duration // from the promotion to the first acknowledged write
}

func (m *matrix) run(e event) {
	m.t.Helper()
	seen := &m.load.seen
	count := func() [7]int64 {
		return [7]int64{seen.reads.Load(), seen.readsFailed.Load(), seen.broken.Load(), seen.stale.Load(),
			seen.writes.Load(), seen.writesFailed.Load(), seen.healed.Load()}
	}
	m.load.takeErrors()
	m.load.takeSlowest()
	told := len(m.told.lines(""))
	before := count()
	connections := int64(0)
	for _, s := range pgsplit.ClusterOf(m.db).Stats().Servers {
		if s.Role == pgsplit.RolePrimary {
			connections = int64(s.Open)
		}
	}
	ep := &episode{matrix: m, begin: time.Now(), healed: before[6]}
	e.do(ep)
	took := time.Since(ep.begin)
	n := count()
	for i := range n {
		n[i] -= before[i]
	}
	slowest := m.load.takeSlowest()
	m.rows = append(m.rows, fmt.Sprintf("%-36s %6d %6d %6d %5d  %6d %6d/%-3d %6d  %7s %7s %7s %7s %7s %5d", e.name,
		n[0], n[1], n[2], n[3], n[4], n[5], mayFail(e, connections), n[6],
		ms(slowest), ms(ep.left), ms(ep.back), ms(ep.resumed), ms(took), len(m.told.lines(""))-told))
	if told = len(m.told.lines("")) - told; told > 40 { // a busy machine makes servers look silent; a line for each statement would be hundreds
		m.t.Errorf("%s: %d lines in the log for one event", e.name, told)
	}
	errors := m.load.takeErrors()
	if m.load.strict && e.noPrimary {
		n[1] = 0 // counted apart, in the table
	}
	if n[1] > 0 || n[3] > 0 || n[5] > mayFail(e, connections) {
		m.t.Errorf("%s: %d reads failed, %d were stale, %d writes failed:%s", e.name, n[1], n[3], n[5], errors)
	} else if errors != "" {
		m.rows = append(m.rows, strings.TrimPrefix(errors, "\n"))
	}
}

func mayFail(e event, connections int64) int64 {
	if e.noPrimary {
		return connections
	}
	return 0
}

func ms(d time.Duration) string {
	if d == 0 {
		return "–"
	}
	return fmt.Sprintf("%d ms", d.Milliseconds())
}

func (m *matrix) table() {
	m.t.Logf("%-36s %6s %6s %6s %5s  %6s %10s %6s  %7s %7s %7s %7s %7s %5s\n%s", "event",
		"reads", "failed", "broken", "stale", "writes", "failed/max", "healed", "slowest", "left", "back", "resumed", "took", "lines",
		strings.Join(m.rows, "\n"))
}

// enough is how many reads and writes have to come through for the application to have gone on.
const (
	enoughReads  = 300
	enoughWrites = 60
)

// goOn waits until the load has gone on for a while.
func (ep *episode) goOn() {
	ep.t.Helper()
	seen := &ep.load.seen
	reads, writes := seen.reads.Load()+enoughReads, seen.writes.Load()+enoughWrites
	if ep.load.strict {
		writes = seen.writes.Load() + 3
	}
	eventually(ep.t, func() bool { return seen.reads.Load() >= reads && seen.writes.Load() >= writes }, "the load is stuck")
}

// hurt does something to servers that serve reads.
func (ep *episode) hurt(how func(*pgsplittest.Server) error, victims ...*pgsplittest.Server) {
	ep.t.Helper()
	ep.serving(victims...)
	ep.victims = victims
	ep.begin = time.Now()
	for _, v := range victims {
		require.NoError(ep.t, how(v))
	}
}

// leaves waits until no more reads are sent to the victims, and notes when that was.
func (ep *episode) leaves() {
	ep.t.Helper()
	last := func() (last time.Time) {
		for _, v := range ep.victims {
			if at := time.Unix(0, ep.load.servers[v.Name].routed.Load()); at.After(last) {
				last = at
			}
		}
		return last
	}
	eventually(ep.t, func() bool { return time.Since(last()) > 300*time.Millisecond }, "reads still go there")
	ep.goOn()
	if at := last(); at.After(ep.begin) {
		ep.left = at.Sub(ep.begin)
	}
}

// mend undoes it, and waits until the victims serve reads again.
func (ep *episode) mend(how func(*pgsplittest.Server) error) {
	ep.t.Helper()
	for _, v := range ep.victims {
		require.NoError(ep.t, how(v))
	}
	begin := time.Now()
	ep.serving(ep.victims...)
	ep.back = time.Since(begin)
}

// serving waits until each of the servers has answered reads from now on.
func (ep *episode) serving(servers ...*pgsplittest.Server) {
	ep.t.Helper()
	for _, s := range servers {
		n := ep.load.servers[s.Name].reads.Load() + 3
		eventually(ep.t, func() bool { return ep.load.servers[s.Name].reads.Load() >= n }, s.Name+" does not serve reads")
	}
}

// replicas are the servers that are replicas now.
func (ep *episode) replicas() (replicas []*pgsplittest.Server) {
	for _, s := range ep.cluster.Servers() {
		if s != ep.cluster.CurrentPrimary() {
			replicas = append(replicas, s)
		}
	}
	return replicas
}

// replica is one of them, another one at every event.
func (ep *episode) replica() *pgsplittest.Server {
	r := ep.replicas()
	return r[len(ep.rows)%len(r)]
}
