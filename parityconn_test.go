package pgsplit_test

import (
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/stretchr/testify/require"
)

// raw uses the pgx connection below a connection.
func (s *script) raw(conn *sql.Conn, use func(*pgx.Conn) error) {
	s.Helper()
	s.err("raw", conn.Raw(func(dc any) error { return use(dc.(interface{ Conn() *pgx.Conn }).Conn()) }))
}

var connParity = []parityCase{
	{"values of megabytes", func(s *script) {
		text, blob := strings.Repeat("wörd ", 1<<19), bytes.Repeat([]byte{0, 1, 2, 255}, 1<<19)
		for _, q := range []string{"select $1::text, length($1::text), $2::bytea, md5($2::bytea)", "update thing set code = 'c1' where id = 1 returning $1::text, length($1::text), $2::bytea, md5($2::bytea)"} {
			s.rows(s.db.QueryContext(s.Context(), q, text, blob))
			var gotText string
			var gotBlob []byte
			var n int
			var sum string
			require.NoError(s, s.db.QueryRowContext(s.Context(), q, text, blob).Scan(&gotText, &n, &gotBlob, &sum))
			require.True(s, gotText == text && bytes.Equal(gotBlob, blob))
		}
		s.result(s.db.ExecContext(s.Context(), "select length($1::text)", text))
	}},
	{"rows abandoned in the middle", func(s *script) {
		conn := s.conn()
		for _, text := range []string{"select g, repeat('x', 50) from generate_series(1, 10000) g", "update thing set n = n returning id, repeat('x', 100000)"} {
			for _, q := range []conversation{s.db, conn} {
				rows, err := q.QueryContext(s.Context(), text)
				require.NoError(s, err)
				for range 20 {
					s.note("next %t", rows.Next())
				}
				s.err("close", rows.Close())
				s.err("rows", rows.Err())
				s.err("scan", rows.Scan(new(int), new(string)))
				s.query(q, "select count(*) from thing")
			}
		}
		s.leave(conn)
	}},
	{"ten thousand rows", func(s *script) {
		rows, err := s.db.QueryContext(s.Context(), "select g, g::text from generate_series(1, 10000) g")
		require.NoError(s, err)
		n, sum := 0, 0
		for rows.Next() {
			var g int
			var text string
			require.NoError(s, rows.Scan(&g, &text))
			require.Equal(s, fmt.Sprint(g), text)
			n, sum = n+1, sum+g
		}
		s.note("%d rows, sum %d", n, sum)
		s.err("rows", rows.Err())
	}},
	{"scanning", func(s *script) {
		m := pgtype.NewMap()
		for _, dest := range []any{new(int), new(string), new([]byte), new(sql.RawBytes), new(bool), new(sql.NullInt64), new(celsius), new(any), m.SQLScanner(new([]int64)), m.SQLScanner(new([]*string)), nil} {
			for _, text := range []string{"select 1", "select 'x'", "select null::text", "select '{1,2,3}'::int[]", "select true", "select 1.5::numeric"} {
				err := s.db.QueryRowContext(s.Context(), text).Scan(dest)
				s.note("%s into %T: %s", text, dest, describe(err))
			}
		}
		s.err("no rows", s.db.QueryRowContext(s.Context(), "select 1 where false").Scan(new(int)))
		s.err("too few", s.db.QueryRowContext(s.Context(), "select 1, 2").Scan(new(int)))
	}},
	{"several results", func(s *script) {
		for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeSimpleProtocol, pgx.QueryExecModeExec} {
			for _, text := range []string{"select 1; select 2", "select 1; select 1/0", "update thing set n = n where id = 1; select 5", "select 5; update thing set n = n", ";;"} {
				s.query(s.db, text, mode)
				s.exec(s.db, text, mode)
			}
		}
	}},
	{"copying", func(s *script) {
		conn := s.conn()
		s.raw(conn, func(pc *pgx.Conn) error {
			n, err := pc.CopyFrom(s.Context(), pgx.Identifier{"thing"}, []string{"id", "name", "n"}, pgx.CopyFromRows([][]any{{300, "a", 1}, {301, "b", 2}}))
			s.note("copied %d %s", n, describe(err))
			n, err = pc.CopyFrom(s.Context(), pgx.Identifier{"thing"}, []string{"id", "name", "n"}, pgx.CopyFromRows([][]any{{302, "c", 1}, {300, "d", 2}}))
			s.note("copied %d %s", n, describe(err))
			return nil
		})
		s.query(conn, "select id, name from thing where id >= 300 order by id")
		s.exec(conn, "delete from thing where id >= 300")
		s.leave(conn)
	}},
	{"batches", func(s *script) {
		conn := s.conn()
		for _, fail := range []string{"select 1", "select 1/0"} {
			s.raw(conn, func(pc *pgx.Conn) error {
				var batch pgx.Batch
				batch.Queue("update thing set n = n where id < $1", 5)
				batch.Queue(fail)
				batch.Queue("select name from thing where id = $1", 7)
				results := pc.SendBatch(s.Context(), &batch)
				tag, err := results.Exec()
				s.note("%s %s", tag, describe(err))
				tag, err = results.Exec()
				s.note("%s %s", tag, describe(err))
				var name string
				s.err("third", results.QueryRow().Scan(&name))
				s.note("%s", name)
				s.err("close", results.Close())
				return nil
			})
		}
		s.query(conn, "select count(*) from thing")
		s.leave(conn)
	}},
	{"notifications", func(s *script) {
		conn := s.conn()
		s.exec(conn, "listen parity")
		s.exec(s.db, "notify parity, 'hello'")
		s.raw(conn, func(pc *pgx.Conn) error {
			n, err := pc.WaitForNotification(s.Context())
			if err == nil {
				s.note("%s %s", n.Channel, n.Payload)
			}
			return err
		})
		s.leave(conn)
	}},
	{"what pgx is asked for below a connection", func(s *script) {
		conn := s.conn()
		s.raw(conn, func(pc *pgx.Conn) error {
			s.note("%s %s", pc.Config().Database, pc.Config().DefaultQueryExecMode)
			var n int
			s.err("query", pc.QueryRow(s.Context(), "select n from thing where id = $1", 3).Scan(&n))
			s.note("%d", n)
			tx, err := pc.Begin(s.Context())
			require.NoError(s, err)
			s.err("rollback", tx.Rollback(s.Context()))
			return nil
		})
		s.err("an error of the function's own", conn.Raw(func(any) error { return sql.ErrNoRows }))
		s.query(conn, "select n from thing where id = $1", 3)
		s.leave(conn)
	}},
	{"a connection that was closed", func(s *script) {
		conn := s.conn()
		s.query(conn, "select 1")
		s.err("close", conn.Close())
		s.err("close", conn.Close())
		s.query(conn, "select 1")
		s.exec(conn, "select 1")
		s.prepared(conn, "select 1")
		s.err("ping", conn.PingContext(s.Context()))
		s.err("raw", conn.Raw(func(any) error { return nil }))
		_, err := conn.BeginTx(s.Context(), nil)
		s.err("begin", err)
	}},
	{"a connection that was marked as bad", func(s *script) {
		conn := s.conn()
		s.query(conn, "select 1")
		s.err("raw", conn.Raw(func(any) error { return driver.ErrBadConn }))
		s.query(conn, "select 1")
		s.err("close", conn.Close())
	}},
	{"a connection whose server process has gone", func(s *script) {
		for _, before := range []string{"select 1", "set application_name = 'gone'", "begin", "update thing set n = n where id = 1"} {
			conn := s.conn()
			s.exec(conn, before)
			stmt, err := conn.PrepareContext(s.Context(), "update thing set n = n where id = $1")
			require.NoError(s, err)
			var pid string
			require.NoError(s, conn.QueryRowContext(s.Context(), "select pg_backend_pid()::text").Scan(&pid))
			terminate(s, s.c.Primary, pid)
			s.exec(conn, "update thing set n = n where id = 1")
			s.exec(conn, "update thing set n = n where id = 1")
			s.query(conn, "select 1 for update")
			s.result(stmt.ExecContext(s.Context(), 1))
			s.err("ping", conn.PingContext(s.Context()))
			tx, err := conn.BeginTx(s.Context(), nil)
			s.err("begin", err)
			if err == nil {
				s.err("rollback", tx.Rollback())
			}
			s.err("close of the statement", stmt.Close())
			s.leave(conn)
		}
	}},
	{"ping and the pool's counters", func(s *script) {
		s.err("ping", s.db.PingContext(s.Context()))
		s.db.SetMaxOpenConns(2)
		defer s.db.SetMaxOpenConns(0)
		first, second := s.conn(), s.conn()
		stats := s.db.Stats()
		s.note("%d open, %d in use, %d idle, at most %d", stats.OpenConnections, stats.InUse, stats.Idle, stats.MaxOpenConnections)
		ctx, cancel := soon(s, true)
		defer cancel()
		_, err := s.db.Conn(ctx)
		s.err("a third", err)
		s.err("ping", first.PingContext(s.Context()))
		s.err("close", first.Close())
		s.err("close", second.Close())
		stats = s.db.Stats()
		s.note("%d open, %d in use, %d idle", stats.OpenConnections, stats.InUse, stats.Idle)
	}},
	{"a handle that was closed", func(s *script) {
		name := "pgx"
		if s.split {
			name = "pgsplit"
		}
		db, err := sql.Open(name, s.dsn)
		require.NoError(s, err)
		conn, err := db.Conn(s.Context())
		require.NoError(s, err)
		stmt, err := db.PrepareContext(s.Context(), "select 1")
		require.NoError(s, err)
		s.query(db, "select n from thing where id = 1")
		s.err("close of a connection", conn.Close())
		s.err("close", db.Close())
		s.err("close", db.Close())
		s.query(db, "select 1")
		s.exec(db, "select 1")
		s.err("ping", db.PingContext(s.Context()))
		_, err = db.BeginTx(s.Context(), nil)
		s.err("begin", err)
		_, err = db.Conn(s.Context())
		s.err("connection", err)
		_, err = stmt.QueryContext(context.Background())
		s.err("statement", err)
		s.err("close of the statement", stmt.Close())
	}},
}
