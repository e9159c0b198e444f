package pgsplit_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// The steps of a walk.

// A setting that was local to a transaction, or was reset, is an empty text after that, and not NULL, for whoever has the
// connection next: which of the pool's connections that is differs.
const walkSettings = "coalesce(current_setting('app.walk', true), ''), coalesce(current_setting('app.other', true), '')"

// texts of reads and of everything else; %d is a small number.
var (
	walkReads = []string{
		"select id, v from walk.thing where id = %d", "select count(*), sum(v) from walk.thing", "select * from walk.total",
		"with a as (select v from walk.thing order by id limit %d) select sum(v) from a", "values (%d), (2)",
		"select " + walkSettings, "select max(id) from walk.log",
		"select string_agg(what, ',' order by id) from walk.log", "select 1/(%d-%[1]d)", "select * from walk.missing",
		"select nothing from walk.thing", "selec %d", "table walk.total", "select n from t_walk order by n",
		"select current_setting('search_path'), current_user, session_user", "explain (costs off) select * from walk.thing where v = %d",
	}
	walkWrites = []string{
		"insert into walk.log (what) values ('w%d')", "insert into walk.log (what) values ('r%d') returning id, what",
		"update walk.thing set v = v + 1 where id = %d", "update walk.thing set v = v * 500 where id = %d returning v",
		"with a as (insert into walk.log (what) values ('c%d') returning id) select id from a", "delete from walk.thing where id = 10 + %d",
		"insert into walk.thing (id) values (10 + %d)", "select v from walk.thing where id = %d for update",
		"select v from walk.thing where id = %d for share nowait", "select pg_try_advisory_xact_lock(%d)",
		"select set_config('app.walk', 'l%d', true)", "set local app.walk = 'x%d'", "create temp table t_walk on commit drop as select %d as n",
		"declare cur cursor for select id from walk.thing order by id", "fetch 2 from cur", "close cur",
		"commit", "rollback", "savepoint s", "rollback to s", "release s", "commit and chain", "set transaction read only", "lock table walk.log in share mode nowait",
		"update walk.thing set v = 1 where id = %d; select 5", "select 6; select 7", "notify walk, 'n%d'",
	}
	// What ends a connection that is given back so.
	walkBegins = []string{"begin", "start transaction read only", "begin isolation level repeatable read"}
	// What stays with the session.
	walkState = []string{
		"select pg_try_advisory_lock(%d)", "select pg_advisory_unlock(%d)", "select pg_advisory_unlock_all()", "set app.walk = 'w%d'",
		"reset app.walk", "select set_config('app.walk', 's%d', false)", "set app.other = 'o%d'", "set search_path = walk, public",
		"reset search_path", "set role none", "reset all", "create temp table t_walk (n int)", "insert into t_walk values (%d)",
		"drop table t_walk", "declare held cursor with hold for select id from walk.thing order by id", "fetch 3 from held", "close held",
		"do $$ begin perform set_config('app.other', 'do', false); end $$", "listen walk", "unlisten *",
	}
	// What a read-only transaction may do that runs on a replica; a lock or a setting that outlasts it must come first there.
	walkReadOnly = []string{
		"insert into walk.log (what) values ('w%d')", "update walk.thing set v = v * 500 where id = %d returning v",
		"select set_config('app.walk', 'l%d', true)", "set local app.walk = 'x%d'", "savepoint s", "rollback to s", "release s",
		"declare cur cursor for select id from walk.thing order by id", "fetch 2 from cur", "close cur",
		"select v from walk.thing where id = %d for update", "set transaction read only", "select nextval('walk.log_id_seq')",
	}
	walkForgets = []string{"discard all", "deallocate all", "prepare p%d as select %[1]d", "execute p%d", "deallocate p%d", "discard temp"}
)

// text is one of the texts, with a small number in its place.
func (w *walk) text(from []string) string {
	t, n := from[w.pick(len(from))], 1+w.pick(4)
	if strings.Contains(t, "%") {
		return fmt.Sprintf(t, n)
	}
	return t
}

