package pgsplit_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
	"github.com/pgsplit/pgsplit/pgsplittest"
)

// A dead connection must not be replaced without a word. What plain pgx does then is the measure: the same steps are made on
// both, on sessions in every state, and what comes of each step is compared.

// victim is a session whose connection to the primary dies, and the account of what its user saw.
type victim struct {
	name    string
	conn    *sql.Conn
	tx      *sql.Tx
	pid     string
	inTx    bool
	account []string
}

func (v *victim) q() conversation {
	if v.tx != nil {
		return v.tx
	}
	return v.conn
}

// insert is a write of this session's: 1 before the death, 2 after it.
func (v *victim) insert(n int) string {
	return fmt.Sprintf("insert into entry (test, v) values ('%s', %d)", v.name, n)
}

// note writes down what came of a step: that it worked, or which kind of error it gave.
func (v *victim) note(step string, err error) {
	outcome := "ok"
	switch pgErr := (*pgconn.PgError)(nil); {
	case errors.As(err, &pgErr):
		outcome = pgErr.Code
	case errors.Is(err, driver.ErrBadConn):
		outcome = "bad connection"
	case errors.Is(err, sql.ErrConnDone):
		outcome = "connection is closed"
	case errors.Is(err, sql.ErrTxDone):
		outcome = "transaction is over"
	case err != nil:
		outcome = "lost" // the network's own words differ from time to time
	}
	v.account = append(v.account, step+": "+outcome)
}

// victimStates are what a session may be in when its connection dies.
var victimStates = []struct {
	name string
	inTx bool
	core bool // for every kind of death; the others die of the first one only
	make func(t testing.TB, v *victim)
}{
	{"sql.Tx", true, true, func(t testing.TB, v *victim) { v.begin(t, nil); execAll(t, v.tx, v.insert(1)) }},
	{"sql.Tx without a statement", true, false, func(t testing.TB, v *victim) { v.begin(t, nil) }},
	{"read-only sql.Tx", true, true, func(t testing.TB, v *victim) { v.begin(t, readOnly) }},
	{"BEGIN", true, true, func(t testing.TB, v *victim) {
		execAll(t, v.conn, "begin", v.insert(1), "savepoint a", v.insert(1))
	}},
	{"setting in a sql.Tx", true, false, func(t testing.TB, v *victim) {
		v.begin(t, nil)
		execAll(t, v.tx, "set app.lost = 'x'", v.insert(1))
	}},
	{"setting", false, true, func(t testing.TB, v *victim) { execAll(t, v.conn, "set app.lost = 'x'") }},
	{"setting by a query", false, false, func(t testing.TB, v *victim) {
		firstValue(t, t.Context(), v.conn, "select set_config('app.lost', 'x', false)")
	}},
	{"setting through Raw", false, false, func(t testing.TB, v *victim) {
		require.NoError(t, v.conn.Raw(func(dc any) error {
			for {
				if pc, ok := dc.(pgxShown); ok {
					_, err := pc.Conn().Exec(t.Context(), "set app.lost = 'x'")
					return err
				}
				dc = dc.(interface{ inner() driver.Conn }).inner()
			}
		}))
	}},
	{"temporary table", false, false, func(t testing.TB, v *victim) { execAll(t, v.conn, "create temporary table mine (v int)") }},
	{"lock", false, false, func(t testing.TB, v *victim) { execAll(t, v.conn, "select pg_advisory_lock_shared(77)") }},
	{"use", false, true, func(t testing.TB, v *victim) { execAll(t, v.conn, v.insert(1)) }},
	{"use by a Stmt", false, false, func(t testing.TB, v *victim) {
		_, err := prepare(t, v.conn, v.insert(1)).ExecContext(t.Context())
		require.NoError(t, err)
	}},
}

type pgxShown interface{ Conn() *pgx.Conn }

func (v *victim) begin(t testing.TB, opts *sql.TxOptions) {
	tx, err := v.conn.BeginTx(t.Context(), opts)
	require.NoError(t, err)
	v.tx = tx
	t.Cleanup(func() { tx.Rollback() })
}

