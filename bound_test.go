package pgsplit_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
)

// A read's own bound of the lag, beside what its handle says and what the replicas are.
func TestAReadsOwnBoundOfTheLagIsKept(t *testing.T) {
	c := rough(t)
	for _, r := range c.Replicas {
		require.NoError(t, r.PauseReplay())
	}
	require.NoError(t, c.Primary.Exec("insert into entry (test) values ('lag')"))
	within := func(d time.Duration) context.Context { return pgsplit.WithMaxLag(t.Context(), d) }
	serves := func(db *sql.DB, ctx context.Context) string {
		got, err := asksReplica(db, ctx)
		if err != nil {
			return "error: " + err.Error()
		}
		return got
	}
	for _, test := range []struct {
		params string
		want   map[time.Duration]string // by bound
		none   string                   // without a bound of its own
	}{
		{"max_lag=1h", map[time.Duration]string{0: "replica", time.Hour: "replica", time.Second: "primary", -1: "primary"}, "replica"},
		{"max_lag=100ms", map[time.Duration]string{0: "replica", time.Hour: "replica", time.Second: "primary"}, "primary"},
		{"max_lag=100ms&when_stale=freshest", map[time.Duration]string{0: "replica", time.Second: "primary"}, "replica"},
		{"max_lag=100ms&when_stale=error", map[time.Duration]string{0: "replica", time.Second: "error: pgsplit: no replica is fresh enough"}, "error"},
	} {
		db := open(t, dsnWith(c.DSN(), test.params, "monitor_timeout=10s"))
		require.NoError(t, db.PingContext(t.Context()))
		require.NoError(t, pgsplit.ClusterOf(db).LoadCatalog(t.Context()))
		eventually(t, func() bool {
			for _, s := range pgsplit.ClusterOf(db).Servers()[1:] {
				if s.Lag < 2*time.Second || !s.LagKnown {
					return false
				}
			}
			return true
		}, "the replicas fall behind")
		require.Contains(t, serves(db, t.Context()), test.none, test.params)
		for bound, want := range test.want {
			got := serves(db, within(bound))
			require.True(t, strings.HasPrefix(got, want), "%s, bound %v: %s", test.params, bound, got)
		}
	}
}

// asksReplica says which kind of server has answered.
func asksReplica(db *sql.DB, ctx context.Context) (string, error) {
	var replica bool
	if err := db.QueryRowContext(ctx, isReplicaSQL).Scan(&replica); err != nil {
		return "", err
	}
	if replica {
		return "replica", nil
	}
	return "primary", nil
}

func TestSamplesAreTakenAsOftenAsAReadsOwnBoundNeeds(t *testing.T) {
	c := calm(t)
	db := handle(t, c, "monitor_interval=10s", "max_lag=1m")
	ctx := pgsplit.WithMaxLag(t.Context(), 200*time.Millisecond)
	replicas, reads := 0, 0
	for began := time.Now(); time.Since(began) < 2*time.Second || reads < 100; time.Sleep(5 * time.Millisecond) {
		reads++
		if got, err := asksReplica(db, ctx); err == nil && got == "replica" {
			replicas++
		}
	}
	require.Greater(t, replicas, reads/3, "a bound of 200 ms among samples that are 10 s apart")
}

func TestWithoutAPrimaryAReadsOwnBoundIsKept(t *testing.T) {
	c := separate(t, 1)
	db := handle(t, c, "failover_timeout=300ms", "max_lag=100ms")
	require.NoError(t, c.Replicas[0].PauseReplay())
	require.NoError(t, c.Primary.Exec("insert into entry (test) values ('lost')"))
	eventually(t, func() bool { return pgsplit.ClusterOf(db).Servers()[1].Lag > 500*time.Millisecond })
	require.NoError(t, c.Primary.Kill())
	eventually(t, func() bool { return !pgsplit.ClusterOf(db).Servers()[0].Healthy })
	got, err := asksReplica(db, t.Context())
	require.NoError(t, err)
	require.Equal(t, "replica", got, "without a primary an old answer is better than none")
	_, err = asksReplica(db, pgsplit.WithMaxLag(t.Context(), 200*time.Millisecond))
	require.Error(t, err, "unless the read says how old it may be")
	got, err = asksReplica(db, pgsplit.WithMaxLag(t.Context(), time.Hour))
	require.NoError(t, err)
	require.Equal(t, "replica", got)
}

