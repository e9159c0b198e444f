package pgsplit_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"github.com/stretchr/testify/require"
)

// sleeps are statements that are under way when their context ends: on a replica, on the primary.
var sleeps = []string{"select pg_sleep(60)", "select pg_sleep(60), id from thing where id = 1 for update"}

// soon is a context that ends while a statement is under way, by its deadline or by being cancelled.
func soon(s *script, deadline bool) (context.Context, context.CancelFunc) {
	const wait = 100 * time.Millisecond
	if deadline {
		return context.WithTimeout(s.Context(), wait)
	}
	ctx, cancel := context.WithCancel(s.Context())
	time.AfterFunc(wait, cancel)
	return ctx, cancel
}

// warm has both drivers open the connections that a case is about to use: connecting takes its share of a deadline.
func (s *script) warm() {
	conn := s.conn()
	s.query(conn, "select n from thing where id = 1")
	s.query(conn, "select n from thing where id = 1 for update")
	s.err("close", conn.Close())
}

var contextParity = []parityCase{
	{"a context that is over beforehand", func(s *script) {
		over, cancel := context.WithCancel(s.Context())
		cancel()
		late, cancelLate := context.WithDeadline(s.Context(), time.Now().Add(-time.Second))
		defer cancelLate()
		tx := s.begin(nil)
		stmt, err := s.db.PrepareContext(s.Context(), "select $1::int")
		require.NoError(s, err)
		for _, ctx := range []context.Context{over, late} {
			both := func(q conversation, text string) {
				_, err := q.QueryContext(ctx, text)
				s.err("query", err)
				_, err = q.ExecContext(ctx, text)
				s.err("exec", err)
				_, err = q.PrepareContext(ctx, text)
				s.err("prepare", err)
			}
			for _, text := range []string{"select 1", "update thing set n = n where id = 1"} {
				both(s.db, text)
				both(tx, text)
			}
			_, err := stmt.QueryContext(ctx, 1)
			s.err("statement", err)
			_, err = s.db.BeginTx(ctx, nil)
			s.err("begin", err)
			_, err = s.db.Conn(ctx)
			s.err("connection", err)
			s.err("ping", s.db.PingContext(ctx))

			for what, use := range []func(*sql.Conn) error{
				func(conn *sql.Conn) error { _, err := conn.QueryContext(ctx, "select 1"); return err },
				func(conn *sql.Conn) error { _, err := conn.ExecContext(ctx, "select 1"); return err },
				func(conn *sql.Conn) error { _, err := conn.PrepareContext(ctx, "select 1"); return err },
				func(conn *sql.Conn) error { _, err := conn.BeginTx(ctx, nil); return err },
				func(conn *sql.Conn) error { return conn.PingContext(ctx) },
			} {
				conn := s.conn()
				s.exec(conn, "update thing set n = n where id = 2")
				s.err(fmt.Sprint("use of a connection ", what), use(conn))
				s.query(conn, "select n from thing where id = 2")
				s.leave(conn)
			}
		}
		s.query(tx, "select n from thing where id = 2")
		s.err("commit", tx.Commit())
		s.err("close", stmt.Close())
	}},
	{"a context that ends during a statement", func(s *script) {
		for _, text := range sleeps {
			for _, deadline := range []bool{true, false} {
				for _, way := range []string{"query", "exec", "statement"} {
					s.warm()
					conn := s.conn()
					s.query(conn, "select n from thing where id = 2 for update")
					stmt, err := conn.PrepareContext(s.Context(), text)
					require.NoError(s, err)
					ctx, cancel := soon(s, deadline)
					switch way {
					case "query":
						_, err = conn.QueryContext(ctx, text)
					case "exec":
						_, err = conn.ExecContext(ctx, text)
					default:
						_, err = stmt.QueryContext(ctx)
					}
					s.err(way, err)
					cancel()
					s.query(conn, "select n from thing where id = 2")
					s.exec(conn, "update thing set n = n where id = 2")
					s.err("close", stmt.Close())
					s.leave(conn)
				}
				s.warm()
				ctx, cancel := soon(s, deadline)
				_, err := s.db.QueryContext(ctx, text)
				s.err("from the pool", err)
				cancel()
			}
		}
	}},
	{"a deadline of a statement in a transaction", func(s *script) {
		for _, opts := range []*sql.TxOptions{nil, {ReadOnly: true}} {
			for _, commit := range []bool{true, false} {
				tx := s.begin(opts)
				s.query(tx, "select n from thing where id = 2")
				ctx, cancel := soon(s, true)
				_, err := tx.ExecContext(ctx, "select pg_sleep(60)")
				s.err("exec", err)
				cancel()
				s.query(tx, "select n from thing where id = 2")
				s.exec(tx, "update thing set n = n where id = 2")
				_, err = tx.PrepareContext(s.Context(), "select 5")
				s.err("prepare", err)
				if commit {
					s.err("commit", tx.Commit())
				} else {
					s.err("rollback", tx.Rollback())
				}
				s.err("again", tx.Rollback())
			}
		}
	}},
	{"a transaction whose context ends", func(s *script) {
		for _, opts := range []*sql.TxOptions{nil, {ReadOnly: true}} {
			conn := s.conn()
			ctx, cancel := context.WithCancel(s.Context())
			tx, err := conn.BeginTx(ctx, opts)
			require.NoError(s, err)
			s.query(tx, "select n from thing where id = 2")
			cancel()
			for err == nil || !errors.Is(err, sql.ErrTxDone) { // database/sql rolls back in the background
				_, err = tx.ExecContext(s.Context(), "select 1")
			}
			s.err("exec", err)
			s.err("commit", tx.Commit())
			s.err("rollback", tx.Rollback())
			// The connection of a transaction on the primary has gone with it. That of one on a replica goes on with another.
			for opts == nil && !errors.Is(err, sql.ErrConnDone) {
				err = useEnding(s.Context(), conn)
			}
			conn.Raw(func(any) error { return driver.ErrBadConn })
			conn.Close()
		}
	}},
	{"a context that ends between rows", func(s *script) {
		for _, text := range []string{"select g, repeat('x', 1000) from generate_series(1, 50000) g", "with u as (update thing set n = n returning 1) select g, repeat('x', 1000) from generate_series(1, 50000) g"} {
			conn := s.conn()
			s.exec(conn, "update thing set n = n where id = 1") // the death of a replica's connection would cost no more than that
			ctx, cancel := context.WithCancel(s.Context())
			rows, err := conn.QueryContext(ctx, text)
			require.NoError(s, err)
			s.note("next %t", rows.Next())
			cancel()
			for rows.Next() {
			}
			s.err("rows", rows.Err())
			s.err("close", rows.Close())
			s.query(conn, "select n from thing where id = 2")
			s.exec(conn, "update thing set n = n where id = 2")
			s.leave(conn)
		}
	}},
	{"a context that ends afterwards", func(s *script) {
		conn := s.conn()
		ctx, cancel := context.WithCancel(s.Context())
		s.rows(conn.QueryContext(ctx, "select n from thing where id = 2"))
		s.result(conn.ExecContext(ctx, "update thing set n = n where id = 2"))
		stmt, err := conn.PrepareContext(ctx, "select n from thing where id = $1")
		require.NoError(s, err)
		cancel()
		s.rows(stmt.QueryContext(s.Context(), 3))
		s.err("close", stmt.Close())
		s.query(conn, "select n from thing where id = 2")
		s.leave(conn)
	}},
	{"a timeout of the server", func(s *script) {
		conn := s.conn()
		s.exec(conn, "set statement_timeout = 50")
		s.exec(conn, "select pg_sleep(60)")
		s.query(conn, "select n from thing where id = 2")
		s.exec(conn, "begin")
		s.query(conn, "select pg_sleep(60)")
		s.query(conn, s.fresh("select n from thing where id = 2"))
		s.leave(conn)
	}},
}

// useEnding uses a sql.Conn that may just be ending. When it ends between two steps of database/sql, that finds no driver
// connection and panics (Go 1.26); whoever comes after that gets ErrConnDone.
func useEnding(ctx context.Context, conn *sql.Conn) (err error) {
	defer func() {
		if bug := recover(); bug != nil {
			if _, err = conn.ExecContext(ctx, "select 1"); !errors.Is(err, sql.ErrConnDone) {
				panic(bug)
			}
		}
	}()
	_, err = conn.ExecContext(ctx, "select 1")
	return err
}
