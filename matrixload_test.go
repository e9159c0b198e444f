package pgsplit_test

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pgsplit/pgsplit"
	"github.com/pgsplit/pgsplit/pgsplittest"
)

const matrixSchema = `
create table ledger (worker int, id bigint);
create index on ledger (worker, id);
create table churn (id int primary key, n int not null default 0);
insert into churn select g from generate_series(1, 500) g;
grant all on all tables in schema public to public;
`

// matrixLoad is an application whose servers are hurt. Its goroutines read and write by turns and know what came of each
// statement: every write has a number of its own, which is looked for afterwards.
type matrixLoad struct {
	db      *sql.DB
	workers int
	writes  float64       // share of the statements that write; every other worker only reads
	think   time.Duration // pause between two statements, on average
	strict  bool          // a read that misses an acknowledged write is an error

	servers map[string]*served // by the name that the server itself gives
	byName  map[string]*served // by the name that the handle knows it under
	seen    matrixCounts
	stop    chan struct{}
	wg      sync.WaitGroup

	acknowledged []atomic.Int64 // the latest acknowledged write of each worker
	pending      []atomic.Int64 // of each worker: when the read was sent that has no answer yet, Unix nanoseconds
	bursts       int64
	unknown      [][]int64 // of each worker: the writes that failed, which may have been executed all the same

	mu     sync.Mutex
	errors map[string]int // what failed, by kind of statement and error
	slow   time.Duration  // the slowest read since it was last asked for
}

// served is what one server has answered.
type served struct {
	reads  atomic.Int64
	writes atomic.Int64
	routed atomic.Int64 // when the last read was sent to it, Unix nanoseconds
}

// matrixCounts is what the application has seen so far.
type matrixCounts struct {
	reads, readsFailed   atomic.Int64 // without having delivered a row
	broken               atomic.Int64 // reads that had delivered rows
	writes, writesFailed atomic.Int64
	stale, healed        atomic.Int64

	promoted atomic.Int64 // when there was a new primary, Unix nanoseconds; 0: nobody asks
	resumed  atomic.Int64 // how much later the first write was acknowledged, in nanoseconds
}

func newMatrixLoad(t testing.TB, c *pgsplittest.Cluster, db *sql.DB) *matrixLoad {
	m := &matrixLoad{
		db: db, workers: 32, writes: 0.25, think: 30 * time.Millisecond, stop: make(chan struct{}),
		servers: map[string]*served{}, byName: map[string]*served{}, errors: map[string]int{},
	}
	for _, s := range c.Servers() {
		m.servers[s.Name] = new(served)
		m.byName[net.JoinHostPort(s.Host, strconv.Itoa(s.Port))] = m.servers[s.Name]
	}
	m.acknowledged, m.pending, m.unknown = make([]atomic.Int64, m.workers+1), make([]atomic.Int64, m.workers), make([][]int64, m.workers+1)
	db.SetMaxIdleConns(m.workers)
	return m
}

func (m *matrixLoad) start(t testing.TB) {
	for w := range m.workers {
		m.wg.Go(func() { m.work(w) })
	}
	t.Cleanup(m.end)
}

func (m *matrixLoad) end() {
	select {
	case <-m.stop:
	default:
		close(m.stop)
	}
	m.wg.Wait()
}

func (m *matrixLoad) work(w int) {
	trace := &pgsplit.Trace{
		Route: func(_ context.Context, info pgsplit.RouteInfo) {
			if s := m.byName[info.Server.Name]; s != nil && info.Reason == pgsplit.ReasonReplica {
				s.routed.Store(time.Now().UnixNano())
			}
		},
		Retry: func(context.Context, pgsplit.RetryInfo) { m.seen.healed.Add(1) },
	}
	ctx := pgsplit.WithTrace(context.Background(), trace)
	for n := int64(1); ; n++ {
		select {
		case <-m.stop:
			return
		case <-time.After(time.Duration(2 * rand.Float64() * float64(m.think))):
		}
		ctx, cancel := context.WithTimeout(ctx, 30*time.Second) // nothing may take so long
		if w%2 == 0 && rand.Float64() < 2*m.writes {
			m.write(ctx, w, n)
		} else {
			m.read(ctx, w)
		}
		cancel()
	}
}

// burst is one more write, of a worker that is none of the others.
func (m *matrixLoad) burst() {
	m.bursts++
	m.write(context.Background(), m.workers, m.bursts)
}

