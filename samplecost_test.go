package pgsplit_test

import (
	"context"
	"database/sql"
	"fmt"
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

// said counts what an application has said to the servers, and how many samples they were asked for.
func said(c *pgsplittest.Cluster, application string) (statements, samples int) {
	for _, s := range c.Servers() {
		for line := range strings.Lines(s.Log()) {
			switch {
			case strings.HasPrefix(line, "["+application+"] LOG:  "):
				statements++
			case strings.HasPrefix(line, "["+application+" (pgsplit monitor)] LOG:  ") && strings.Contains(line, "pgsplit sample"):
				samples++
			}
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
		}
		after, _ := said(c, application)
		return after - before
	}
	none := func(ctx context.Context) context.Context { return ctx }
	session := func(ctx context.Context) context.Context { return pgsplit.WithSession(ctx, pgsplit.NewSession()) }
	off := count("off", none)
	require.Greater(t, off, 40*5)
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

	began := time.Now()
	busy := during(func() {
		l := startLoad(t, 4, func(ctx context.Context) error {
			if err := write(ctx, db); err != nil {
				return err
			}
			var v int
			return db.QueryRowContext(ctx, "select v from a where id = 1").Scan(&v)
		})
		time.Sleep(2 * time.Second)
		l.end(t)
	})
	most := 2 * 500 * time.Since(began).Seconds() // two servers
	t.Log(fmt.Sprintf("%d samples under full load, at most %.0f", busy, most))
	assert.NotZero(t, busy)
	assert.LessOrEqual(t, float64(busy), most)

	time.Sleep(1500 * time.Millisecond) // the need is over
	assert.Zero(t, during(func() { time.Sleep(500 * time.Millisecond) }), "nobody needs them any more")
}
