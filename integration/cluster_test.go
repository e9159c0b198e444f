package integration

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/pgsplit/pgsplit/integration/serverlog"
	"github.com/pgsplit/pgsplit/pgsplittest"

	"github.com/jackc/pgx/v5"
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"
)

const (
	// schema is where the applications keep their tables. It is set in the DSN, so it also shows that every server gets
	// the DSN's runtime parameters.
	schema = "site"

	// application is the name under which the servers log what the applications execute.
	application = "site"
)

// cluster is shared by the tests, which run one after the other and each begin with an empty schema.
var cluster *watched

// watched is a cluster whose servers log every statement, with superuser connections that stay open: dialling takes longer
// than most steps of a test.
type watched struct {
	*pgsplittest.Cluster
	logs    []*serverlog.Log // of Servers(), in their order
	conns   []*pgx.Conn      // to Servers(), in their order
	closers []func() error
}

func TestMain(m *testing.M) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	status, err := 1, error(nil)
	if cluster, err = start(ctx); err == nil {
		status = m.Run()
	}
	cancel()
	if err = errors.Join(err, cluster.close()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}

// start gives what it has started, also with an error.
func start(ctx context.Context) (w *watched, err error) {
	parameters := serverlog.Parameters()
	maps.Copy(parameters, map[string]string{"fsync": "off", "jit": "off"})
	w = new(watched)
	w.Cluster, err = pgsplittest.Run(ctx, pgsplittest.Options{
		Replicas:   2,
		Parameters: parameters,
		SetupSQL:   "CREATE SCHEMA harness; CREATE TABLE harness.beat AS SELECT 0::bigint AS n",
	})
	if err != nil {
		return w, err
	}
	w.closers = append(w.closers, w.Cluster.Close)
	for _, s := range w.Servers() {
		conn, err := pgx.Connect(ctx, s.SuperDSN())
		if err != nil {
			return w, err
		}
		w.conns = append(w.conns, conn)
		w.closers = append(w.closers, func() error { return conn.Close(context.Background()) })
		log, err := serverlog.Follow(ctx, conn, application)
		if err != nil {
			return w, err
		}
		w.logs = append(w.logs, log)
		w.closers = append(w.closers, log.Close)
	}
	return w, nil
}

func (w *watched) close() error {
	var errs []error
	for i := len(w.closers) - 1; i >= 0; i-- {
		errs = append(errs, w.closers[i]())
	}
	return errors.Join(errs...)
}

// catchUp returns when every replica shows all that the primary had committed before the call. It commits something itself,
// the last of what has to arrive, so seeing that on a replica is enough.
func (w *watched) catchUp(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var sent, seen int64
	require.NoError(t, w.conns[0].QueryRow(ctx, "UPDATE harness.beat SET n = n + 1 RETURNING n").Scan(&sent))
	for _, replica := range w.conns[1:] {
		for seen = 0; seen < sent; time.Sleep(time.Millisecond) {
			require.NoError(t, replica.QueryRow(ctx, "SELECT n FROM harness.beat").Scan(&seen))
		}
	}
}

// emptySchema makes all servers forget what an earlier run has stored.
func (w *watched) emptySchema(t *testing.T) {
	t.Helper()
	// A statement that an earlier run gave up at its deadline may still hold a lock for a moment.
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	_, err := w.conns[0].Exec(ctx, fmt.Sprintf("DROP SCHEMA IF EXISTS %s CASCADE; CREATE SCHEMA %[1]s AUTHORIZATION %s", schema, w.User))
	require.NoError(t, err)
	w.catchUp(t)
}

// pauseReplicas stops replay on every replica until the test ends.
func (w *watched) pauseReplicas(t *testing.T) {
	t.Helper()
	for _, r := range w.Replicas {
		require.NoError(t, r.PauseReplay())
		t.Cleanup(func() { require.NoError(t, r.ResumeReplay()) })
	}
}

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
