package integration

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pgsplit/pgsplit"
	"github.com/pgsplit/pgsplit/pgsplittest"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jmoiron/sqlx"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"

	"github.com/pgsplit/pgsplit/integration/gormapp"
)

var tenantsFor = flag.Duration("tenants", 3*time.Second, "serve the tenants of GORM, sqlx and ent for so `long`")

const (
	tenants        = 200
	notesPerTenant = 3
)

var tenantSchema = fmt.Sprintf(`
create table notes (id bigserial primary key, tenant text not null, body text not null default '');
insert into notes (tenant) select 't' || t from generate_series(1, %d) t, generate_series(1, %d);
create index on notes (tenant);
alter table notes enable row level security;
alter table notes force row level security;
create policy own on notes using (tenant = current_setting('app.tenant', true));
grant all on notes to public;
`, tenants, notesPerTenant)

// note is a row, with the tenant that the session was of when it was read.
type note struct {
	ID      int64
	Tenant  string
	Body    string
	Setting string `gorm:"->;-:migration"`
}

const (
	notesOfSession = "select id, tenant, body, current_setting('app.tenant', true) as setting from notes order by id"
	changeNote     = "update notes set body = 'x' where id = (select min(id) from notes)"
)

// Whatever a library does to tell a session its tenant, no other tenant's rows are seen, no setting is left for somebody
// else, and none is lost, while replicas die and connections are ended.
func TestTenantsOfGormSqlxAndEntAreKeptApart(t *testing.T) {
	c := pgsplittest.Start(t, pgsplittest.Options{Replicas: 2, SetupSQL: tenantSchema})
	db, err := sql.Open("pgsplit", dsn(c.DSN(), []string{"read_only_tx", "replica", "application_name", "tenants", "search_path", "public"}))
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	db.SetMaxOpenConns(24)
	require.NoError(t, db.PingContext(t.Context()))
	knowTables(t, db)
	libs := &tenantLibs{db: db, sqlx: sqlx.NewDb(db, "pgsplit"), ent: entsql.OpenDB(dialect.Postgres, db)}
	libs.gorm, err = gorm.Open(postgres.New(postgres.Config{Conn: db}), gormapp.Config())
	require.NoError(t, err)
	libs.prepared = libs.gorm.Session(&gorm.Session{PrepareStmt: true})

	ctx, cancel := context.WithTimeout(t.Context(), *tenantsFor)
	defer cancel()
	var served, failed, ofNobody atomic.Int64
	var wg sync.WaitGroup
	ways := make([]string, 0, len(tenantWays))
	for way := range tenantWays {
		ways = append(ways, way)
	}
	for range 64 {
		wg.Go(func() {
			for ctx.Err() == nil && !t.Failed() {
				// The application's own requests do not end with the test's time.
				serve(t, context.WithoutCancel(ctx), libs, ways[rand.IntN(len(ways))], &served, &failed, &ofNobody)
			}
		})
	}
	for n := 0; ctx.Err() == nil; n++ {
		r := c.Replicas[n%2]
		require.NoError(t, r.Kill())
		_, err := c.Primary.QueryString("select count(pg_terminate_backend(pid)) from (select pid from pg_stat_activity where application_name = 'tenants' order by random() limit 2) v")
		require.NoError(t, err)
		require.NoError(t, r.Start())
		// By what was served and not by the clock: on a slow machine, too, most of it works.
		for next := served.Load() + 200; ctx.Err() == nil && served.Load() < next; {
			time.Sleep(5 * time.Millisecond)
		}
	}
	wg.Wait()
	stats := pgsplit.ClusterOf(db).Stats()
	t.Logf("served %d times, failed %d times, nobody was served %d times", served.Load(), failed.Load(), ofNobody.Load())
	inTransactions := int64(0)
	for _, s := range stats.Servers {
		inTransactions += s.Routed[pgsplit.ReasonReadOnlyTransaction]
	}
	assert.NotZero(t, inTransactions, "replicas have served tenants")
	assert.Greater(t, served.Load(), 10*failed.Load(), "hardly anything worked")
}

// serve works for a tenant in one way, and for nobody, and checks what they have seen.
func serve(t *testing.T, ctx context.Context, libs *tenantLibs, way string, served, failed, ofNobody *atomic.Int64) {
	tenant := fmt.Sprint("t", 1+rand.IntN(tenants))
	seen, changed, err := tenantWays[way](libs, ctx, tenant)
	for _, notes := range seen {
		assert.Len(t, notes, notesPerTenant, "%s: rows of %s", way, tenant)
		for _, n := range notes {
			assert.Equal(t, []string{tenant, tenant}, []string{n.Tenant, n.Setting}, way)
		}
	}
	for _, n := range changed {
		assert.EqualValues(t, 1, n, "%s: rows of %s changed", way, tenant)
	}
	if count(t, err, way, served, failed) {
		notes, setting, err := libs.nobody(ctx)
		assert.Empty(t, notes, "after %s of %s", way, tenant)
		assert.Empty(t, setting, "after %s of %s", way, tenant)
		count(t, err, "nobody", ofNobody, failed)
	}
}

// count counts a success, or an error that the end of a connection explains.
func count(t *testing.T, err error, what string, succeeded, failed *atomic.Int64) bool {
	if err == nil {
		succeeded.Add(1)
		return true
	}
	failed.Add(1)
	if pgErr := (*pgconn.PgError)(nil); errors.As(err, &pgErr) {
		assert.Contains(t, []string{"57P01", "57P02", "57P03", "40001"}, pgErr.Code, "%s: %v", what, err)
	}
	return false
}
