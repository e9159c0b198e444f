package demo

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pgsplit/pgsplit/internal/stories"
	"github.com/pgsplit/pgsplit/pgsplittest"
)

const (
	workers     = 16
	writeShare  = 0.1
	loadAppName = "pgsplit-demo-load"
)

// load is the site's visitors: goroutines that do one operation after the other.
type load struct {
	servers      map[string]*pgsplittest.Server
	sent         map[*pgsplittest.Server]*sent
	moved        atomic.Int64
	failed       atomic.Int64
	failedWrites atomic.Int64          // of those
	broken       atomic.Int64          // reads whose server died when some of their rows had arrived
	first        atomic.Pointer[error] // the first failure

	stop chan struct{}
	wg   sync.WaitGroup
}

// sent counts the statements that a server has answered.
type sent struct{ reads, writes atomic.Int64 }

func (s *sent) total() int64 { return s.reads.Load() + s.writes.Load() }

// startLoad lets the visitors in, of whom the first so many only read.
func (d *demo) startLoad(ctx context.Context, db *sql.DB, readers int) *load {
	l := &load{servers: d.byAddress, sent: map[*pgsplittest.Server]*sent{}, stop: make(chan struct{})}
	for _, s := range d.servers {
		l.sent[s] = new(sent)
	}
	// A goroutine has a connection of its own, as a web server's handlers do under load.
	db.SetMaxOpenConns(workers)
	db.SetMaxIdleConns(workers)
	for i := range workers {
		share := writeShare
		if i < readers {
			share = 0
		}
		l.wg.Go(func() { l.visit(ctx, stories.New(db), stories.NewTraffic(size, share, uint64(i))) })
	}
	return l
}

// end lets every visitor finish what they are doing.
func (l *load) end() {
	close(l.stop)
	l.wg.Wait()
}

func (l *load) visit(ctx context.Context, site *stories.Site, traffic *stories.Traffic) {
	var w watch
	ctx = w.in(ctx)
	for {
		select {
		case <-l.stop:
			return
		case <-ctx.Done():
			return
		default:
		}
		op, visit := traffic.Next()
		_, err := op.Run(ctx, site, visit)
		if err != nil && ctx.Err() != nil {
			return
		}
		l.count(op, &w, err)
	}
}

func (l *load) count(op stories.Operation, w *watch, err error) {
	l.moved.Add(int64(w.moved))
	w.moved = 0
	counter := l.sent[l.servers[w.route.Server.Name]]
	if err == nil && counter == nil {
		err = fmt.Errorf("it went to %q, which is none of the servers", w.route.Server.Name)
	}
	var cut *stories.BrokenError
	switch {
	case errors.As(err, &cut):
		l.broken.Add(1)
	case err != nil:
		err = fmt.Errorf("%s: %w", op.Name, err)
		l.first.CompareAndSwap(nil, &err)
		l.failed.Add(1)
		if op.Kind == stories.Write {
			l.failedWrites.Add(1)
		}
	case op.Kind == stories.Write:
		counter.writes.Add(1)
	default:
		counter.reads.Add(1)
	}
}

// answered returns how many reads and writes got their answer from those servers.
func (l *load) answered(servers ...*pgsplittest.Server) (reads, writes int64) {
	for _, s := range servers {
		reads += l.sent[s].reads.Load()
		writes += l.sent[s].writes.Load()
	}
	return reads, writes
}

// enough reads to judge by.
const enough = 200

// awaitReads waits until so many reads were answered: on a machine that is busy with other things, a time alone says
// little. It gives up when that takes longer than any machine should.
func (l *load) awaitReads(ctx context.Context, n int64) {
	servers := slices.Collect(maps.Keys(l.sent))
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline) && ctx.Err() == nil; {
		if reads, _ := l.answered(servers...); reads >= n {
			return
		}
		sleep(ctx, 10*time.Millisecond)
	}
}

// leaves waits a moment and says whether a server has answered no more reads in it, although others have.
func (l *load) leaves(ctx context.Context, s *pgsplittest.Server) bool {
	all := slices.Collect(maps.Keys(l.sent))
	here, _ := l.answered(s)
	total, _ := l.answered(all...)
	l.awaitReads(ctx, total+enough)
	now, _ := l.answered(s)
	return now == here && ctx.Err() == nil
}

// answers returns a function that says whether a server has answered a read since the call.
func (l *load) answers(s *pgsplittest.Server) func() bool {
	had, _ := l.answered(s)
	return func() bool {
		reads, _ := l.answered(s)
		return reads > had
	}
}

// readFailures is failures of the reads alone.
func (l *load) readFailures() string {
	if l.failed.Load() == l.failedWrites.Load() {
		return ""
	}
	return l.failures()
}

// failures says how many statements failed and with what, or "" when none did.
func (l *load) failures() string {
	err := l.first.Load()
	if err == nil {
		return ""
	}
	return fmt.Sprintf(" (%d failed, the first with: %v)", l.failed.Load(), *err)
}
