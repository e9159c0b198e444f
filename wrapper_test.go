package pgsplit_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
	"github.com/pgsplit/pgsplit/pgsplittest"
)

// pgxConnector is pgx's own connector for one server.
func pgxConnector(t testing.TB, s *pgsplittest.Server, params ...string) driver.Connector {
	t.Helper()
	cfg, err := pgx.ParseConfig(dsnWith(s.DSN(), params...))
	require.NoError(t, err)
	return stdlib.GetConnector(*cfg)
}

// opaque hides everything of a connector's connections but the interfaces of database/sql/driver, as a wrapper for
// metrics does.
type opaque struct{ driver.Connector }

func (o opaque) Connect(ctx context.Context) (driver.Conn, error) {
	dc, err := o.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &opaqueConn{dc}, nil
}

type opaqueConn struct{ dc driver.Conn }

func (o *opaqueConn) Prepare(query string) (driver.Stmt, error) { return o.dc.Prepare(query) }
func (o *opaqueConn) Close() error                              { return o.dc.Close() }
func (o *opaqueConn) Begin() (driver.Tx, error)                 { return o.dc.Begin() }
func (o *opaqueConn) Ping(ctx context.Context) error            { return o.dc.(driver.Pinger).Ping(ctx) }
func (o *opaqueConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	return o.dc.(driver.ConnPrepareContext).PrepareContext(ctx, query)
}
func (o *opaqueConn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	return o.dc.(driver.ConnBeginTx).BeginTx(ctx, opts)
}
func (o *opaqueConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	return o.dc.(driver.ExecerContext).ExecContext(ctx, query, args)
}
func (o *opaqueConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	return o.dc.(driver.QueryerContext).QueryContext(ctx, query, args)
}
func (o *opaqueConn) ResetSession(ctx context.Context) error {
	return o.dc.(driver.SessionResetter).ResetSession(ctx)
}

// forgetful drops ResetSession as well: nobody is told where a checkout begins or ends.
type forgetful struct{ driver.Connector }

type forgetfulConn struct {
	driver.Conn
	driver.ConnPrepareContext
	driver.ConnBeginTx
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
}

func (f forgetful) Connect(ctx context.Context) (driver.Conn, error) {
	dc, err := f.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return forgetfulConn{dc, dc.(driver.ConnPrepareContext), dc.(driver.ConnBeginTx), dc.(driver.ExecerContext), dc.(driver.QueryerContext), dc.(driver.Pinger)}, nil
}

func (f forgetfulConn) inner() driver.Conn { return f.Conn }
func (o *opaqueConn) inner() driver.Conn   { return o.dc }

// bare leaves only what a driver.Conn must have.
type bare struct{ driver.Connector }

func (b bare) Connect(ctx context.Context) (driver.Conn, error) {
	dc, err := b.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return struct{ driver.Conn }{dc}, nil
}

// showing passes its connection on, as instrumented drivers do by convention.
type showing struct{ driver.Connector }

func (s showing) Connect(ctx context.Context) (driver.Conn, error) {
	dc, err := s.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return showingConn{&opaqueConn{dc}}, nil
}

type showingConn struct{ *opaqueConn }

func (s showingConn) Raw() driver.Conn { return s.dc }

// wrapped is a handle below a wrapper that drops what it does not know, IsValid above all, as some instrumented drivers do.
func wrapped(t testing.TB, c *pgsplittest.Cluster, params ...string) *sql.DB {
	t.Helper()
	cfg, err := pgsplit.ParseConfig(dsnWith(c.DSN(), append(params, "monitor_timeout=10s")...))
	require.NoError(t, err)
	connector, err := pgsplit.NewConnector(cfg)
	require.NoError(t, err)
	db := sql.OpenDB(opaque{connector})
	t.Cleanup(func() {
		require.NoError(t, db.Close())
		require.NoError(t, connector.Close())
	})
	replicasServe(t, db, len(c.Replicas))
	within(t, db, 10*time.Second)
	return db
}