// goOn is what an application does that has not noticed anything.
func (v *victim) goOn(ctx context.Context) {
	discard := func(rows *sql.Rows, err error) error {
		if err != nil {
			return err
		}
		for rows.Next() {
		}
		return errors.Join(rows.Err(), rows.Close())
	}
	for range 2 {
		_, err := v.q().ExecContext(ctx, v.insert(2))
		v.note("exec", err)
		v.note("read", discard(v.q().QueryContext(pgsplit.WithReplica(ctx), "select coalesce(current_setting('app.lost', true), '')")))
		v.note("write", discard(v.q().QueryContext(ctx, v.insert(2)+" returning v")))
		stmt, err := v.q().PrepareContext(ctx, v.insert(2))
		v.note("prepare", err)
		if err == nil {
			_, err = stmt.ExecContext(ctx)
			v.note("prepared", err)
			stmt.Close()
		}
	}
	if v.tx != nil {
		v.note("commit", v.tx.Commit())
		v.note("rollback", v.tx.Rollback())
	}
	_, err := v.conn.ExecContext(ctx, "commit")
	v.note("commit as a text", err)
	for _, opts := range []*sql.TxOptions{nil, readOnly} {
		tx, err := v.conn.BeginTx(ctx, opts)
		v.note("begin", err)
		if err == nil {
			_, err = tx.ExecContext(ctx, "select 1")
			v.note("in it", err)
			v.note("its commit", tx.Commit())
		}
	}
	v.note("ping", v.conn.PingContext(ctx))
	_, err = v.conn.ExecContext(ctx, v.insert(2))
	v.note("exec at the end", err)
	v.note("close", v.conn.Close())
}

var victimWrappers = map[string]func(driver.Connector) driver.Connector{
	"as it is":                         func(c driver.Connector) driver.Connector { return c },
	"without IsValid":                  func(c driver.Connector) driver.Connector { return opaque{c} },
	"without IsValid and ResetSession": func(c driver.Connector) driver.Connector { return forgetful{c} },
}

// victimHandle opens a handle of either driver, with parameters for the primary alone.
func victimHandle(t testing.TB, c *pgsplittest.Cluster, split bool, wrapper string, params map[string]string) *sql.DB {
	t.Helper()
	var connector driver.Connector
	if split {
		cfg, err := pgsplit.ParseConfig(dsnWith(c.DSN(), "monitor_timeout=10s", "monitor_interval=100ms"))
		require.NoError(t, err)
		maps.Copy(cfg.Servers[0].RuntimeParams, params)
		own, err := pgsplit.NewConnector(cfg)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, own.Close()) })
		connector = own
	} else {
		cfg, err := pgx.ParseConfig(c.Primary.DSN())
		require.NoError(t, err)
		maps.Copy(cfg.RuntimeParams, params)
		connector = stdlib.GetConnector(*cfg)
	}
	db := sql.OpenDB(victimWrappers[wrapper](connector))
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	if split {
		replicasServe(t, db, len(c.Replicas))
	}
	return db
}

var deaths = []struct {
	name   string
	params map[string]string // of the primary's connections
	inTx   []bool            // of the states that it ends; nil: both
	kill   func(t testing.TB, p *pgsplittest.Server, all []*victim)
}{
	{name: "terminated", kill: func(t testing.TB, p *pgsplittest.Server, all []*victim) {
		require.Equal(t, "t", ask(t, p, "select bool_and(pg_terminate_backend(pid)) from unnest(array[%s]) pid", pidsOf(all)))
		awaitDeath(t, p, all)
	}},
	{name: "killed by the system", kill: func(t testing.TB, p *pgsplittest.Server, all []*victim) {
		require.NoError(t, p.KillBackend(atoi(t, all[0].pid)))
		require.NoError(t, p.WaitReady())
	}},
	{name: "network cut", kill: func(t testing.TB, p *pgsplittest.Server, all []*victim) { p.Proxy().Cut() }},
	{name: "server restarted", kill: func(t testing.TB, p *pgsplittest.Server, all []*victim) { require.NoError(t, p.Restart()) }},
	{name: "too long idle in its transaction", params: map[string]string{"idle_in_transaction_session_timeout": "500"}, inTx: []bool{true}, kill: awaitDeath},
	{name: "too long idle", params: map[string]string{"idle_session_timeout": "1000"}, inTx: []bool{false}, kill: awaitDeath},
}

