package pgsplit_test

import (
	"database/sql"
	"database/sql/driver"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
)

// pins are the kinds of session state on the primary's connections.
func pins(db *sql.DB) map[pgsplit.PinReason]int {
	for _, s := range pgsplit.ClusterOf(db).Stats().Servers {
		if s.Role == pgsplit.RolePrimary {
			return s.PinnedBy
		}
	}
	return nil
}

// A transaction, a lock, a listener: whatever the texts of one checkout leave in the session pins its connection, for a
// reason that Stats names; once the server says that nothing is left, everybody may have the connection again.
func TestSessionStatePinsUntilItIsUndone(t *testing.T) {
	c := calm(t)
	db := handle(t, c)
	db.SetMaxOpenConns(1)
	require.NoError(t, c.Primary.Exec(`
		create or replace function lock_it(bigint) returns void language plpgsql as 'begin perform pg_advisory_lock($1); end';
		create or replace function free_it(bigint) returns boolean language plpgsql as 'begin return pg_advisory_unlock($1); end';
		create or replace function enter(text) returns text language plpgsql as 'begin return set_config(''app.pin'', $1, false); end';
		create or replace function entering() returns trigger language plpgsql as 'begin perform enter(''y''); return null; end';
		create or replace function obscure(text) returns text language plpgsql as 'begin execute $1; return $1; end'`))
	require.NoError(t, pgsplit.ClusterOf(db).LoadCatalog(t.Context()))
	const (
		lock   = pgsplit.PinAdvisoryLock
		listen = pgsplit.PinListen
		temp   = pgsplit.PinTempTable
	)
	type texts []string
	type step struct {
		do   texts // of one checkout, one after the other
		args []any // of those that have a parameter
		pins []pgsplit.PinReason
	}
	only := func(r ...pgsplit.PinReason) []pgsplit.PinReason { return r }
	for _, c := range []struct {
		name  string
		steps []step
	}{
		{"lock", []step{
			{texts{"select pg_advisory_lock(1)"}, nil, only(lock)},
			{texts{"select 1"}, nil, only(lock)},
			{texts{"select pg_advisory_unlock(1)"}, nil, nil},
		}},
		{"lock and unlock in one checkout", []step{{texts{"select pg_advisory_lock(1)", "select count(*) from item", "select pg_advisory_unlock(1)"}, nil, nil}}},
		{"lock taken twice", []step{
			{texts{"select pg_advisory_lock(1)", "select pg_advisory_lock(1)"}, nil, only(lock)},
			{texts{"select pg_advisory_unlock(1)"}, nil, only(lock)},
			{texts{"select pg_advisory_unlock(1)"}, nil, nil},
		}},
		{"two locks", []step{
			{texts{"select pg_advisory_lock(1)", "select pg_advisory_lock_shared(2, 3)"}, nil, only(lock)},
			{texts{"select pg_advisory_unlock(1)"}, nil, only(lock)},
			{texts{"select pg_advisory_unlock_shared(2, 3)"}, nil, nil},
		}},
		{"the wrong lock", []step{
			{texts{"select pg_advisory_lock(1)"}, nil, only(lock)},
			{texts{"select pg_advisory_unlock(2)"}, nil, only(lock)},
			{texts{"select pg_advisory_unlock_all()"}, nil, nil},
		}},
		{"lock with a parameter", []step{
			{texts{"select pg_advisory_lock($1)"}, []any{5}, only(lock)},
			{texts{"select pg_advisory_unlock($1)"}, []any{6}, only(lock)},
			{texts{"select pg_advisory_unlock($1)"}, []any{5}, nil},
		}},
		{"lock of a transaction", []step{{texts{"begin", "select pg_advisory_xact_lock(1)", "commit"}, nil, nil}}},
		{"lock in a transaction that is rolled back", []step{
			{texts{"begin", "select pg_advisory_lock(1)", "rollback"}, nil, only(lock)},
			{texts{"begin", "select pg_advisory_unlock(1)", "rollback"}, nil, nil},
		}},
		{"lock that somebody else holds", []step{{texts{"select pg_try_advisory_lock(4711)"}, nil, nil}}},
		{"lock in a function", []step{
			{texts{"select lock_it(1)"}, nil, only(lock)},
			{texts{"select free_it(1)"}, nil, nil},
		}},
		{"lock of every row", []step{
			{texts{"select pg_advisory_lock(id) from item where id < 5"}, nil, only(lock)},
			{texts{"select pg_advisory_unlock(id) from item where id < 4"}, nil, only(lock)},
			{texts{"select pg_advisory_unlock(4)"}, nil, nil},
		}},
		{"listen", []step{
			{texts{"listen a", "listen b"}, nil, only(listen)},
			{texts{"unlisten a"}, nil, only(listen)},
			{texts{"unlisten b"}, nil, nil},
		}},
		{"unlisten all", []step{{texts{"listen a", "listen b"}, nil, only(listen)}, {texts{"unlisten *"}, nil, nil}}},
		{"listen that is rolled back", []step{{texts{"begin", "listen a", "rollback"}, nil, nil}}},
		{"unlisten that is rolled back", []step{
			{texts{"listen a"}, nil, only(listen)},
			{texts{"begin", "unlisten *", "rollback"}, nil, only(listen)},
			{texts{"begin", "unlisten *", "commit"}, nil, nil},
		}},
		{"prepare", []step{
			{texts{"prepare p as select 1"}, nil, only(pgsplit.PinPrepare)},
			{texts{"deallocate p"}, nil, nil},
		}},
		{"temporary table", []step{
			{texts{"create temporary table pin_a (id int)", "create temporary view pin_v as select * from pin_a"}, nil, only(temp)},
			{texts{"drop view pin_v"}, nil, only(temp)},
			{texts{"drop table pin_a"}, nil, nil},
		}},
		{"temporary function", []step{
			{texts{"create function pg_temp.pin_f() returns int language sql as 'select 1'"}, nil, only(temp)},
			{texts{"drop function pg_temp.pin_f()"}, nil, nil},
		}},
		{"temporary type", []step{
			{texts{"create type pg_temp.pin_e as enum ('a')"}, nil, only(temp)},
			{texts{"drop type pg_temp.pin_e"}, nil, nil},
		}},
		{"temporary table until commit", []step{{texts{"begin", "create temp table pin_b (id int) on commit drop", "insert into pin_b values (1)", "commit"}, nil, nil}}},
		{"temporary table that is filled and read", []step{
			{texts{"create temp table pin_b as select 1 as id", "insert into pin_b select n from item", "select * from pin_b join item on n = pin_b.id"}, nil, only(temp)},
			{texts{"drop table pin_b"}, nil, nil},
		}},
		{"select into", []step{{texts{"select n into temp pin_b from item", "select count(*) from pin_b", "drop table pin_b"}, nil, nil}}},
		{"temporary table that calls a function", []step{
			{texts{"create temp table pin_b (id int, t text default enter('y'))", "insert into pin_b values (1)", "drop table pin_b"}, nil, only(temp, pgsplit.PinDoubt)},
		}},
		{"temporary table with a trigger", []step{
			{texts{"create temp table pin_b (id int)", "create trigger pin_t before insert on pin_b execute function entering()", "insert into pin_b values (1)", "drop table pin_b"}, nil, only(temp, pgsplit.PinDoubt)},
		}},
		{"temporary table that is rolled back", []step{{texts{"begin", "create temp table pin_b (id int)", "rollback"}, nil, nil}}},
		{"discard temp", []step{{texts{"create temp table pin_c (id int)"}, nil, only(temp)}, {texts{"discard temp"}, nil, nil}}},
		{"cursor", []step{
			{texts{"begin", "declare pin_cur cursor with hold for select 1", "commit"}, nil, only(pgsplit.PinHoldCursor)},
			{texts{"fetch pin_cur"}, nil, only(pgsplit.PinHoldCursor)},
			{texts{"close pin_cur"}, nil, nil},
		}},
		{"cursor of a transaction", []step{{texts{"begin", "declare pin_cur cursor for select 1", "commit"}, nil, nil}}},
		{"several kinds", []step{
			{texts{"listen a", "select pg_advisory_lock(1)", "create temp table pin_d (id int)"}, nil, only(lock, listen, temp)},
			{texts{"unlisten a"}, nil, only(lock, temp)},
			{texts{"drop table pin_d"}, nil, only(lock)},
			{texts{"select pg_advisory_unlock(1)"}, nil, nil},
		}},
		{"local setting", []step{{texts{"begin", "set local app.pin = 'x'", "select set_config('app.pin', $1, true)", "commit"}, []any{"x"}, nil}}},
		// What no server can tell stays with the driver connection.
		{"setting", []step{
			{texts{"set app.pin = 'x'"}, nil, only(pgsplit.PinSetting)},
			{texts{"reset app.pin"}, nil, only(pgsplit.PinSetting)},
			{texts{"discard all"}, nil, only(pgsplit.PinSetting, pgsplit.PinPrepare)},
		}},
		{"set_config", []step{{texts{"select set_config('app.pin', $1, false)"}, []any{"x"}, only(pgsplit.PinSetting)}}},
		{"set_config in a function", []step{{texts{"select enter('x')"}, nil, only(pgsplit.PinSetting)}}},
		{"search_path", []step{{texts{"set search_path = public"}, nil, only(pgsplit.PinSetting)}, {texts{"reset search_path"}, nil, only(pgsplit.PinSetting)}}},
		{"setting that is rolled back", []step{{texts{"begin", "set app.pin = 'x'", "rollback"}, nil, only(pgsplit.PinSetting)}}},
		{"role", []step{{texts{"set role none"}, nil, only(pgsplit.PinRole)}, {texts{"reset role"}, nil, only(pgsplit.PinRole)}}},
		{"session authorization", []step{{texts{"set session authorization default"}, nil, only(pgsplit.PinRole)}}},
		{"library", []step{{texts{"load '$libdir/plugins/nothing'"}, nil, only(pgsplit.PinLoad)}}},
		{"function that executes texts", []step{{texts{"select obscure('select 1')"}, nil, only(pgsplit.PinUnknown)}}},
		{"block", []step{{texts{"do 'begin execute ''set app.pin = 1''; end'"}, nil, only(pgsplit.PinUnknown)}}},
		{"a lock does not hide a setting", []step{
			{texts{"select pg_advisory_lock(1), set_config('app.pin', 'x', false)"}, nil, only(pgsplit.PinSetting, lock)},
			{texts{"select pg_advisory_unlock(1)"}, nil, only(pgsplit.PinSetting, lock)},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.name == "lock that somebody else holds" {
				conn := connOf(t, handle(t, calm(t)))
				firstValue(t, t.Context(), conn, "select pg_advisory_lock(4711)")
			}
			defer func() {
				conn := connOf(t, db)
				require.ErrorIs(t, conn.Raw(func(any) error { return driver.ErrBadConn }), driver.ErrBadConn)
				require.Zero(t, pinned(db), "its connection goes with the driver connection")
			}()
			for _, s := range c.steps {
				conn := connOf(t, db)
				for _, text := range s.do {
					var args []any
					if strings.Contains(text, "$1") {
						args = s.args
					}
					rows, err := conn.QueryContext(t.Context(), text, args...)
					if err == nil {
						for rows.Next() {
						}
						err = rows.Err()
						rows.Close()
					}
					if !strings.HasPrefix(text, "load") { // there is none that an ordinary role may load
						require.NoError(t, err, text)
					}
				}
				require.NoError(t, conn.Close())
				want := map[pgsplit.PinReason]int{}
				for _, r := range s.pins {
					want[r] = 1
				}
				for deadline := time.Now().Add(10 * time.Second); pins(db)[pgsplit.PinDoubt] > want[pgsplit.PinDoubt]; {
					require.Less(t, time.Now(), deadline, "the catalog is not read")
					require.NoError(t, db.PingContext(t.Context()))
				}
				require.Equal(t, want, pins(db), s.do)
				// Each time another text, since DISCARD ALL has dropped what pgx has prepared.
				read := fmt.Sprintf("select pg_is_in_recovery() -- %s", unique("read"))
				if len(want) > 0 {
					require.Equal(t, "false", firstValue(t, t.Context(), db, read), "reads stay with the state: %s", s.do)
				} else {
					eventually(t, func() bool { return firstValue(t, t.Context(), db, read) == "true" }, s.do)
				}
			}
		})
	}
}

