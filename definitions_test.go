package pgsplit_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
	"github.com/pgsplit/pgsplit/pgsplittest"
)

// fickle is a function that is redefined as stable or volatile, with a body that tells who runs it.
type fickle struct{ name string }

func newFickle() fickle { return fickle{unique("fickle")} }

func (f fickle) is(volatility string) string {
	return fmt.Sprintf("create or replace function %s() returns bool language sql %s as 'select pg_is_in_recovery()'", f.name, volatility)
}

func (f fickle) call() string { return "select " + f.name + "()" }

func TestASchemaChangeThroughTheHandleCountsAtOnce(t *testing.T) {
	db := handle(t, calm(t), "monitor_interval=1h")
	f := newFickle()
	execAll(t, db, f.is("stable"))
	for range 20 {
		eventually(t, func() bool { return firstValue(t, t.Context(), db, f.call()) == "true" }, "stable: a replica's")
		execAll(t, db, f.is("volatile"))
		for range 5 {
			require.Equal(t, "false", firstValue(t, t.Context(), db, f.call()), "volatile from now on")
		}
		execAll(t, db, f.is("stable"))
	}
	execAll(t, db, "drop function "+f.name+"()")
}

func TestADefaultMayWrite(t *testing.T) {
	c, db := concernHandle(t, "read_your_writes=on", "monitor_interval=1h")
	execAll(t, db, "alter table e alter id set default writes_d()")
	beyondDoubt(t, pgsplit.ClusterOf(db))
	eventually(t, func() bool { return onReplica(t, db, "table d") })
	concernPause(t, c)
	execAll(t, db, "insert into e default values")
	assert.Equal(t, "7", firstValue(t, t.Context(), db, "select max(id) from d"))
}

func TestASchemaChangeOfAnotherProcessCountsAfterAnInterval(t *testing.T) {
	c := calm(t)
	db := handle(t, c, "monitor_interval=100ms")
	f := newFickle()
	require.NoError(t, c.Primary.Exec(f.is("stable")))
	require.NoError(t, c.WaitForCatchUp())
	for _, want := range []struct{ volatility, replica string }{{"stable", "true"}, {"volatile", "false"}, {"stable", "true"}} {
		require.NoError(t, c.Primary.Exec(f.is(want.volatility)))
		require.NoError(t, c.WaitForCatchUp()) // a replica that lacks it makes the read the primary's
		eventually(t, func() bool {
			require.NoError(t, db.PingContext(t.Context()), "a handle that is not used does not look")
			return fmt.Sprint(pgsplit.ClusterOf(db).Explain(f.call()).Target == pgsplit.RoleReplica) == want.replica
		}, want.volatility)
		require.Equal(t, want.replica, firstValue(t, t.Context(), db, f.call()))
	}
	require.NoError(t, c.Primary.Exec("drop function "+f.name+"()"))
}

func TestAnUnknownNameIsLookedUpAndServedByThePrimaryUntilThen(t *testing.T) {
	c := calm(t)
	db := handle(t, c, "monitor_interval=1h")
	table := unique("newer")
	require.NoError(t, c.Primary.Exec(fmt.Sprintf("create table %s as select 1 as id; grant select on %[1]s to public", table)))
	require.NoError(t, c.WaitForCatchUp())
	text := "select pg_is_in_recovery() from " + table
	ctx, tr := follow(t.Context())
	require.Equal(t, "false", firstValue(t, ctx, db, text))
	require.Equal(t, pgsplit.ReasonUnknownName.String(), tr.only(t).Reason.String())
	eventually(t, func() bool { return firstValue(t, ctx, db, text) == "true" }, "the catalog is read anew")
	require.NoError(t, c.Primary.Exec("drop table "+table))
}

// A role that may not read a part of the catalog, which any role may by default.
func TestWithoutTheCatalogDecisionsAreMoreCareful(t *testing.T) {
	c := pgsplittest.Start(t, pgsplittest.Options{Replicas: 1, SetupSQL: `
		create table thing (id int);
		insert into thing values (1);
		create unlogged table scratch (id int);
		insert into scratch values (1);
		create function pure(int) returns bool language sql immutable as 'select pg_is_in_recovery()';
		create table log (id int);
		create function note(int) returns int language sql volatile as 'insert into log values ($1) returning id';
		create view noting as select note(id) as id, pg_is_in_recovery() as r from thing;
		grant all on all tables in schema public to public;
		revoke select on pg_catalog.pg_proc from public;`})
	db := open(t, dsnWith(c.DSN(), "safe_functions=declared&monitor_timeout=10s"))
	require.NoError(t, db.PingContext(t.Context()))
	require.ErrorContains(t, pgsplit.ClusterOf(db).LoadCatalog(t.Context()), "pg_proc")
	eventually(t, func() bool { return isReplica(t, db) }, "reads of built-in things still go to replicas")
	ctx, tr := follow(t.Context())
	// What looks like a table is tried, and the second judge corrects it.
	for _, text := range []string{"select pg_is_in_recovery() from scratch", "select r from noting"} {
		require.Equal(t, "false", firstValue(t, ctx, db, text), text)
		routes, retries := tr.take()
		require.Len(t, retries, 1, text)
		require.Equal(t, pgsplit.RolePrimary, routes[len(routes)-1].Server.Role)
	}
	for _, want := range []struct{ text, answer, reason string }{
		{"select pg_is_in_recovery(), lower('X') from thing", "true", "read"},
		{"select pg_is_in_recovery() from thing for update", "false", "locks"},
		{"select pure(1)", "false", "calls an unknown function"}, // and its connection is kept apart: it may do anything
	} {
		require.Equal(t, want.answer, firstValue(t, ctx, db, want.text), want.text)
		require.Equal(t, want.reason, tr.only(t).Reason.String(), want.text)
	}
	require.Equal(t, "1", ask(t, c.Primary, "select count(*) from log"), "it ran once")
}