func (w *walk) writes(q conversation) []string {
	if tx, ok := q.(*walkTx); ok && tx.opts.ReadOnly {
		return walkReadOnly
	}
	switch n := w.pick(8); {
	case !w.mortal && n < 4:
		return walkState
	case w.mortal && n == 0:
		return walkBegins
	}
	return walkWrites
}

func (w *walk) step() {
	ctx := w.Context()
	q, name := w.who()
	switch w.pick(20) {
	case 0, 1, 2, 3, 4:
		w.ask(q, name, w.text(walkReads))
	case 5, 6:
		w.ask(q, name, w.text(w.writes(q)))
	case 7, 8, 9:
		w.do(q, name, w.text(w.writes(q)))
	case 10:
		w.do(q, name, w.text(walkReads))
	case 11:
		w.ask(q, name, "select id, $1::text from walk.thing where id = $2", "a", w.pick(5))
	case 12:
		w.begin()
	case 13:
		w.end()
	case 14:
		if !w.forget { // with pgx a Stmt does not survive a DISCARD ALL, with pgsplit it does
			w.prepared(q, name)
		}
	case 15:
		w.openRows()
	case 16, 17:
		if w.pick(4) == 0 {
			w.pid()
		} else {
			w.closeConn()
		}
	case 18:
		if tx, ok := q.(*walkTx); w.forget && !(ok && tx.opts.ReadOnly) {
			w.do(q, name, w.text(walkForgets))
		} else {
			w.rawUse()
		}
	case 19:
		kind := w.pick(6)
		if tx, ok := q.(*walkTx); !w.mortal || ok && tx.opts.ReadOnly {
			kind = 5 // when it dies on a replica the connection lives on: nothing of the session was lost
		}
		switch kind {
		case 0:
			cancelled, cancel := context.WithCancel(ctx)
			cancel()
			// Of the pool only: on a connection pgx says "bad connection", and pgsplit, where it has to fetch one, what it is.
			_, err := w.db.ExecContext(cancelled, "insert into walk.log (what) values ('cancelled')")
			w.note("cancelled before: %s", failure(err))
		case 1:
			short, cancel := context.WithTimeout(ctx, 150*time.Millisecond) // connecting must not take that long
			_, err := q.ExecContext(short, "select pg_sleep(20)")
			cancel()
			w.note("%s in time: %s", name, failure(err))
		case 2:
			w.do(q, name, "select pg_terminate_backend(pg_backend_pid())")
		default:
			w.ask(q, name, "select id, v from walk.thing order by id")
		}
	}
}

func (w *walk) begin() {
	opts := sql.TxOptions{ReadOnly: w.pick(2) == 0}
	if w.pick(3) == 0 {
		opts.Isolation = []sql.IsolationLevel{sql.LevelReadCommitted, sql.LevelRepeatableRead, sql.LevelSerializable}[w.pick(3)]
	}
	i := w.pick(len(w.conns) + 1)
	if i == len(w.conns) {
		if w.tx == nil {
			tx, err := w.db.BeginTx(w.Context(), &opts)
			w.note("begin %v: %s", opts, failure(err))
			if err == nil {
				w.tx = &walkTx{Tx: tx, opts: opts}
			}
		}
		return
	}
	if c := w.conns[i]; c != nil && c.tx == nil {
		tx, err := c.BeginTx(w.Context(), &opts)
		w.note("begin on %d %v: %s", i, opts, failure(err))
		if err == nil {
			c.tx = &walkTx{Tx: tx, opts: opts}
		}
	}
}

func (w *walk) end() {
	i := w.pick(len(w.conns) + 1)
	tx := &w.tx
	if i < len(w.conns) {
		if w.conns[i] == nil {
			return
		}
		tx = &w.conns[i].tx
	}
	if *tx == nil {
		return
	}
	if w.pick(3) == 0 {
		w.note("rollback %d: %s", i, failure((*tx).Rollback()))
	} else {
		w.note("commit %d: %s", i, failure((*tx).Commit()))
	}
	*tx = nil
}

