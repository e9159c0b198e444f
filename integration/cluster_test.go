package integration

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"net/url"
	"os"
	"testing"
	"time"

	_ "github.com/pgsplit/pgsplit"
	"github.com/pgsplit/pgsplit/integration/serverlog"
	"github.com/pgsplit/pgsplit/pgsplittest"

	"github.com/jackc/pgx/v5"
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"
)

// cluster is shared by all tests, which run one after the other and each begin with an empty schema.
var cluster *pgsplittest.Cluster

func TestMain(m *testing.M) {
	os.Exit(func() int {
		parameters := serverlog.Parameters()
		maps.Copy(parameters, map[string]string{"fsync": "off", "jit": "off"})
		var err error
		cluster, err = pgsplittest.Run(context.Background(), pgsplittest.Options{
			Replicas:   2,
			Parameters: parameters,
			SetupSQL:   "CREATE SCHEMA harness; CREATE TABLE harness.beat AS SELECT 0::bigint AS n",
		})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer func() {
			if err := cluster.Close(); err != nil {
				fmt.Fprintln(os.Stderr, err)
			}
		}()
		return m.Run()
	}())
}

const (
	// schema is where the applications keep their tables. It is set in the DSN, so it also shows that every server gets
	// the DSN's runtime parameters.
	schema = "site"

	// application is the name under which the servers log what the applications execute.
	application = "site"
)

// plain is the DSN of the application on pgx: the primary alone.
func plain(settings ...string) string { return dsn(cluster.Primary.DSN(), settings) }

// split is the DSN of the application on pgsplit: every server, and settings as key and value by turns. A test must not
// depend on how fast the machine is, so a slow answer is not taken for a dead replica, nor a late one for a stale one.
func split(settings ...string) string {
	return dsn(cluster.DSN(), append([]string{"monitor_timeout", "20s", "max_lag", "0"}, settings...))
}

func dsn(base string, settings []string) string {
	u, err := url.Parse(base)
	if err != nil {
		panic(err)
	}
	q := u.Query()
	q.Set("search_path", schema)
	q.Set("application_name", application)
	q.Set("timezone", "UTC")
	for i := 0; i < len(settings); i += 2 {
		q.Set(settings[i], settings[i+1])
	}
	u.RawQuery = q.Encode()
	return u.String()
}

// emptySchema makes all servers forget what an earlier run has stored.
func emptySchema(t *testing.T) {
	t.Helper()
	db, err := sql.Open("pgx", cluster.Primary.DSN())
	require.NoError(t, err)
	defer db.Close()
	// A statement that an earlier run gave up at its deadline may still hold a lock for a moment.
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	_, err = db.ExecContext(ctx, fmt.Sprintf("DROP SCHEMA IF EXISTS %s CASCADE; CREATE SCHEMA %[1]s", schema))
	require.NoError(t, err)
	newHeart(t).beat()
}

// pauseReplicas stops replay on every replica until the test ends.
func pauseReplicas(t *testing.T) {
	t.Helper()
	for _, r := range cluster.Replicas {
		require.NoError(t, r.PauseReplay())
		t.Cleanup(func() { require.NoError(t, r.ResumeReplay()) })
	}
}

// heart makes replicas catch up many times a second: it holds its connections, and its commit is the last of what has to
// arrive, so seeing it on a replica is enough.
type heart struct {
	t        *testing.T
	primary  *pgx.Conn
	replicas []*pgx.Conn
}

func newHeart(t *testing.T) *heart {
	t.Helper()
	connect := func(s *pgsplittest.Server) *pgx.Conn {
		conn, err := pgx.Connect(t.Context(), s.SuperDSN())
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close(context.Background()) })
		return conn
	}
	h := &heart{t: t, primary: connect(cluster.Primary)}
	for _, r := range cluster.Replicas {
		h.replicas = append(h.replicas, connect(r))
	}
	return h
}

// beat returns when every replica shows all that the primary had committed before the call.
func (h *heart) beat() {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), 30*time.Second)
	defer cancel()
	var sent, seen int64
	require.NoError(h.t, h.primary.QueryRow(ctx, "UPDATE harness.beat SET n = n + 1 RETURNING n").Scan(&sent))
	for _, replica := range h.replicas {
		for seen = 0; seen < sent; time.Sleep(time.Millisecond) {
			require.NoError(h.t, replica.QueryRow(ctx, "SELECT n FROM harness.beat").Scan(&seen))
		}
	}
}