// write is one autocommit write, by Exec or by Query.
func (m *matrixLoad) write(ctx context.Context, w int, id int64) {
	var err error
	kind, server := "insert", ""
	if id%2 == 0 {
		_, err = m.db.ExecContext(ctx, "insert into ledger values ($1, $2)", w, id)
	} else {
		kind = "insert returning"
		err = m.db.QueryRowContext(ctx, "insert into ledger values ($1, $2) returning current_setting('cluster_name')", w, id).Scan(&server)
	}
	if err != nil {
		m.unknown[w] = append(m.unknown[w], id)
		m.failed(&m.seen.writesFailed, kind, err)
		return
	}
	if s := m.servers[server]; s != nil {
		s.writes.Add(1)
	}
	m.acknowledged[w].Store(id)
	if p := m.seen.promoted.Load(); p != 0 {
		m.seen.resumed.CompareAndSwap(0, max(1, time.Now().UnixNano()-p))
	}
	m.seen.writes.Add(1)
}

// matrixReads are the reads. Each says which server it ran on, in each row: the first knows how far a worker's writes
// have come, the second makes its server think before the first row, the third has more rows than fit into buffers.
var matrixReads = []struct {
	name, query string
	weight      int
}{
	{"latest", "select current_setting('cluster_name'), coalesce(max(id), 0) from ledger where worker = $1", 80},
	{"slow", "select current_setting('cluster_name'), coalesce(max(id), 0) from ledger, pg_sleep(0.05) where worker = $1", 15},
	{"churn", "select current_setting('cluster_name'), count(*) from churn, pg_sleep(0.02) where id > $1", 20},
	{"stream", "select current_setting('cluster_name'), g, repeat('x', 2000) from generate_series(1, 1500 + $1) g", 5},
}

func (m *matrixLoad) read(ctx context.Context, reader int) {
	total := 0
	for _, r := range matrixReads {
		total += r.weight
	}
	n, kind := rand.IntN(total), 0
	for ; n >= matrixReads[kind].weight; kind++ {
		n -= matrixReads[kind].weight
	}
	r, w := matrixReads[kind], rand.IntN(len(m.acknowledged))
	must := m.acknowledged[w].Load()
	begin := time.Now()
	server, value, rows, err := m.query(ctx, reader, r.query, w)
	took := time.Since(begin)
	switch {
	case err != nil && rows > 0:
		m.failed(&m.seen.broken, r.name, err)
		return
	case err != nil:
		m.failed(&m.seen.readsFailed, r.name, err)
		return
	}
	if m.strict && kind < 2 && value < must {
		m.failed(&m.seen.stale, r.name, fmt.Errorf("%s has %d of worker %d, where %d was acknowledged", server, value, w, must))
	}
	m.servers[server].reads.Add(1)
	m.seen.reads.Add(1)
	if rows == 1 { // how long a stream takes is its reader's affair
		m.mu.Lock()
		m.slow = max(m.slow, took)
		m.mu.Unlock()
	}
}

func (m *matrixLoad) query(ctx context.Context, reader int, query string, args ...any) (server string, value int64, n int, err error) {
	m.pending[reader].Store(time.Now().UnixNano())
	rows, err := m.db.QueryContext(ctx, query, args...)
	m.pending[reader].Store(0)
	if err != nil {
		return "", 0, 0, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return "", 0, 0, err
	}
	dest := []any{&server, &value, new(sql.RawBytes)}[:len(columns)]
	for rows.Next() {
		n++
		if err := rows.Scan(dest...); err != nil {
			return server, value, n, err
		}
		if n%500 == 0 {
			time.Sleep(20 * time.Millisecond) // the application does something with them
		}
	}
	return server, value, n, rows.Err()
}

func (m *matrixLoad) failed(counter *atomic.Int64, kind string, err error) {
	counter.Add(1)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.errors[kind+": "+portNumbers.ReplaceAllString(err.Error(), ":…")]++
}

// portNumbers differ from connection to connection.
var portNumbers = regexp.MustCompile(`:[0-9]{4,5}\b`)

// takeErrors returns what has failed since it was last asked for, the most frequent first.
func (m *matrixLoad) takeErrors() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	texts := slices.SortedFunc(maps.Keys(m.errors), func(a, b string) int { return m.errors[b] - m.errors[a] })
	var out strings.Builder
	for i, text := range texts {
		if i == 8 {
			fmt.Fprintf(&out, "\n    and %d more kinds", len(texts)-i)
			break
		}
		fmt.Fprintf(&out, "\n    %d × %s", m.errors[text], text)
	}
	clear(m.errors)
	return out.String()
}

func (m *matrixLoad) takeSlowest() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	slow := m.slow
	m.slow = 0
	return slow
}
