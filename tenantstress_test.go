package pgsplit_test

import (
	"context"
	"flag"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit/internal/broken"
	"github.com/pgsplit/pgsplit/pgsplittest"
)

var tenantsFor = flag.Duration("tenants", 5*time.Second, "serve the tenants of the row-level-security stress for so `long`")

const tenantApplication = "tenants"

// tenantHandles are the pools that an application of many tenants may have: with settings of transactions only, so that
// replicas serve tenants, too; with settings of sessions, taken back or not, in pools that keep their driver connections and
// in pools that close them all the time; below a wrapper that drops IsValid and in the plain.
func tenantHandles(t *testing.T, c *pgsplittest.Cluster, sight *tenantSight) []*tenancy {
	params := []string{"read_only_tx=replica", "application_name=" + tenantApplication, "monitor_interval=200ms", "failover_timeout=5s"}
	local := []tenantWay{inTransaction(false), inTransaction(true), inTransaction(true), asNobody}
	session := []tenantWay{onConn, onConn, onConn, onConn, inTransaction(false)}
	all := []tenantWay{onConn, onConn, onConn, cancelled, inTransaction(false), inTransaction(true), asNobody, asNobody}
	handles := []*tenancy{
		{name: "local settings", db: handle(t, c, params...), tidy: true, ways: local},
		{name: "everything, few idle connections", db: handle(t, c, params...), tidy: true, ways: all},
		{name: "everything, below a wrapper", db: wrapped(t, c, params...), tidy: true, ways: all},
		{name: "settings left behind, below a wrapper", db: wrapped(t, c, params...), ways: session},
	}
	for i, y := range handles {
		y.sight, y.told = sight, map[any][]string{}
		y.db.SetMaxOpenConns(12)
		switch i {
		case 0, 3:
			y.db.SetMaxIdleConns(12)
		case 2:
			y.db.SetMaxIdleConns(12)
			y.db.SetConnMaxLifetime(300 * time.Millisecond)
		}
	}
	return handles
}

// hurt kills and restarts the replicas by turns, and now and then all of them, until the context ends. All replicas run then.
// Meanwhile it ends connections to the primary, one for so many times that a tenant was served: on a slow machine, too, most
// of what the tenants ask for works.
func hurt(t *testing.T, ctx context.Context, c *pgsplittest.Cluster, handles []*tenancy) {
	served := func() (n int64) {
		for _, y := range handles {
			n += y.done.Load()
		}
		return n
	}
	var wg sync.WaitGroup
	kills, ends := 0, 0
	wg.Go(func() {
		for ; ctx.Err() == nil; kills++ {
			down := c.Replicas[kills%2 : kills%2+1]
			if kills%3 == 2 {
				down = c.Replicas
			}
			for _, r := range down {
				assert.NoError(t, r.Kill())
			}
			wait(ctx, 300*time.Millisecond)
			for _, r := range down {
				assert.NoError(t, r.Start())
			}
			wait(ctx, 700*time.Millisecond)
		}
	})
	defer wg.Wait()
	for ; ctx.Err() == nil; ends++ {
		for next := served() + rand.Int64N(100); ctx.Err() == nil && served() <= next; {
			wait(ctx, time.Millisecond)
		}
		ask(t, c.Primary, `select count(pg_terminate_backend(pid)) from (select pid from pg_stat_activity
			where application_name = '%s' order by random() limit 1) as victim`, tenantApplication)
	}
	wg.Wait()
	t.Logf("%d times replicas were killed, %d times a connection to the primary was ended", kills, ends)
}

// wait waits, or until the context ends.
func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

func tenantCluster(t *testing.T) *pgsplittest.Cluster {
	c := rough(t)
	define(t, c, tenantSchema, "drop table note; drop function enter(text)")
	return c
}

// Never a row of another tenant, never a setting that this driver connection was not given, whatever dies meanwhile. Without
// the rule that session state ties a server's connection to a driver connection there is both: the test finds what it
// looks for.
func TestNoTenantSeesAnothersRows(t *testing.T) {
	c := tenantCluster(t)
	run := func(t *testing.T, handles []*tenancy, goroutines int, disturb func(context.Context)) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var ends []func() map[string]int
		for _, y := range handles {
			ends = append(ends, y.work(ctx, goroutines/len(handles)))
		}
		disturb(ctx)
		cancel()
		for i, y := range handles {
			assert.Empty(t, ends[i](), y.name)
			t.Logf("%s: served %d times, failed %d times, tenants on replicas %d, nobody on replicas %d",
				y.name, y.done.Load(), y.failed.Load(), y.onReplica.Load(), y.nobody.Load())
		}
	}
	t.Run("plain pgx keeps what is expected", func(t *testing.T) {
		sight := new(tenantSight)
		pgx := &tenancy{
			name: "pgx", db: plain(t, c.Primary.DSN(), "default_query_exec_mode=exec"), // else DISCARD ALL is one error after another
			ways: []tenantWay{onConn, inTransaction(false)}, sight: sight, told: map[any][]string{},
		}
		pgx.db.SetMaxOpenConns(8)
		pgx.db.SetMaxIdleConns(8)
		run(t, []*tenancy{pgx}, 8, func(ctx context.Context) { wait(ctx, time.Second/2) })
		require.Zero(t, sight.violations(), sight)
		require.Zero(t, pgx.failed.Load())
		require.NotZero(t, pgx.done.Load())
	})
	t.Run("replicas killed, connections ended", func(t *testing.T) {
		sight := new(tenantSight)
		handles := tenantHandles(t, c, sight)
		run(t, handles, 64, func(ctx context.Context) {
			ctx, cancel := context.WithTimeout(ctx, *tenantsFor)
			defer cancel()
			hurt(t, ctx, c, handles)
		})
		require.Zero(t, sight.violations(), sight)
		require.NotZero(t, handles[0].onReplica.Load(), "replicas have served tenants in transactions")
		require.NotZero(t, handles[0].nobody.Load())
		for _, y := range handles {
			require.Greater(t, y.done.Load(), 4*y.failed.Load(), "%s has hardly worked", y.name)
			y.db.SetMaxIdleConns(-1)
			eventually(t, func() bool { return pinned(y.db) == 0 && onPrimary(y.db).InFlight == 0 }, "session state outlives its driver connection")
		}
	})
	t.Run("without the rule", func(t *testing.T) {
		broken.Unpinned.Store(true)
		defer broken.Unpinned.Store(false)
		sight := new(tenantSight)
		handles := tenantHandles(t, c, sight)
		run(t, handles, 64, func(ctx context.Context) {
			ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
			defer cancel()
			go func() {
				for ctx.Err() == nil && (sight.foreign.Load() == 0 || sight.leaked.Load() == 0) {
					wait(ctx, time.Millisecond)
				}
				cancel()
			}()
			hurt(t, ctx, c, handles)
		})
		t.Log(sight)
		require.NotZero(t, sight.foreign.Load())
		require.NotZero(t, sight.leaked.Load())
	})
}
