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
	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
	"github.com/pgsplit/pgsplit/pgsplittest"
)

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
	only    string // the name of the one case to run; "": all
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
			if s.only != "" && s.only != pc.name {
				continue
			}
			s.account = nil
			pc.run(s)
			accounts[pc.name] = s.account
			s.valid(pc.name)
		}
	}
	return accounts
}
