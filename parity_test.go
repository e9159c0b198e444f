package pgsplit_test

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
	"github.com/pgsplit/pgsplit/pgsplittest"
)

// Each case of the table runs through plain pgx on the primary and through pgsplit on the whole cluster, and writes down
// everything that it can see. The two accounts must be equal, to the letter.

// execModes are pgx's ways to run statements, as a DSN names them.
var execModes = []string{"cache_statement", "cache_describe", "describe_exec", "exec", "simple_protocol"}

type parityCase struct {
	name string
	run  func(*script)
}

// parityCases is the whole table.
var parityCases = [][]parityCase{statementParity, txParity, contextParity, connParity}

const paritySchema = `
create schema parity;
create type parity.mood as enum ('sad', 'happy');
create type parity.pair as (a int, b text);
create table parity.thing (id serial primary key, name text unique, n int not null default 0 check (n >= 0), m parity.mood,
 p parity.pair, u uuid, tags text[], j jsonb, b bytea, at timestamptz, price numeric(12,3), code varchar(7));
create table parity.part (id int primary key, thing int references parity.thing deferrable initially immediate,
 span int4range, exclude using gist (span with &&));
create function parity.noisy(x int) returns int stable language plpgsql as $$ begin raise notice 'noise %', x using detail = 'd', hint = 'h'; return x; end $$;
grant usage on schema parity to public;
grant all on all tables in schema parity to public;
grant all on all sequences in schema parity to public;
`

const parityReset = `
truncate parity.thing, parity.part restart identity;
insert into parity.thing (name, n, m, p, u, tags, j, b, at, price, code)
 select 'thing ' || g, g, case g % 2 when 0 then 'sad' else 'happy' end::parity.mood, row(g, 'pair'::text)::parity.pair, ('00000000-0000-0000-0000-' || lpad(g::text, 12, '0'))::uuid,
 array['a', null, g::text], jsonb_build_object('g', g), decode(lpad(to_hex(g), 4, '0'), 'hex'), '2024-02-29 12:00+00'::timestamptz + g * interval '1 hour', g * 1.25, 'c' || g
 from generate_series(1, 50) g;
insert into parity.part values (1, 1, '[1,5)'), (2, null, null);
`

// script is one run of a case: a handle to use, and the account of what it gave.
type script struct {
	testing.TB
	db      *sql.DB
	dsn     string
	mode    string
	split   bool
	c       *pgsplittest.Cluster
	texts   int
	account []string
}

// fresh makes a text that no connection has prepared: whether one has tells in the wrapping of some errors.
func (s *script) fresh(text string) string {
	s.texts++
	return fmt.Sprintf("%s /* %d */", text, s.texts)
}

func (s *script) note(format string, args ...any) {
	s.account = append(s.account, fmt.Sprintf(format, args...))
}

var paritySentinels = map[string]error{
	"context.Canceled": context.Canceled, "context.DeadlineExceeded": context.DeadlineExceeded, "sql.ErrNoRows": sql.ErrNoRows,
	"sql.ErrTxDone": sql.ErrTxDone, "sql.ErrConnDone": sql.ErrConnDone, "driver.ErrBadConn": driver.ErrBadConn,
	"pgx.ErrTxClosed": pgx.ErrTxClosed, "pgx.ErrTxCommitRollback": pgx.ErrTxCommitRollback, "net.ErrClosed": net.ErrClosed,
}