func TestRawPinsForGood(t *testing.T) {
	db := handle(t, calm(t))
	db.SetMaxOpenConns(1)
	conn := connOf(t, db)
	onPgx(t, conn, func(pc *pgx.Conn) error { return pc.Ping(t.Context()) })
	require.NoError(t, conn.Close())
	require.Equal(t, map[pgsplit.PinReason]int{pgsplit.PinRaw: 1}, pins(db))
	require.False(t, isReplica(t, db))
}

// Whoever gets the connection next must meet neither a dropped temporary table's plan nor a name that it hid.
func TestAConnectionWhoseTemporaryTableIsGoneKnowsThePermanentOneAgain(t *testing.T) {
	db := handle(t, calm(t))
	db.SetMaxOpenConns(1)
	require.NoError(t, pgsplit.ClusterOf(db).LoadCatalog(t.Context()))
	const read = "/* pgsplit: primary */ select * from item order by id limit 1"
	before := firstValue(t, t.Context(), db, read)
	conn := connOf(t, db)
	execAll(t, conn, "create temporary table item (id text, only_here boolean)", "insert into item values ('temporary', true)")
	require.Equal(t, "temporary", firstValue(t, t.Context(), conn, read))
	execAll(t, conn, "drop table pg_temp.item")
	require.NoError(t, conn.Close())
	eventually(t, func() bool { // a doubt ends with the checkout that finds the catalog read again
		require.NoError(t, db.PingContext(t.Context()))
		return len(pins(db)) == 0
	})
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, before, firstValue(t, t.Context(), tx, read), "in a transaction, where no statement may be repeated")
	require.NoError(t, tx.Commit())
}

