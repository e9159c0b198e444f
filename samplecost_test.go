package pgsplit_test

import (
	"context"
	"database/sql"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
	"github.com/pgsplit/pgsplit/pgsplittest"
)

// talkative is a cluster whose servers log every statement with the name of the application.
func talkative(t testing.TB) *pgsplittest.Cluster {
	t.Helper()
	return pgsplittest.Start(t, pgsplittest.Options{
		Replicas: 1, SetupSQL: "create table a (id int primary key, v int); insert into a select g, 0 from generate_series(1, 64) g; create table b (id int); grant all on a, b to public",
		Parameters: map[string]string{"log_statement": "all", "log_line_prefix": "[%a] "},
	})
}

// said counts what an application has said to the servers, but for pings of connections that were idle for a second, and how many samples they were asked for.
func said(c *pgsplittest.Cluster, application string) (statements, samples int) {
	for _, s := range c.Servers() {
		n, m := saidTo(s, application)
		statements, samples = statements+n, samples+m
	}
	return statements, samples
}

func saidTo(s *pgsplittest.Server, application string) (statements, samples int) {
	for line := range strings.Lines(s.Log()) {
		switch {
		case strings.Contains(line, "-- ping"):
		case strings.HasPrefix(line, "["+application+"] LOG:  "):
			statements++
		case strings.HasPrefix(line, "["+application+" (pgsplit monitor)] LOG:  ") && strings.Contains(line, "pgsplit sample"):
			samples++
		}
	}
	return statements, samples
}

// Writes cost nothing: no statement is added to the application's connections.
func TestReadYourWritesAddsNoStatement(t *testing.T) {
	c := talkative(t)
	count := func(mode string, use func(context.Context) context.Context) int {
		application := unique("app")
		db := handle(t, c, "max_lag=0", "monitor_interval=1h", "read_your_writes="+mode, "application_name="+application)
		db.SetMaxOpenConns(1)
		require.NoError(t, pgsplit.ClusterOf(db).LoadCatalog(t.Context()))
		ctx := use(t.Context())
		_, err := db.ExecContext(ctx, "update a set v = v + 1 where id = 1") // opens a connection to each server
		require.NoError(t, err)
		eventually(t, func() bool { return onReplica(t, db, "select count(*) from b") })
		before, _ := said(c, application)
		for i := range 40 {
			_, err := db.ExecContext(ctx, "update a set v = v + 1 where id = $1", i)
			require.NoError(t, err)
			firstValue(t, ctx, db, "update a set v = v + 1 where id = 1 returning v")
			tx, err := db.BeginTx(ctx, nil)
			require.NoError(t, err)
			_, err = tx.ExecContext(ctx, "update a set v = v + 1 where id = 2")
			require.NoError(t, err)
			require.NoError(t, tx.Commit())
			firstValue(t, pgsplit.WithPrimary(ctx), db, "select v from a where id = 1")
			firstValue(t, ctx, db, "select v from a where id = 1")
			firstValue(t, ctx, db, "select count(*) from b")
		}
		after, _ := said(c, application)
		return after - before
	}
	none := func(ctx context.Context) context.Context { return ctx }
	session := func(ctx context.Context) context.Context { return pgsplit.WithSession(ctx, pgsplit.NewSession()) }
	off := count("off", none)
	require.Greater(t, off, 40*7)
	assert.Equal(t, off, count("on", none))
	assert.Equal(t, off, count("strict", none))
	assert.Equal(t, off, count("off", session))
}

func TestSamplesAreTakenWhenSomebodyNeedsThem(t *testing.T) {
	c := talkative(t)
	application := unique("app")
	db := handle(t, c, "max_lag=0", "monitor_interval=1h", "read_your_writes=on", "application_name="+application)
	require.NoError(t, pgsplit.ClusterOf(db).LoadCatalog(t.Context()))
	during := func(work func()) int {
		_, before := said(c, application)
		work()
		_, after := said(c, application)
		return after - before
	}
	write := func(ctx context.Context, db *sql.DB) error {
		_, err := db.ExecContext(ctx, "update a set v = v + 1 where id = 1")
		return err
	}
	assert.Zero(t, during(func() {
		for range 200 {
			require.NoError(t, write(t.Context(), db))
			require.True(t, onReplica(t, db, "select count(*) from b"))
		}
	}), "nobody reads what is written")

	// Under full load: no server is asked more often than 500 times a second, nor for two things at once, since there is one
	// connection for it.
	before := map[*pgsplittest.Server]int{}
	for _, s := range c.Servers() {
		_, before[s] = saidTo(s, application)
	}
	began := time.Now()
	l := startLoad(t, 4, func(ctx context.Context) error {
		if err := write(ctx, db); err != nil {
			return err
		}
		var v int
		return db.QueryRowContext(ctx, "select v from a where id = 1").Scan(&v)
	})
	for time.Since(began) < 2*time.Second {
		for _, s := range c.Servers() {
			const asking = "select count(*) from pg_stat_activity where application_name = '%s (pgsplit monitor)' and query like '/* pgsplit sample%%'"
			assert.LessOrEqual(t, atoi(t, ask(t, s, asking, application)), 1, s.Name)
		}
		time.Sleep(50 * time.Millisecond)
	}
	l.end(t)
	for _, s := range c.Servers() {
		_, n := saidTo(s, application)
		rate := float64(n-before[s]) / time.Since(began).Seconds()
		t.Logf("%-8s %.0f samples a second under full load", s.Name, rate)
		assert.NotZero(t, rate)
		assert.LessOrEqual(t, rate, 500.0, s.Name)
	}

	eventually(t, func() bool { return during(func() { time.Sleep(500 * time.Millisecond) }) == 0 }, "nobody needs them any more")
}
