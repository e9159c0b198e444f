package pgsplit_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
)

// What an application has set in pgx's configuration (a tracer, a handler of notices, types of its own) works on every server, for its
// own statements, and for nothing else.

// diary is what a tracer and a notice handler were told.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) add(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, fmt.Sprintf(format, args...))
}

func (d *diary) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	d.add("start %s %v", data.SQL, data.Args)
	return context.WithValue(ctx, d, data.SQL)
}

func (d *diary) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryEndData) {
	d.add("end %v: %s %s", ctx.Value(d), data.CommandTag, failure(data.Err))
}

func (d *diary) notice(_ *pgconn.PgConn, n *pgconn.Notice) {
	d.add("%s %s: %s", n.Severity, n.Code, n.Message)
}

const noisySchema = `
create type duo as (a int, b text);
create function noisy(n int) returns int stable language plpgsql as $$ begin raise notice 'noise %', n; return n; end $$;
`

type duo struct {
	A int32
	B string
}

// register teaches a connection a type of the application's own.
func register(ctx context.Context, conn *pgx.Conn) error {
	t, err := conn.LoadType(ctx, "duo")
	if err == nil {
		conn.TypeMap().RegisterType(t)
	}
	return err
}

func TestTracersNoticesAndTypesWorkOnEveryServerAsWithPgx(t *testing.T) {
	c := calm(t)
	define(t, c, noisySchema, "drop type duo; drop function noisy")

	steps := func(db *sql.DB) (replicas int) {
		duos := func(q querier) string {
			return firstValue(t, t.Context(), q, "select ($1::duo).b || ($1::duo).a", duo{7, "x"})
		}
		ctx := t.Context()
		for range 8 { // both replicas
			require.Equal(t, "x7", duos(db))
			require.Equal(t, "7", firstValue(t, ctx, db, "select noisy($1)", 7))
		}
		_, err := db.ExecContext(ctx, "select noisy(8)")
		require.NoError(t, err)
		_, err = db.ExecContext(ctx, "select 1/(length($1) - 1)", "x") // on a replica its like is run on the primary, too
		require.Equal(t, "22012", code(err))
		tx, err := db.BeginTx(ctx, nil)
		require.NoError(t, err)
		require.Equal(t, "x7", duos(tx))
		require.NoError(t, tx.Commit())
		if cluster := pgsplit.ClusterOf(db); cluster != nil {
			for _, s := range cluster.Stats().Servers {
				if s.Role == pgsplit.RoleReplica && s.Total() > 0 {
					replicas++
				}
			}
		}
		return replicas
	}
	own := func(d *diary) (lines []string) { // not what registering types asks
		for _, line := range d.lines {
			if !strings.Contains(line, "regtype") && !strings.Contains(line, "pg_attribute") && !strings.Contains(line, "pg_type") {
				lines = append(lines, line)
			}
		}
		return lines
	}

	var want diary
	direct, err := pgx.ParseConfig(c.Primary.DSN())
	require.NoError(t, err)
	direct.Tracer, direct.OnNotice = &want, want.notice
	bare := stdlib.OpenDB(*direct)
	_, err = bare.ExecContext(t.Context(), "select $1::duo", duo{7, "x"})
	require.Error(t, err, "without the type nothing is shown")
	require.NoError(t, bare.Close())
	want.lines = nil
	plain := stdlib.OpenDB(*direct, stdlib.OptionAfterConnect(register))
	steps(plain)
	require.NoError(t, plain.Close())

	var got diary
	cfg, err := pgsplit.ParseConfig(dsnWith(c.DSN(), "monitor_interval=20ms", "monitor_timeout=10s"))
	require.NoError(t, err)
	for _, s := range cfg.Servers {
		s.Tracer, s.OnNotice = &got, got.notice
	}
	cfg.AfterConnect = func(ctx context.Context, conn *pgx.Conn, _ pgsplit.ServerInfo) error { return register(ctx, conn) }
	db, err := pgsplit.OpenDB(cfg)
	require.NoError(t, err)
	replicasServe(t, db, len(c.Replicas))
	got.mu.Lock()
	got.lines = nil
	got.mu.Unlock()
	require.Equal(t, len(c.Replicas), steps(db))
	require.NoError(t, db.Close())
	require.Contains(t, strings.Join(own(&want), "\n"), "noise 8")
	require.Equal(t, own(&want), own(&got))
}
