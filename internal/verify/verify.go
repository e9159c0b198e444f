// Package verify puts read-your-writes and monotonic reads to the test: workers write increasing values to their rows of
// several tables, in the ways in which applications write, and read them back, in the ways in which applications read, while
// replicas are paused, delayed, killed, restarted and promoted. What is read may never be older than what was promised.
package verify

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pgsplit/pgsplit"
)

// The modes: what is promised for a read.
const (
	Off     = "off"     // nothing
	On      = "on"      // every completed write of the handle to the relations that it reads
	Strict  = "strict"  // every completed write of the handle
	Session = "session" // the session's own writes, and never an older state than it has read
)

// Options say what to run.
type Options struct {
	DSN      string        // of all servers
	Mode     string        // see above
	Params   string        // for the DSN: "&a=b"
	Duration time.Duration // how long the workers go on
	Reads    int64         // or until so many reads; 0: no limit
	Workers  int
	Think    time.Duration // between a worker's operations
	Late     bool          // write with results whose rows are there long before the commit behind them
	Disturb  *Disturber    // nil: leave the servers alone
}

// Report is what came of it.
type Report struct {
	Mode     string
	Writes   int64
	Reads    int64
	Replica  int64 // of the reads, served by a replica
	Stale    int64 // reads that missed a write which they were promised to see
	Backward int64 // reads that were older than an earlier one of their session
	Refused  int64 // tokens that were not taken though nothing was done to the primary
	// Ahead are reads of the primary that were older than an earlier one of a replica: a commit is in the log, and so on
	// replicas, a moment before the primary itself shows it. No position tells, and it is no violation.
	Ahead   int64
	Errors  int64 // statements that failed; none of them counts
	Example string
	Reasons map[string]int64 // why statements ran on the primary, or on a replica
}

// Share is the part of the reads that replicas have served, in percent.
func (r *Report) Share() float64 { return 100 * float64(r.Replica) / float64(max(r.Reads, 1)) }

// Violations are all that must not be.
func (r *Report) Violations() int64 { return r.Stale + r.Backward + r.Refused }

func (r *Report) String() string {
	return fmt.Sprintf("%-7s %9d writes %9d reads %5.1f %% on replicas %6d stale %6d backward %6d refused %6d ahead %6d errors",
		r.Mode, r.Writes, r.Reads, r.Share(), r.Stale, r.Backward, r.Refused, r.Ahead, r.Errors)
}

// run is one run: what was written, and what came of it.
type run struct {
	opts  Options
	db    *sql.DB
	other *sql.DB // another process, as far as the driver is concerned
	fails bool    // the primary does, now and then

	done [tables][]atomic.Int64 // by table and worker: the value that was completed
	gate sync.RWMutex           // held for writing while nothing may be written

	writes, reads, replica, stale, backward, refused, ahead, errors atomic.Int64
	example                                                         atomic.Pointer[string]
}

// Run runs the workers. It makes the tables it needs in a schema of its own, and drops that at the end.
func Run(ctx context.Context, opts Options) (*Report, error) {
	r := &run{opts: opts}
	for i := range r.done {
		r.done[i] = make([]atomic.Int64, opts.Workers)
	}
	r.fails = opts.Disturb != nil && (opts.Disturb.Crash || opts.Disturb.Promote)
	mode := opts.Mode
	if mode == Session {
		mode = Off
	}
	dsn := opts.DSN + "&max_lag=0&read_only_tx=replica&read_your_writes=" + mode + opts.Params
	for _, db := range []**sql.DB{&r.db, &r.other} {
		var err error
		if *db, err = sql.Open("pgsplit", dsn); err != nil {
			return nil, err
		}
		defer (*db).Close()
		(*db).SetMaxIdleConns(opts.Workers)
	}
	if err := r.prepare(ctx); err != nil {
		return nil, err
	}
	defer r.db.ExecContext(context.WithoutCancel(ctx), "drop schema if exists "+schema+" cascade")
	r.work(ctx)
	report := &Report{
		Mode: opts.Mode, Writes: r.writes.Load(), Reads: r.reads.Load(), Replica: r.replica.Load(),
		Stale: r.stale.Load(), Backward: r.backward.Load(), Refused: r.refused.Load(), Ahead: r.ahead.Load(), Errors: r.errors.Load(), Reasons: map[string]int64{},
	}
	for _, s := range pgsplit.ClusterOf(r.db).Stats().Servers {
		for reason, n := range s.Routed {
			report.Reasons[reason.String()] += n
		}
	}
	if e := r.example.Load(); e != nil {
		report.Example = *e
	}
	return report, ctx.Err()
}

func (r *run) work(ctx context.Context) {
	work, stop := context.WithTimeout(ctx, r.opts.Duration)
	defer stop()
	var wg sync.WaitGroup
	for id := range r.opts.Workers {
		wg.Go(func() {
			w := newWorker(r, id)
			for work.Err() == nil && (r.opts.Reads == 0 || r.reads.Load() < r.opts.Reads) {
				w.step(work)
				if r.opts.Think > 0 {
					time.Sleep(r.opts.Think/2 + rand.N(r.opts.Think))
				}
			}
		})
	}
	finished := make(chan struct{})
	var disturb sync.WaitGroup
	if d := r.opts.Disturb; d != nil {
		disturb.Go(func() { d.run(work, finished, &r.gate) })
	}
	wg.Wait()
	close(finished)
	disturb.Wait()
}

// prepare makes the tables, and waits until a read of them works: replicas may have them a little later.
func (r *run) prepare(ctx context.Context) error {
	if _, err := r.db.ExecContext(ctx, setup(r.opts.Workers, r.opts.Late)); err != nil {
		return fmt.Errorf("make the tables: %w", err)
	}
	return nil
}

// violated takes down a violation.
func (r *run) violated(n *atomic.Int64, format string, args ...any) {
	n.Add(1)
	text := fmt.Sprintf(format, args...)
	r.example.CompareAndSwap(nil, &text)
}
