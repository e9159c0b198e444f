package pgsplit_test

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
	"github.com/pgsplit/pgsplit/pgsplittest"
)

// behaviourSchema is what every shared cluster holds. The superuser has made it; the application may use it.
const behaviourSchema = `
create table item (id bigserial primary key, name text not null default '', n int not null default 0,
 port int default inet_server_port());
insert into item (name, n) select 'item ' || g, g from generate_series(1, 100) g;
create view place as select pg_is_in_recovery() as replica, inet_server_port() as port;
create table entry (test text, v int);
create sequence ticket;
create unlogged table scratch (id int);
create function whoami() returns boolean language sql volatile as 'select pg_is_in_recovery()';
grant all on all tables in schema public to public;
grant all on all sequences in schema public to public;
create role few login connection limit 4 password 'few';
create role reader login password 'reader';
`

// lazyCluster is shared by tests and starts when the first of them asks for it.
type lazyCluster struct {
	opts    pgsplittest.Options
	once    sync.Once
	cluster *pgsplittest.Cluster
	err     error
}

func (l *lazyCluster) get(t testing.TB) *pgsplittest.Cluster {
	t.Helper()
	l.once.Do(func() { l.cluster, l.err = pgsplittest.Run(context.Background(), l.opts) })
	require.NoError(t, l.err)
	return l.cluster
}

var calmCluster = lazyCluster{opts: pgsplittest.Options{
	Replicas: 2,
	SetupSQL: behaviourSchema,
	// EXPLAIN (SETTINGS) shows by it on which kind of server it ran.
	ServerParameters: func(name string) map[string]string {
		if name == "primary" {
			return map[string]string{"random_page_cost": "3.5"}
		}
		return map[string]string{"random_page_cost": "4.5"}
	},
}}

var roughCluster = lazyCluster{opts: pgsplittest.Options{
	Replicas:   2,
	SetupSQL:   behaviourSchema,
	Parameters: map[string]string{"max_prepared_transactions": "4"},
}}

// calm is the cluster of the tests that leave its servers alone.
func calm(t testing.TB) *pgsplittest.Cluster {
	t.Helper()
	return calmCluster.get(t)
}

// rough is the cluster of the tests that kill, pause and delay replicas. When such a test ends it is whole again.
func rough(t testing.TB) *pgsplittest.Cluster {
	t.Helper()
	c := roughCluster.get(t)
	t.Cleanup(func() {
		for _, r := range c.Replicas {
			if !r.Running() {
				require.NoError(t, r.Start())
			}
			require.NoError(t, r.Thaw())
			require.NoError(t, r.ResumeReplay())
		}
		require.NoError(t, c.WaitForCatchUp())
	})
	return c
}

// handle opens a handle with further DSN parameters ("a=b&c=d") and waits until all replicas serve.
func handle(t testing.TB, c *pgsplittest.Cluster, params ...string) *sql.DB {
	t.Helper()
	db := open(t, dsnWith(c.DSN(), params...))
	replicasServe(t, db, len(c.Replicas))
	if !strings.Contains(strings.Join(params, "&"), "max_lag=") {
		within(t, db, 10*time.Second)
	}
	return db
}

// define has the cluster's primary, and then its replicas, hold what is dropped again at the end of the test.
func define(t testing.TB, c *pgsplittest.Cluster, create, drop string) {
	t.Helper()
	require.NoError(t, c.Primary.Exec(create))
	t.Cleanup(func() { require.NoError(t, c.Primary.Exec(drop)) })
	require.NoError(t, c.WaitForCatchUp())
}

// impatient has replicas cancel statements that are in the way of recovery at once, until the end of the test.
func impatient(t testing.TB, c *pgsplittest.Cluster) {
	t.Helper()
	for _, r := range c.Replicas {
		_, err := r.SetParameter("max_standby_streaming_delay", "0")
		require.NoError(t, err)
		t.Cleanup(func() {
			_, err := r.SetParameter("max_standby_streaming_delay", "30s")
			require.NoError(t, err)
		})
	}
}

// within waits until no replica's lag is beyond a bound. After a handle's first look at a cluster in which nobody has committed for a
// while, but something was written to the log just now, it may be: all that is known then is the time of the last commit.
func within(t testing.TB, db *sql.DB, bound time.Duration) {
	t.Helper()
	cluster := pgsplit.ClusterOf(db)
	eventually(t, func() bool {
		for _, s := range cluster.Servers() {
			if s.Role == pgsplit.RoleReplica && s.Lag >= bound {
				cluster.Health(t.Context()) // asks them again
				return false
			}
		}
		return true
	}, "a replica lags")
}

// plain opens pgx's own driver on one server.
func plain(t testing.TB, dsn string, params ...string) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgx", dsnWith(dsn, params...))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

func dsnWith(dsn string, params ...string) string {
	for _, p := range params {
		dsn += "&" + p
	}
	return dsn
}

// as replaces the user of a DSN.
func as(t testing.TB, dsn, user, password string) string {
	t.Helper()
	before, after, found := strings.Cut(dsn, "@")
	require.True(t, found)
	scheme, _, found := strings.Cut(before, "//")
	require.True(t, found)
	return scheme + "//" + url.UserPassword(user, password).String() + "@" + after
}

var names atomic.Int64

// unique is a name that no other test uses, for tables, settings, applications.
func unique(prefix string) string { return fmt.Sprintf("%s_%d", prefix, names.Add(1)) }

// ask returns what a superuser sees on one server.
func ask(t testing.TB, s *pgsplittest.Server, query string, args ...any) string {
	t.Helper()
	v, err := s.QueryString(fmt.Sprintf(query, args...))
	for range 20 {
		if code(err) != "40001" { // a conflict with the recovery that another test has brought about
			break
		}
		v, err = s.QueryString(fmt.Sprintf(query, args...))
	}
	require.NoError(t, err)
	return v
}

// eventually polls for up to 20 s.
func eventually(t testing.TB, condition func() bool, msgAndArgs ...any) {
	t.Helper()
	pause := time.Millisecond
	for deadline := time.Now().Add(20 * time.Second); !condition(); time.Sleep(pause) {
		pause = min(2*pause, 50*time.Millisecond)
		if time.Now().After(deadline) {
			require.Fail(t, "it did not become true", msgAndArgs...)
		}
	}
}

// isReplica says whether the server that answers is a replica.
func isReplica(t testing.TB, q interface {
	QueryRowContext(context.Context, string, ...any) *sql.Row
}) bool {
	t.Helper()
	var replica bool
	require.NoError(t, q.QueryRowContext(t.Context(), "select pg_is_in_recovery()").Scan(&replica))
	return replica
}

// firstValue runs a query and returns the first column of its first row as text; all rows are read.
func firstValue(t testing.TB, ctx context.Context, q querier, query string, args ...any) string {
	t.Helper()
	rows, err := q.QueryContext(ctx, query, args...)
	require.NoError(t, err, query)
	defer rows.Close()
	columns, err := rows.Columns()
	require.NoError(t, err)
	first := ""
	for n := 0; rows.Next(); n++ {
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(any)
		}
		require.NoError(t, rows.Scan(values...))
		if n == 0 && len(values) > 0 {
			first = fmt.Sprint(*values[0].(*any))
		}
	}
	require.NoError(t, rows.Err(), query)
	return first
}

type querier interface {
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
}

// contextWithCancel is a context of the test that can be cancelled before its end.
func contextWithCancel(t testing.TB) (context.Context, context.CancelFunc) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	return ctx, cancel
}

func atoi(t testing.TB, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	require.NoError(t, err)
	return n
}