// describe writes an error down: each link of its chain by type, text and fields, and what it passes for.
func describe(err error) string {
	if err == nil {
		return "no error"
	}
	var out strings.Builder
	for e := err; e != nil; e = errors.Unwrap(e) {
		fmt.Fprintf(&out, "%T %q ", e, e.Error())
		if pgErr, ok := e.(*pgconn.PgError); ok {
			fields, _ := json.Marshal(pgErr)
			out.Write(fields)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(paritySentinels)) {
		if errors.Is(err, paritySentinels[name]) {
			out.WriteString(" is " + name)
		}
	}
	var timeout net.Error
	fmt.Fprintf(&out, " safe to retry: %t, timeout: %t %t", pgconn.SafeToRetry(err), pgconn.Timeout(err), errors.As(err, &timeout) && timeout.Timeout())
	return out.String()
}

func (s *script) err(what string, err error) { s.note("%s: %s", what, describe(err)) }

// show writes a value down, with its type; what is long by its length and a hash.
func show(v any) string {
	long := func(of []byte) string { return fmt.Sprintf("%T of %d bytes, %x", v, len(of), sha256.Sum256(of)) }
	switch v := v.(type) {
	case time.Time:
		return "time.Time " + v.Format(time.RFC3339Nano+" MST")
	case string:
		if len(v) > 400 {
			return long([]byte(v))
		}
	case []byte:
		if len(v) > 400 {
			return long(v)
		}
	}
	return fmt.Sprintf("%T %#v", v, v)
}

// conversation is what *sql.DB, *sql.Conn and *sql.Tx have in common.
type conversation interface {
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
	ExecContext(context.Context, string, ...any) (sql.Result, error)
	PrepareContext(context.Context, string) (*sql.Stmt, error)
}

func (s *script) query(q conversation, text string, args ...any) {
	s.Helper()
	s.note("query %s %v", text, args)
	s.rows(q.QueryContext(s.Context(), text, args...))
}

func (s *script) exec(q conversation, text string, args ...any) {
	s.Helper()
	s.note("exec %s %v", text, args)
	s.result(q.ExecContext(s.Context(), text, args...))
}

// prepared prepares a statement, executes it twice both ways, and closes it.
func (s *script) prepared(q conversation, text string, args ...any) {
	s.Helper()
	s.note("prepare %s", text)
	stmt, err := q.PrepareContext(s.Context(), text)
	if err != nil {
		s.err("prepare", err)
		return
	}
	for range 2 {
		s.rows(stmt.QueryContext(s.Context(), args...))
		s.result(stmt.ExecContext(s.Context(), args...))
	}
	s.err("close", stmt.Close())
	_, err = stmt.ExecContext(s.Context(), args...)
	s.err("closed", err)
}

func (s *script) result(res sql.Result, err error) {
	if err != nil {
		s.err("exec", err)
		return
	}
	n, err := res.RowsAffected()
	s.note("affected: %d %s", n, describe(err))
	id, err := res.LastInsertId()
	s.note("last id: %d %s", id, describe(err))
}

// rows reads all rows of all results.
func (s *script) rows(rows *sql.Rows, err error) {
	s.Helper()
	if err != nil {
		s.err("query", err)
		return
	}
	for {
		s.resultSet(rows)
		if !rows.NextResultSet() {
			break
		}
		s.note("another result")
	}
	s.err("rows", rows.Err())
	s.err("close of rows", rows.Close())
	s.note("more after that: %t", rows.Next())
}

func (s *script) resultSet(rows *sql.Rows) {
	s.Helper()
	names, err := rows.Columns()
	s.note("columns %q %s", names, describe(err))
	types, err := rows.ColumnTypes()
	s.err("column types", err)
	for _, ct := range types {
		length, hasLength := ct.Length()
		precision, scale, hasScale := ct.DecimalSize()
		nullable, hasNullable := ct.Nullable()
		s.note("column %s: %s %s %d %t %d %d %t %t %t", ct.Name(), ct.DatabaseTypeName(), ct.ScanType(), length, hasLength, precision, scale, hasScale, nullable, hasNullable)
	}
	for n := 0; rows.Next(); n++ {
		row := make([]any, len(names))
		dest := make([]any, len(names))
		for i := range dest {
			dest[i] = &row[i]
		}
		if err := rows.Scan(dest...); err != nil {
			s.err("scan", err)
			return
		}
		for i, v := range row {
			s.note("row %d, %s: %s", n, names[i], show(v))
		}
	}
}

// leave ends the use of a connection: how pgx sees it, and that nothing of it reaches others. It is closed for good.
func (s *script) leave(conn *sql.Conn) {
	s.Helper()
	err := conn.Raw(func(dc any) error {
		pc := dc.(interface{ Conn() *pgx.Conn }).Conn()
		s.note("closed: %t", pc.IsClosed())
		if !pc.IsClosed() {
			s.note("status %c, busy: %t", pc.PgConn().TxStatus(), pc.PgConn().IsBusy())
		}
		return driver.ErrBadConn
	})
	s.err("leave", err)
	s.err("close of the connection", conn.Close())
}

// conn takes a connection of the pool.
func (s *script) conn() *sql.Conn {
	s.Helper()
	conn, err := s.db.Conn(s.Context())
	require.NoError(s, err)
	return conn
}

// valid proves that the handle works and that the case has left nothing behind.
func (s *script) valid(name string) {
	s.Helper()
	rows, err := s.db.QueryContext(s.Context(), "select generate_series(1, $1)", 10)
	require.NoError(s, err, "after %s", name)
	sum := 0
	for rows.Next() {
		var n int
		require.NoError(s, rows.Scan(&n))
		sum += n
	}
	require.NoError(s, rows.Err())
	require.NoError(s, rows.Close())
	require.Equal(s, 55, sum, "after %s", name)
	require.NoError(s, s.db.PingContext(s.Context()), "after %s", name)
	require.Zero(s, s.db.Stats().InUse, "after %s", name)
	if cluster := pgsplit.ClusterOf(s.db); cluster != nil {
		for _, server := range cluster.Stats().Servers {
			require.Zero(s, server.InFlight, "%s after %s", server.Name, name)
			require.Zero(s, server.Pinned, "%s after %s", server.Name, name)
		}
	}
}

// run runs the whole table on a handle and returns the accounts.
func (s *script) run() (accounts map[string][]string) {
	require.NoError(s, s.c.Primary.Exec(parityReset))
	require.NoError(s, s.c.WaitForCatchUp())
	accounts = map[string][]string{}
	for _, group := range parityCases {
		for _, pc := range group {
			s.account = nil
			pc.run(s)
			accounts[pc.name] = s.account
			s.valid(pc.name)
		}
	}
	return accounts
}

func TestEverythingIsAsWithPgxInEveryExecMode(t *testing.T) {
	c := calm(t)
	define(t, c, paritySchema, "drop schema parity cascade")
	for _, mode := range execModes {
		t.Run(mode, func(t *testing.T) {
			params := []string{"default_query_exec_mode=" + mode, "search_path=parity,public", "timezone=UTC"}
			primary := dsnWith(c.Primary.DSN(), params...)
			want := (&script{TB: t, db: plain(t, primary), dsn: primary, mode: mode, c: c}).run()
			again := want
			handles := map[string]string{
				"cluster": dsnWith(c.DSN(), append(params, "read_your_writes=strict", "read_only_tx=replica", "monitor_timeout=10s")...),
			}
			if mode == execModes[0] { // what does not hang on the mode is shown once
				again = (&script{TB: t, db: plain(t, primary), dsn: primary, mode: mode, c: c}).run()
				handles["one server"] = primary
			}
			for _, kind := range slices.Sorted(maps.Keys(handles)) {
				db := open(t, handles[kind])
				if kind == "cluster" {
					replicasServe(t, db, len(c.Replicas))
				}
				runs := 1
				if kind == "one server" {
					runs = 2 // texts that the handle knows go a shorter way, see plain.go
				}
				for n := range runs {
					got := (&script{TB: t, db: db, dsn: handles[kind], mode: mode, split: true, c: c}).run()
					for _, name := range slices.Sorted(maps.Keys(want)) {
						if assert.Equal(t, want[name], again[name], "%s: two runs with plain pgx differ", name) {
							assert.Equal(t, want[name], got[name], "%s, on %s, run %d", name, kind, n)
						}
					}
				}
				if kind == "cluster" {
					for _, server := range pgsplit.ClusterOf(db).Stats().Servers {
						require.Greater(t, server.Total(), int64(20), "%s was hardly put to the test", server.Name)
					}
				}
			}
		})
	}
}