func TestThePrimaryCarriesOnlySoManyReadsForLostReplicas(t *testing.T) {
	c := rough(t)
	db := handle(t, c, "max_fallback_reads=2", "failover_timeout=300ms", "warmup=0")
	db.SetMaxIdleConns(8)
	fallback := func() pgsplit.FallbackStats { return pgsplit.ClusterOf(db).Stats().Fallback }
	require.Zero(t, fallback())
	for _, r := range c.Replicas {
		require.NoError(t, r.Stop())
	}
	eventually(t, func() bool {
		return !pgsplit.ClusterOf(db).Servers()[1].Healthy && !pgsplit.ClusterOf(db).Servers()[2].Healthy
	})

	var held []*sql.Rows
	for range 2 {
		rows, err := db.QueryContext(t.Context(), "select g from generate_series(1, 10) g")
		require.NoError(t, err)
		require.True(t, rows.Next())
		held = append(held, rows)
	}
	require.Equal(t, pgsplit.FallbackStats{Running: 2, Total: 2}, fallback())

	begin := time.Now()
	_, err := asksReplica(db, t.Context())
	require.ErrorContains(t, err, "max_fallback_reads")
	require.GreaterOrEqual(t, time.Since(begin), 300*time.Millisecond, "it waits for a place")
	require.EqualValues(t, 1, fallback().Refused)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = asksReplica(db, ctx)
	require.True(t, errors.Is(err, context.DeadlineExceeded), err)
	for name, other := range map[string]context.Context{"forced": pgsplit.WithPrimary(t.Context())} {
		got, err := asksReplica(db, other)
		require.NoError(t, err, name)
		require.Equal(t, "primary", got, name)
	}
	execAll(t, db, "insert into entry (v) values (1)")

	// A place that comes free is taken by who waits; several get their turn.
	var wg sync.WaitGroup
	errs := make(chan error, 6)
	waited := handle2(t, c, "max_fallback_reads=1", "failover_timeout=20s")
	for range 6 {
		wg.Go(func() {
			_, err := waited.ExecContext(t.Context(), "select 1")
			if err == nil {
				_, err = asksReplica(waited, t.Context())
			}
			errs <- err
		})
	}
	wg.Wait()
	for range 6 {
		require.NoError(t, <-errs)
	}
	for _, rows := range held {
		require.NoError(t, rows.Close())
	}
	require.Zero(t, fallback().Running)

	// A replica that comes back frees those that wait, while the place stays taken.
	one := handle2(t, c, "max_fallback_reads=1", "failover_timeout=20s")
	rows, err := one.QueryContext(t.Context(), "select g from generate_series(1, 10) g")
	require.NoError(t, err)
	defer rows.Close()
	answered := make(chan string, 1)
	go func() {
		got, err := asksReplica(one, context.Background())
		answered <- got + fmt.Sprint(err)
	}()
	eventually(t, func() bool { return pgsplit.ClusterOf(one).Stats().Fallback.Waiting == 1 })
	require.NoError(t, c.Replicas[0].Start())
	require.Equal(t, "replica<nil>", <-answered)
}

// handle2 opens a handle whose replicas may be down.
func handle2(t *testing.T, c interface{ DSN() string }, params ...string) *sql.DB {
	t.Helper()
	db := open(t, dsnWith(c.DSN(), append(params, "monitor_timeout=10s")...))
	require.NoError(t, db.PingContext(t.Context()))
	require.NoError(t, pgsplit.ClusterOf(db).LoadCatalog(t.Context()))
	return db
}

func TestReadOnlyTransactionsOfLostReplicasCountUntilTheirEnd(t *testing.T) {
	c := calm(t)
	dsn := dsnWith(c.Primary.DSN(), fmt.Sprintf("replicas=127.0.0.1:%d", closedPort(t)), "read_only_tx=replica", "max_fallback_reads=1", "failover_timeout=100ms")
	db := open(t, dsn)
	require.NoError(t, pgsplit.ClusterOf(db).LoadCatalog(t.Context()))
	tx := begin(t, t.Context(), db, readOnly)
	_, err := asksReplica(db, t.Context())
	require.ErrorContains(t, err, "max_fallback_reads")
	require.NoError(t, tx.Commit())
	got, err := asksReplica(db, t.Context())
	require.NoError(t, err)
	require.Equal(t, "primary", got)
	tx = begin(t, t.Context(), db, readOnly)
	require.NoError(t, tx.Rollback())
	require.Zero(t, pgsplit.ClusterOf(db).Stats().Fallback.Running)
	require.EqualValues(t, 3, pgsplit.ClusterOf(db).Stats().Fallback.Total)
}
