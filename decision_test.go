package pgsplit_test

import (
	"bytes"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
	"github.com/pgsplit/pgsplit/internal/statement"
	"github.com/pgsplit/pgsplit/internal/statement/corpus"
)

const pointSelect = "select id, name, email from users where id = $1"

// decided are the texts whose decision is measured, by size; 0 is the point SELECT itself.
var decided = []int{0, 100, 500, 2000}

func decidedText(size int) string {
	if size == 0 {
		return pointSelect
	}
	return corpus.Ordinary[size]
}

func TestADecisionAllocatesNothing(t *testing.T) {
	c := corpusCluster(t)
	decide := pgsplit.ClusterOf(handle(t, c, "max_lag=0")).Decider(t.Context())
	for _, size := range decided {
		text := decidedText(size)
		require.NotEmpty(t, decide(text), "it goes to a replica: %s", text)
		require.Zero(t, testing.AllocsPerRun(200, func() { decide(text) }), text)
	}
	for _, text := range []string{"insert into users (name) values ($1) returning id", "SELECT Id FROM Users FOR UPDATE", "select volatile_fn($1)"} {
		require.Empty(t, decide(text), text)
		require.Zero(t, testing.AllocsPerRun(200, func() { decide(text) }), text)
	}
}

// BenchmarkDecision tells what a decision costs beside what it decides about, measured in turns in one run: as a share
// of a point SELECT over loopback with pgx alone. Analysis alone, which is what a text costs that the handle has not met
// before, is also given as a multiple of a plain pass over the bytes.
//
//	go test -run '^$' -bench BenchmarkDecision .
func BenchmarkDecision(b *testing.B) {
	c := corpusCluster(b)
	cluster := pgsplit.ClusterOf(handle(b, c, "max_lag=0"))
	for _, threads := range []int{1, 2} {
		for _, size := range decided {
			name := fmt.Sprintf("%d bytes", size)
			if size == 0 {
				name = "point"
			}
			b.Run(fmt.Sprintf("%s/threads=%d", name, threads), func(b *testing.B) {
				defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(threads))
				text := decidedText(size)
				var decision, analysis, pass, point time.Duration
				decide := cluster.Decider(b.Context())
				decide(text)
				decide(text)
				allocations := testing.AllocsPerRun(100, func() { decide(text) })
				for b.Loop() {
					decision += inThreads(b, threads, 2000, func(int) func() {
						decide := cluster.Decider(b.Context())
						return func() { decide(text) }
					})
					b.StopTimer()
					analysis += inThreads(b, threads, 2000, func(int) func() {
						a := new(statement.Analysis)
						return func() { a.Analyze(text) }
					})
					pass += inThreads(b, threads, 2000, func(int) func() {
						raw := []byte(text)
						return func() { plainPass(raw) }
					})
					point += 20 * inThreads(b, threads, 100, func(int) func() {
						conn, err := pgx.Connect(b.Context(), c.Replicas[0].DSN())
						require.NoError(b, err)
						b.Cleanup(func() { conn.Close(b.Context()) })
						var id int64
						var name, email *string
						return func() {
							if err := conn.QueryRow(b.Context(), pointSelect, 7).Scan(&id, &name, &email); err != nil {
								b.Error(err)
							}
						}
					})
					b.StartTimer()
				}
				b.ReportMetric(100*float64(decision)/float64(point), "%-of-SELECT")
				b.ReportMetric(100*float64(analysis)/float64(point), "%-of-SELECT-analysis")
				b.ReportMetric(float64(analysis)/float64(pass), "passes")
				b.ReportMetric(allocations, "allocations")
				b.ReportMetric(0, "ns/op") // it says nothing: ratios do
			})
		}
	}
}

// inThreads runs what make makes n times in each of several goroutines, and returns how long that took.
func inThreads(b *testing.B, threads, n int, make func(thread int) func()) time.Duration {
	b.Helper()
	start := sync.WaitGroup{}
	start.Add(1)
	var ready, done sync.WaitGroup
	for i := range threads {
		ready.Add(1)
		done.Go(func() {
			op := make(i)
			op()
			ready.Done()
			start.Wait()
			for range n {
				op()
			}
		})
	}
	ready.Wait()
	began := time.Now()
	start.Done()
	done.Wait()
	return time.Since(began)
}

// plainPass counts the spaces.
func plainPass(text []byte) (n int) {
	for {
		i := bytes.IndexByte(text, ' ')
		if i < 0 {
			return n
		}
		n++
		text = text[i+1:]
	}
}
