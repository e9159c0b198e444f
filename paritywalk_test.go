package pgsplit_test

import (
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
)

// The table of parity holds what somebody has thought of. A walk does what nobody has: steps by chance, one after the other,
// on the pool, on connections, in transactions, with prepared statements, settings, locks, cursors and failures. The same walk
// on plain pgx must give the same account.

var (
	walks    = flag.Int("walks", 5, "how many random walks are compared with pgx's")
	walkSeed = flag.Uint64("walkseed", 0, "seed of the first walk; 0: by the clock")
)

const walkSchema = `
create schema walk;
create table walk.thing (id int primary key, v int not null default 0 check (v < 1000));
create table walk.log (id bigserial primary key, what text);
create view walk.total as select count(*) as n, coalesce(sum(v), 0) as v from walk.thing;
grant usage on schema walk to public;
grant all on all tables in schema walk to public;
grant all on all sequences in schema walk to public;
`

const walkReset = `truncate walk.thing, walk.log restart identity; insert into walk.thing (id, v) select g, g from generate_series(1, 20) g;`

// walk is one of them, on one handle.
type walk struct {
	*script
	rand   *rand.Rand
	mortal bool // connections may end. None has a state of its own then, since which one the pool gives next is not the same any more
	forget bool // whether texts that drop prepared statements may come
	conns  [3]*walkConn
	tx     *walkTx // of the pool
	rows   []*sql.Rows
	stmts  []*sql.Stmt
}

type walkConn struct {
	*sql.Conn
	tx  *walkTx
	pid int
}

type walkTx struct {
	*sql.Tx
	opts sql.TxOptions
}

// failure is what an application can tell of an error whatever was cached where.
func failure(err error) string {
	var pgErr *pgconn.PgError
	out := "ok"
	switch {
	case err == nil:
	case errors.As(err, &pgErr):
		out = pgErr.Code + " " + pgErr.Message
	default:
		out = err.Error()
	}
	for _, name := range slices.Sorted(maps.Keys(paritySentinels)) {
		if errors.Is(err, paritySentinels[name]) {
			out += " is " + name
		}
	}
	return out
}

func (w *walk) pick(n int) int { return w.rand.IntN(n) }

// who is somebody who can talk: the pool, a connection, a transaction.
func (w *walk) who() (conversation, string) {
	i := w.pick(len(w.conns))
	c := w.conns[i]
	switch w.pick(8) {
	case 0, 1, 2:
		return w.db, "db"
	case 3:
		if w.tx != nil {
			return w.tx, "tx"
		}
		return w.db, "db"
	}
	if c == nil {
		conn, err := w.db.Conn(w.Context())
		w.note("conn %d: %s", i, failure(err))
		if err != nil {
			return w.db, "db"
		}
		c = &walkConn{Conn: conn}
		w.conns[i] = c
	}
	if c.tx != nil { // the connection itself must not be used: database/sql waits for ever when it turns out to be dead
		return c.tx, fmt.Sprintf("tx of %d", i)
	}
	return c, fmt.Sprintf("conn %d", i)
}

// all notes all rows of a query.
func (w *walk) all(rows *sql.Rows, err error) string {
	if err != nil {
		return failure(err)
	}
	defer rows.Close()
	out := ""
	for more := true; more; more = rows.NextResultSet() {
		columns, _ := rows.Columns()
		for n := 0; rows.Next(); n++ {
			values := make([]any, len(columns))
			for i := range values {
				values[i] = new(any)
			}
			if err := rows.Scan(values...); err != nil {
				return out + failure(err)
			}
			for _, v := range values {
				out += show(*v.(*any)) + ","
			}
			out += "; "
		}
	}
	return out + failure(rows.Err())
}

func (w *walk) ask(q conversation, name, text string, args ...any) {
	w.note("%s query %s %v: %s", name, text, args, w.all(q.QueryContext(w.Context(), text, args...)))
}

func (w *walk) do(q conversation, name, text string, args ...any) {
	res, err := q.ExecContext(w.Context(), text, args...)
	n := int64(-1)
	if err == nil {
		n, _ = res.RowsAffected()
	}
	w.note("%s exec %s %v: %d %s", name, text, args, n, failure(err))
}