func (w *walk) prepared(q conversation, name string) {
	if n := len(w.stmts); n > 0 && w.pick(2) == 0 {
		i := w.pick(n)
		stmt := w.stmts[i]
		if tx, ok := q.(*walkTx); ok {
			stmt = tx.StmtContext(w.Context(), stmt)
			name += "'s"
		} else {
			name = "db"
		}
		w.note("%s statement %d: %s", name, i, w.all(stmt.QueryContext(w.Context(), 1+w.pick(4))))
		if w.pick(4) == 0 {
			stmt.Close() // pgx deallocates it, which a failed transaction refuses
		}
		return
	}
	text := []string{"select v from walk.thing where id = $1", "update walk.thing set v = v - 1 where id = $1 returning id",
		"insert into walk.log (what) values ('p' || $1::int) returning what", "select $1::int / 0", "select " + walkSettings + ", $1::int"}[w.pick(5)]
	arg := 1 + w.pick(4) // drawn in any case, so that both walks go on alike
	stmt, err := q.PrepareContext(w.Context(), text)
	if err != nil {
		w.note("%s prepared %s: %s", name, text, failure(err))
		return
	}
	// In a failed transaction, whether it is the preparation that fails or the execution depends on what is prepared already.
	w.note("%s prepared %s: %s", name, text, w.all(stmt.QueryContext(w.Context(), arg)))
	if name == "db" {
		w.stmts = append(w.stmts, stmt)
	} else {
		stmt.Close()
	}
}

// openRows leaves rows of the pool open for a while, or ends such.
func (w *walk) openRows() {
	if n := len(w.rows); n > 0 && w.pick(2) == 0 || n > 2 {
		w.note("open rows: %s", w.all(w.rows[0], nil))
		w.rows = w.rows[1:]
		return
	}
	text := []string{"select id, v from walk.thing order by id", "with u as (update walk.thing set v = v + 1 where id < 3 returning id) select id from u order by id", "select g from generate_series(1, 3000) g"}[[]int{0, 0, 0, 2, 2, 1}[w.pick(6)]]
	rows, err := w.db.QueryContext(w.Context(), text)
	w.note("open %s: %s", text, failure(err))
	if err != nil {
		return
	}
	w.note("first row: %t", rows.Next())
	w.rows = append(w.rows, rows)
}

func (w *walk) closeConn() {
	i := w.pick(len(w.conns))
	if c := w.conns[i]; c != nil && c.tx == nil { // database/sql waits for the end of a transaction
		w.note("close %d: %s", i, failure(c.Close()))
		w.conns[i] = nil
	}
}

// pid sees that a connection that has been used on the primary stays what it is.
func (w *walk) pid() {
	i := w.pick(len(w.conns))
	c := w.conns[i]
	if c == nil || c.tx != nil {
		return
	}
	_, err := c.ExecContext(w.Context(), "select")
	if err != nil {
		w.note("conn %d: %s", i, failure(err))
		return
	}
	var pid int
	if err := c.QueryRowContext(w.Context(), "select pg_backend_pid()").Scan(&pid); err != nil {
		w.note("conn %d: %s", i, failure(err))
		return
	}
	w.note("conn %d is the same: %t", i, c.pid == 0 || c.pid == pid)
	c.pid = pid
}

func (w *walk) rawUse() {
	i := w.pick(len(w.conns))
	c := w.conns[i]
	if c == nil || c.tx != nil {
		return
	}
	third := "set app.walk = 'raw'"
	if w.mortal {
		third = "begin"
	}
	text := []string{"select count(*) from walk.thing", "insert into walk.log (what) values ('raw') returning 1", third}[w.pick(3)]
	w.note("raw %d %s: %s", i, text, failure(c.Raw(func(dc any) error {
		pc := dc.(interface{ Conn() *pgx.Conn }).Conn()
		_, err := pc.Exec(w.Context(), text)
		if w.note("closed: %t", pc.IsClosed()); !pc.IsClosed() {
			w.note("status %c", pc.PgConn().TxStatus())
		}
		return err
	})))
}
