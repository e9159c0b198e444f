package pgsplit_test

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
)

// demanding are the scopes of read-your-writes, each with a decision whose marks were left and have reached the replicas.
func demanding(t testing.TB, each func(name string, decide func(string) string)) {
	c := corpusCluster(t)
	for _, mode := range []string{"off", "on", "strict", "session"} {
		ctx, rule := t.Context(), mode
		if mode == "session" {
			ctx, rule = pgsplit.WithSession(ctx, pgsplit.NewSession()), "off"
		}
		db := handle(t, c, "max_lag=0", "read_your_writes="+rule)
		require.NoError(t, pgsplit.ClusterOf(db).LoadCatalog(t.Context()))
		for range 50 {
			_, err := db.ExecContext(ctx, "update users set name = name where id = 7")
			require.NoError(t, err)
		}
		eventually(t, func() bool { _, replica := readsOnReplica(t, ctx, db, "select 1"); return replica })
		decide := pgsplit.ClusterOf(db).Decider(ctx)
		eventually(t, func() bool { return decide(pointSelect) != "" })
		each(mode, decide)
	}
}

func TestADecisionWithADemandAllocatesNothing(t *testing.T) {
	demanding(t, func(name string, decide func(string) string) {
		require.NotEmpty(t, decide(pointSelect))
		require.Zero(t, testing.AllocsPerRun(200, func() { decide(pointSelect) }), name)
	})
}

func TestAMarkAllocatesNothing(t *testing.T) {
	c := corpusCluster(t)
	allocations := map[string]float64{}
	for _, mode := range []string{"off", "on", "strict", "session"} {
		ctx, rule := t.Context(), mode
		if mode == "session" {
			ctx, rule = pgsplit.WithSession(ctx, pgsplit.NewSession()), "off"
		}
		db := handle(t, c, "max_lag=0", "monitor_interval=1h", "read_your_writes="+rule)
		require.NoError(t, pgsplit.ClusterOf(db).LoadCatalog(t.Context()))
		db.SetMaxOpenConns(1)
		write := func() {
			_, err := db.ExecContext(ctx, "update users set name = name where id = 7")
			require.NoError(t, err)
		}
		write()
		allocations[mode] = testing.AllocsPerRun(200, write)
	}
	t.Log(allocations)
	for mode, n := range allocations {
		require.LessOrEqual(t, n, allocations["off"], mode)
	}
}

// BenchmarkDemand tells what read_your_writes adds to a decision, as a share of a point SELECT over loopback with pgx
// alone, in turns in one run; "again" is off once more, the control.
//
//	go test -run '^$' -bench BenchmarkDemand .
func BenchmarkDemand(b *testing.B) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	names, deciders := []string{}, []func(string) string{}
	demanding(b, func(name string, decide func(string) string) {
		names, deciders = append(names, name), append(deciders, decide)
	})
	names, deciders = append(names, "again"), append(deciders, deciders[0])
	conn, err := pgx.Connect(b.Context(), corpusCluster(b).Replicas[0].DSN())
	require.NoError(b, err)
	defer conn.Close(context.Background())
	took := make([]time.Duration, len(names))
	var point time.Duration
	for b.Loop() {
		for i, decide := range deciders {
			start := time.Now()
			for range 2000 {
				decide(pointSelect)
			}
			took[i] += time.Since(start)
		}
		start := time.Now()
		for range 100 {
			var id int64
			var name, email *string
			require.NoError(b, conn.QueryRow(b.Context(), pointSelect, 7).Scan(&id, &name, &email))
		}
		point += 20 * time.Since(start)
	}
	for i, name := range names {
		b.ReportMetric(100*float64(took[i])/float64(point), "%-of-SELECT-"+name)
	}
	b.ReportMetric(0, "ns/op")
}