// finish ends what is open, and tells what the walk has left in the database.
func (w *walk) finish() {
	for _, rows := range w.rows {
		w.note("open rows: %s", w.all(rows, nil))
	}
	for _, stmt := range w.stmts {
		stmt.Close()
	}
	if w.tx != nil {
		w.note("rollback: %s", failure(w.tx.Rollback()))
	}
	for i, c := range w.conns {
		if c != nil {
			if c.tx != nil {
				w.note("commit on %d: %s", i, failure(c.tx.Commit()))
			}
			w.note("close %d: %s", i, failure(c.Close()))
		}
	}
	w.ask(w.db, "db", "/* pgsplit: primary */ select id, v from walk.thing order by id")
	w.ask(w.db, "db", "/* pgsplit: primary */ select id, what from walk.log order by id")
	w.ask(w.db, "db", "select id, what from walk.log order by id")
}

// difference is where two accounts differ first; -1: nowhere.
func difference(want, got []string) int {
	for i := range max(len(want), len(got)) {
		if i >= len(want) || i >= len(got) || want[i] != got[i] {
			return i
		}
	}
	return -1
}

// line is one of an account, or none.
func line(account []string, i int) string {
	if i < len(account) {
		return account[i]
	}
	return "nothing more"
}

func TestRandomWalksAreAsWithPgx(t *testing.T) {
	c := calm(t)
	define(t, c, walkSchema, "drop schema walk cascade")
	seed := *walkSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano()) % 1_000_000
	}
	replicas := int64(0)
	for n := range *walks {
		seed := seed + uint64(n)
		mode := execModes[seed%uint64(len(execModes))]
		params := []string{"default_query_exec_mode=" + mode, "timezone=UTC", "lock_timeout=40ms", "application_name=walk"}
		own := []string{[]string{"read_your_writes=strict", "read_your_writes=on"}[seed/5%2], []string{"read_only_tx=replica", "read_only_tx=primary"}[seed/10%2], "monitor_timeout=10s", "wait=100ms"}
		run := func(db *sql.DB) []string {
			// With fewer the two keep different ones: pgx leaves a connection in a transaction among the idle ones until its next use.
			db.SetMaxIdleConns(10)
			require.NoError(t, c.Primary.Exec(walkReset))
			require.NoError(t, c.WaitForCatchUp())
			w := &walk{script: &script{TB: t, db: db, mode: mode, c: c}, rand: rand.New(rand.NewPCG(seed, 1)), mortal: seed/3%2 == 0, forget: seed/3%2 != 0 && (mode == "exec" || mode == "simple_protocol")}
			for range 150 {
				w.step()
			}
			w.finish()
			return w.account
		}
		// play has pgx walk, and then us: on one server, there with texts that the handle knows, which go a shorter way (see plain.go),
		// and on the cluster.
		kinds := []string{"pgx", "one server", "one server again", "cluster"}
		play := func() (accounts [][]string) {
			direct, err := sql.Open("pgx", dsnWith(c.Primary.DSN(), params...))
			require.NoError(t, err)
			accounts = append(accounts, run(direct))
			require.NoError(t, direct.Close())
			alone, err := sql.Open("pgsplit", dsnWith(c.Primary.DSN(), params...))
			require.NoError(t, err)
			for range 2 {
				accounts = append(accounts, run(alone))
				alone.SetMaxIdleConns(0) // the second walk begins with new connections, too
			}
			require.NoError(t, alone.Close())
			db, err := sql.Open("pgsplit", dsnWith(c.DSN(), append(params, own...)...))
			require.NoError(t, err)
			replicasServe(t, db, len(c.Replicas))
			accounts = append(accounts, run(db))
			for _, server := range pgsplit.ClusterOf(db).Stats().Servers {
				if server.Role == pgsplit.RoleReplica {
					replicas += server.Total()
				}
			}
			require.NoError(t, db.Close())
			return accounts
		}
		first := play()
		for accounts, times := first, 1; ; accounts, times = play(), times+1 {
			differs := false
			for i, kind := range kinds {
				want, got := accounts[0], accounts[i]
				at := difference(want, got)
				if at < 0 {
					continue
				}
				differs = true
				from := max(0, at-60)
				want, got = want[from:min(at+1, len(want))], got[from:min(at+1, len(got))]
				// A machine that stands still makes timeouts of the walk's own come early, on one side or the other, and not again.
				again := times > 1 && slices.Equal(accounts[0], first[0]) && slices.Equal(accounts[i], first[i])
				if again || times == 3 {
					require.Equal(t, want, got, "%s, -walkseed %d (%s, %v), %d times", kind, seed, mode, own, times)
				}
				t.Logf("%s, -walkseed %d (%s, %v): pgx has %q, we have %q; once more", kind, seed, mode, own, line(accounts[0], at), line(accounts[i], at))
			}
			if !differs {
				break
			}
		}
	}
	t.Logf("%d walks from seed %d; replicas served %d statements", *walks, seed, replicas)
	require.Greater(t, replicas, int64(5**walks), "the replicas were hardly put to the test")
}
