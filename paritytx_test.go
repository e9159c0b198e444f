package pgsplit_test

import (
	"database/sql"
	"fmt"

	"github.com/stretchr/testify/require"
)

func (s *script) begin(opts *sql.TxOptions) *sql.Tx {
	s.Helper()
	tx, err := s.db.BeginTx(s.Context(), opts)
	require.NoError(s, err)
	return tx
}

// texts are run one after the other, as queries or by Exec.
func texts(s *script, q conversation, list ...string) {
	for _, text := range list {
		s.query(q, text)
	}
}

var txParity = []parityCase{
	{"isolation levels", func(s *script) {
		for level := sql.LevelDefault; level <= sql.LevelLinearizable+1; level++ {
			for _, readOnly := range []bool{false, true} {
				tx, err := s.db.BeginTx(s.Context(), &sql.TxOptions{Isolation: level, ReadOnly: readOnly})
				s.err(fmt.Sprint("begin ", level, readOnly), err)
				if err != nil {
					continue
				}
				texts(s, tx, "select count(*) from thing", "show transaction_isolation", "show transaction_read_only")
				s.exec(tx, "update thing set n = n where id = 1")
				s.err("commit", tx.Commit())
			}
		}
	}},
	{"commit and rollback", func(s *script) {
		for _, commit := range []bool{true, false} {
			tx := s.begin(nil)
			s.exec(tx, "insert into thing (id, name) values (100, 'new')")
			s.query(tx, "select name from thing where id = $1", 100)
			if commit {
				s.err("commit", tx.Commit())
			} else {
				s.err("rollback", tx.Rollback())
			}
			s.err("commit again", tx.Commit())
			s.err("rollback again", tx.Rollback())
			s.query(tx, "select 1")
			s.query(s.db, "select name from thing where id = $1", 100)
			s.exec(s.db, "delete from thing where id = 100")
		}
	}},
	{"a failed transaction", func(s *script) {
		for _, opts := range []*sql.TxOptions{nil, {ReadOnly: true}} {
			for _, commit := range []bool{true, false} {
				tx := s.begin(opts)
				s.query(tx, "select n from thing where id = $1", 1)
				s.query(tx, "select 1/0")
				s.query(tx, s.fresh("select n from thing where id = $1"), 1)
				s.exec(tx, "update thing set n = n where id = 1")
				_, err := tx.PrepareContext(s.Context(), s.fresh("select 2"))
				s.err("prepare", err)
				if commit {
					s.err("commit", tx.Commit())
				} else {
					s.err("rollback", tx.Rollback())
				}
			}
		}
	}},
	{"savepoints", func(s *script) {
		tx := s.begin(nil)
		texts(s, tx, "savepoint a", "insert into thing (id) values (200)", "savepoint b", "select 1/0", s.fresh("select 1"), "rollback to b",
			"select count(*) from thing where id = 200", "release a", "rollback to a", s.fresh("select 1"))
		s.err("commit", tx.Commit())
		s.query(s.db, "select count(*) from thing where id = 200")
	}},
	{"transactions as texts", func(s *script) {
		conn := s.conn()
		texts(s, conn, "begin isolation level repeatable read", "show transaction_isolation", "insert into thing (id) values (201)", "commit and chain",
			"delete from thing where id = 201 returning id", "select 1/0", s.fresh("select 1"), "commit", "select count(*) from thing where id = 201",
			"delete from thing where id = 201", "begin; select 1; commit", "commit", "rollback", "begin", "begin")
		tx, err := conn.BeginTx(s.Context(), nil)
		s.err("begin in a transaction", err)
		if err == nil {
			s.err("rollback", tx.Rollback())
		}
		s.leave(conn)
	}},
	{"a transaction of a connection", func(s *script) {
		conn := s.conn()
		tx, err := conn.BeginTx(s.Context(), &sql.TxOptions{ReadOnly: true})
		require.NoError(s, err)
		texts(s, tx, "select n from thing where id = 3", "show transaction_read_only")
		s.err("rollback", tx.Rollback())
		texts(s, conn, "select n from thing where id = 3", "show transaction_read_only")
		s.leave(conn)
	}},
	{"writes in read-only transactions", func(s *script) {
		for _, text := range []string{"insert into thing (id) values (1)", "update thing set n = n", "delete from thing", "select nextval('thing_id_seq')", "select * from thing for update"} {
			for _, first := range []string{"", "select n from thing where id = 1"} {
				tx := s.begin(&sql.TxOptions{ReadOnly: true})
				if first != "" {
					s.query(tx, first)
				}
				s.exec(tx, text)
				s.query(tx, s.fresh("select 1"))
				s.err("commit", tx.Commit())
			}
		}
	}},
	{"constraints at the end of a transaction", func(s *script) {
		tx := s.begin(nil)
		texts(s, tx, "set constraints all deferred", "insert into part (id, thing) values (7, 999)", "select count(*) from part")
		s.err("commit", tx.Commit())
		s.query(s.db, "select count(*) from part")
	}},
	{"statements in transactions", func(s *script) {
		stmt, err := s.db.PrepareContext(s.Context(), "select n from thing where id = $1")
		require.NoError(s, err)
		for _, opts := range []*sql.TxOptions{nil, {ReadOnly: true}} {
			tx := s.begin(opts)
			s.rows(tx.StmtContext(s.Context(), stmt).QueryContext(s.Context(), 4))
			s.prepared(tx, "select n from thing where id = $1", 5)
			s.prepared(tx, "update thing set n = n where id = $1 returning id, n", 5)
			left, err := tx.PrepareContext(s.Context(), "select 3")
			s.err("prepare", err)
			s.err("commit", tx.Commit())
			if left != nil {
				s.rows(left.QueryContext(s.Context()))
				s.err("close", left.Close())
			}
			s.rows(tx.StmtContext(s.Context(), stmt).QueryContext(s.Context(), 4))
		}
		s.rows(stmt.QueryContext(s.Context()))
		s.rows(stmt.QueryContext(s.Context(), 1, 2))
		s.rows(stmt.QueryContext(s.Context(), "no number"))
		s.result(stmt.ExecContext(s.Context(), 6))
		s.err("close", stmt.Close())
		s.err("close", stmt.Close())
	}},
	{"a second query while rows are open in a transaction", func(s *script) {
		tx := s.begin(nil)
		rows, err := tx.QueryContext(s.Context(), "select g, repeat('x', 100) from generate_series(1, 20000) g")
		require.NoError(s, err)
		s.note("next %t", rows.Next())
		s.exec(tx, "update thing set n = n")
		s.query(tx, s.fresh("select 1"))
		_, err = tx.PrepareContext(s.Context(), s.fresh("select 2"))
		s.err("prepare", err)
		s.note("next %t", rows.Next())
		s.err("close", rows.Close())
		s.query(tx, s.fresh("select 1"))
		s.err("commit", tx.Commit())
	}},
	{"rows left open at the end of a transaction", func(s *script) {
		for _, commit := range []bool{true, false} {
			tx := s.begin(nil)
			rows, err := tx.QueryContext(s.Context(), "select g, repeat('x', 100) from generate_series(1, 20000) g")
			require.NoError(s, err)
			s.note("next %t", rows.Next())
			if commit {
				s.err("commit", tx.Commit())
			} else {
				s.err("rollback", tx.Rollback())
			}
			s.note("next %t", rows.Next())
			s.err("rows", rows.Err())
			s.err("close", rows.Close())
		}
	}},
}