// A function that executes texts may set anything, also in a read-only transaction on a replica.
func TestWhatAFunctionSetsOnAReplicaReachesNobodyElse(t *testing.T) {
	c := calm(t)
	require.NoError(t, c.Primary.Exec(`create or replace function obscure(text) returns text language plpgsql as 'begin execute $1; return $1; end'`))
	require.NoError(t, c.WaitForCatchUp())
	db := handle(t, c, "read_only_tx=replica")
	require.NoError(t, pgsplit.ClusterOf(db).LoadCatalog(t.Context()))
	for range 4 { // one on each replica, at least
		tx, err := db.BeginTx(t.Context(), readOnly)
		require.NoError(t, err)
		require.True(t, isReplica(t, tx))
		firstValue(t, t.Context(), tx, "select obscure($1)", "select set_config('app.obscure', 'secret', false)")
		require.True(t, isReplica(t, tx))
		require.NoError(t, tx.Commit())
	}
	for range 40 {
		require.NotEqual(t, "secret", firstValue(t, t.Context(), db, "select current_setting('app.obscure', true)"))
	}
}

// Instrumented drivers tend to drop IsValid; what it does is done when the connection is taken again.
func TestAPinIsLiftedThroughAWrapperWithoutIsValid(t *testing.T) {
	c := calm(t)
	db := wrapped(t, c)
	db.SetMaxOpenConns(1)
	for _, text := range []string{"select pg_advisory_lock(1)", "select pg_advisory_unlock(1)"} {
		execAll(t, db, text)
		require.Equal(t, 1, pins(db)[pgsplit.PinAdvisoryLock], "nothing is known yet")
	}
	cluster := pgsplit.ClusterOf(db)
	require.True(t, isReplica(t, db), "pins %v, servers %+v, stats %+v", pins(db), cluster.Servers(), cluster.Stats())
	require.Zero(t, pinned(db))
}