// attempt says what was wrong, if anything, and does not fail the test.
func attempt(t testing.TB, do func(testing.TB)) string {
	a := &attempting{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		do(a)
	}()
	<-done
	return a.wrong
}

type attempting struct {
	testing.TB
	wrong string
}

func (a *attempting) Errorf(format string, args ...any) { a.wrong = fmt.Sprintf(format, args...) }
func (a *attempting) FailNow()                          { runtime.Goexit() }

func awaitDeath(t testing.TB, p *pgsplittest.Server, all []*victim) {
	eventually(t, func() bool {
		return ask(t, p, "select count(*) from pg_stat_activity where pid in (%s)", pidsOf(all)) == "0"
	})
}

func pidsOf(all []*victim) string {
	var pids []string
	for _, v := range all {
		pids = append(pids, v.pid)
	}
	return strings.Join(pids, ", ")
}

// trusted is pgx's account, as ours should be. Where a statement that was sent meets a connection that was cut off, pgx may say
// that it was not sent. We do not trust that (see backend.sent), so that it is the next one that finds the connection bad.
func trusted(pgxs, ours []string) []string {
	sent := []string{"exec: lost", "read: bad connection"}
	if slices.Equal(pgxs[:2], []string{"exec: bad connection", "read: connection is closed"}) && slices.Equal(ours[:2], sent) {
		return append(sent, pgxs[2:]...)
	}
	return pgxs
}

func TestADeadConnectionIsReplacedWhenPgxReplacesIt(t *testing.T) {
	t.Parallel()
	c := pgsplittest.Start(t, pgsplittest.Options{Replicas: 1, Proxy: true, SetupSQL: behaviourSchema})
	for i, death := range deaths {
		t.Run(death.name, func(t *testing.T) {
			var all []*victim
			accounts := map[string][]*victim{} // by state and wrapper: pgx's and ours
			handles := []*sql.DB{}
			for _, wrapper := range slices.Sorted(maps.Keys(victimWrappers)) {
				if i > 0 && wrapper == "without IsValid" {
					continue
				}
				for _, split := range []bool{false, true} {
					db := victimHandle(t, c, split, wrapper, death.params)
					handles = append(handles, db)
					for _, state := range victimStates {
						if i > 0 && !state.core || death.inTx != nil && !slices.Contains(death.inTx, state.inTx) {
							continue
						}
						var v *victim
						for {
							v = &victim{name: fmt.Sprintf("%s/%s/%s/%t", state.name, wrapper, death.name, split), conn: connOf(t, db), inTx: state.inTx}
							wrong := attempt(t, func(t testing.TB) {
								state.make(t, v)
								v.pid = pidOf(t, v.q())
							})
							if wrong == "" {
								break
							}
							require.NotEmpty(t, death.params, wrong)
							// The machine stood still, and the session was idle for too long before it was complete.
							require.Regexp(t, "57P05|25P03|bad connection|closed|EOF|reset", wrong)
						}
						all = append(all, v)
						accounts[state.name+", "+wrapper] = append(accounts[state.name+", "+wrapper], v)
					}
				}
			}
			death.kill(t, c.Primary, all)
			for _, v := range all {
				v.goOn(t.Context())
			}
			took := ask(t, c.Primary, "select coalesce(string_agg(distinct test || ' ' || v, ', '), '') from entry where v in (1, 2)")
			for _, v := range all {
				require.NotContains(t, took, v.name+" 2", "what follows a death took effect: %s", v.account)
				if v.inTx {
					require.NotContains(t, took, v.name, "the dead transaction took effect: %s", v.account)
				} else if strings.HasPrefix(v.name, "use") {
					require.Contains(t, took, v.name+" 1")
				}
			}
			for name, pair := range accounts {
				assert.Equal(t, trusted(pair[0].account, pair[1].account), pair[1].account, name)
			}
			for _, db := range handles {
				eventually(t, func() bool {
					_, err := db.ExecContext(t.Context(), "insert into entry (test) values ('after')")
					return err == nil
				})
				for range 4 {
					require.Empty(t, firstValue(t, pgsplit.WithPrimary(t.Context()), db, "select coalesce(current_setting('app.lost', true), '')"))
				}
			}
		})
	}
}
