package catalog_test

import (
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit/internal/catalog"
	"github.com/pgsplit/pgsplit/internal/statement"
	"github.com/pgsplit/pgsplit/pgsplittest"
)

var shared struct {
	sync.Mutex
	cluster *pgsplittest.Cluster
}

func TestMain(m *testing.M) {
	code := m.Run()
	if shared.cluster != nil {
		if err := shared.cluster.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	os.Exit(code)
}

// server is the one server of all tests.
func server(tb testing.TB) *pgsplittest.Cluster {
	tb.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.cluster == nil {
		cluster, err := pgsplittest.Run(context.Background(), pgsplittest.Options{})
		require.NoError(tb, err)
		shared.cluster = cluster
	}
	return shared.cluster
}

var databases atomic.Int32

// database is a new database of the server, which the superuser has filled.
type database struct {
	tb    testing.TB
	super *pgconn.PgConn
	app   *pgconn.PgConn // an ordinary role, which owns nothing there
}

func newDatabase(tb testing.TB, setup string) *database {
	tb.Helper()
	s := server(tb).Primary
	name := fmt.Sprintf("catalog%d", databases.Add(1))
	require.NoError(tb, s.Exec("create database "+name))
	d := &database{tb: tb, super: connect(tb, s.SuperDSN(), name), app: connect(tb, s.DSN(), name)}
	d.exec(setup)
	return d
}

func connect(tb testing.TB, dsn, database string) *pgconn.PgConn {
	tb.Helper()
	config, err := pgconn.ParseConfig(dsn)
	require.NoError(tb, err)
	config.Database = database
	conn, err := pgconn.ConnectConfig(context.Background(), config)
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func (d *database) exec(sql string) {
	d.tb.Helper()
	_, err := d.super.Exec(context.Background(), sql).ReadAll()
	require.NoError(d.tb, err)
}

func (d *database) load() *catalog.Catalog { return d.loadDeclared(catalog.Declared{}) }

func (d *database) loadDeclared(declared catalog.Declared) *catalog.Catalog {
	d.tb.Helper()
	c, err := catalog.Load(context.Background(), d.app, declared)
	require.NoError(d.tb, err)
	return c
}

func (d *database) fingerprint() string {
	d.tb.Helper()
	f, err := catalog.Fingerprint(context.Background(), d.app)
	require.NoError(d.tb, err)
	return f
}

// catalogOf is the catalog of a new database.
func catalogOf(tb testing.TB, setup string) *catalog.Catalog {
	tb.Helper()
	return newDatabase(tb, setup).load()
}

// judge also returns whether a replica may answer.
func judge(c *catalog.Catalog, sql string) (v catalog.Verdict, read bool) {
	var a statement.Analysis
	a.Analyze(sql)
	v = c.Judge(&a)
	a.Flags = v.Flags
	return v, a.Read()
}

// requireReads demands that texts may be answered by a replica and leave nothing in the session.
func requireReads(t *testing.T, c *catalog.Catalog, texts ...string) {
	t.Helper()
	for _, sql := range texts {
		v, read := judge(c, sql)
		require.True(t, read, "%s: %+v", sql, v)
		require.Zero(t, v.Pin, "%s: %+v", sql, v)
		require.Empty(t, v.Cause, sql)
		require.Empty(t, v.Unknown, sql)
		require.False(t, v.Opaque, sql)
	}
}

// requirePrimary demands that texts go to the primary, for a cause.
func requirePrimary(t *testing.T, c *catalog.Catalog, cause string, texts ...string) {
	t.Helper()
	for _, sql := range texts {
		v, read := judge(c, sql)
		require.False(t, read, "%s: %+v", sql, v)
		require.Equal(t, cause, v.Cause, "%s: %+v", sql, v)
		require.Empty(t, v.Unknown, sql)
	}
}

// requirePin demands that a text leaves exactly that in the session.
func requirePin(t *testing.T, c *catalog.Catalog, pin statement.Pin, texts ...string) {
	t.Helper()
	for _, sql := range texts {
		v, _ := judge(c, sql)
		require.Equal(t, pin, v.Pin, "%s: %+v", sql, v)
		require.Equal(t, pin&statement.PinUnknown != 0, v.Opaque, "%s: %+v", sql, v)
		require.Empty(t, v.Unknown, sql)
	}
}
