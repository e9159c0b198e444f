package catalog_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit/internal/catalog"
	"github.com/pgsplit/pgsplit/internal/statement"
)

func TestLoadLeavesTheConnectionAsItWas(t *testing.T) {
	d := newDatabase(t, "create table t (id int)")
	ctx := context.Background()
	show := func() string {
		r, err := d.app.Exec(ctx, "select concat_ws(' ', current_setting('search_path'), current_setting('jit'), current_setting('transaction_isolation'), current_setting('transaction_read_only'))").ReadAll()
		require.NoError(t, err)
		return string(r[0].Rows[0][0])
	}
	before := show()
	require.True(t, d.load().Loaded())
	require.Equal(t, byte('I'), d.app.TxStatus())
	require.Equal(t, before, show())

	_, err := d.app.Exec(ctx, "begin").ReadAll()
	require.NoError(t, err)
	_, err = catalog.Load(ctx, d.app, catalog.Declared{})
	require.ErrorContains(t, err, "transaction")
	require.Equal(t, byte('T'), d.app.TxStatus())
}

func TestLoadAfterAnErrorLeavesNoTransaction(t *testing.T) {
	d := newDatabase(t, "create table t (id int); revoke select on pg_rewrite from public")
	_, err := catalog.Load(context.Background(), d.app, catalog.Declared{})
	var pgError *pgconn.PgError
	require.ErrorAs(t, err, &pgError)
	require.Equal(t, "42501", pgError.Code)
	require.Equal(t, byte('I'), d.app.TxStatus())
	_, err = catalog.Fingerprint(context.Background(), d.app)
	require.ErrorAs(t, err, &pgError)

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = catalog.Load(ctx, d.app, catalog.Declared{})
	require.ErrorIs(t, err, context.Canceled)
}

func TestLoadIsNotHeldUpByDDL(t *testing.T) {
	d := newDatabase(t, "create table t (id int); create view v as select id from t; create function f() returns bigint language sql stable as 'select count(*) from t'")
	d.exec("begin; alter table t add x int; lock table v")
	c := d.load()
	requireReads(t, c, "select * from v, f()")
	d.exec("rollback")
}

func TestHostileSearchPathsChangeNothing(t *testing.T) {
	d := newDatabase(t, `
		create schema evil;
		create function evil.lies(oid, oid) returns bool language sql as 'select false';
		create operator evil.= (function = evil.lies, leftarg = oid, rightarg = oid);
		create function evil.lies(int8, int4) returns int8 language sql as 'select 0::int8';
		create operator evil.<< (function = evil.lies, leftarg = int8, rightarg = int4);
		create function evil.concat_ws(text, text, bigint, numeric) returns text language sql as $$ select 'x' $$;
		create function evil.split_part(text, text, int) returns text language sql as $$ select '1' $$;
		create table evil.pg_class (id int);
		grant usage on schema evil to public;
		create unlogged table scratch (id int);
	`)
	before := d.load().Fingerprint()
	_, err := d.app.Exec(context.Background(), "set search_path to evil, pg_catalog, public").ReadAll()
	require.NoError(t, err)
	c := d.load()
	require.Equal(t, before, c.Fingerprint())
	requirePrimary(t, c, "table public.scratch is unlogged", "select * from scratch")
}

func TestTheFingerprintFollowsTheCatalog(t *testing.T) {
	d := newDatabase(t, `
		create table t (id int primary key, s text);
		create table u (id int);
		create function f() returns int language sql as 'select 1';
		create function tr() returns trigger language plpgsql as 'begin return new; end';
		create function ev() returns event_trigger language plpgsql as 'begin end';
		create materialized view m as select * from t;
		create table p (id int) partition by list (id);
		create table p1 (id int);
	`)
	require.Equal(t, d.fingerprint(), d.load().Fingerprint())
	last := d.fingerprint()
	for _, sql := range []string{
		"create table n (id int)", "alter table n rename to n2", "alter table n2 add x int", "alter table n2 set unlogged", "drop table n2",
		"create view v as select 1 as x", "create or replace view v as select pg_backend_pid() as x",
		"create sequence s", "create or replace function f() returns int language sql as 'select 2'", "alter function f() stable",
		"create trigger g before insert on t for each row execute function tr()", "alter table t disable trigger g", "drop trigger g on t",
		"alter table t alter s set default f()", "alter table t alter s set default 'x'", "alter table t alter s drop default",
		"alter table t add check (id > 0)", "alter table u add foreign key (id) references t on delete cascade",
		"alter table t enable row level security", "create policy p on t using (true)", "alter policy p on t using (id > 1)",
		"create rule r as on insert to u do also select 1", "alter table p attach partition p1 for values in (1)", "alter table p detach partition p1",
		"create domain d as int", "alter domain d add check (value > 0)", "create operator === (function = int4eq, leftarg = int, rightarg = int)",
		"create type c as enum ('a'); create function cf(c) returns int language sql as 'select 1'; create cast (c as int) with function cf(c)",
		"create event trigger e on ddl_command_end execute function ev()", "drop event trigger e",
	} {
		d.exec(sql)
		now := d.fingerprint()
		if sql != "create domain d as int" {
			require.NotEqual(t, last, now, sql)
		}
		require.Equal(t, now, d.fingerprint())
		last = now
	}
	for _, sql := range []string{
		"insert into t values (5, 'x')", "analyze", "vacuum", "truncate u", "refresh materialized view m", "vacuum full t", "create index on t (s)", "cluster t using t_pkey",
		"grant select on t to public", "comment on table t is 'x'", "select nextval('s')", "reindex table t",
		"create temp table x (id serial primary key, a int check (a > 0) default 1, b d)", "create temp view y as select * from x",
		"create temp table z () inherits (x)",
		"create trigger g before insert on x for each row execute function tr()", "create function pg_temp.tf() returns int language sql as 'select 1'",
		"alter table x enable row level security; create policy p on x using (true)",
		"drop table x cascade", "discard temp",
	} {
		d.exec(sql)
		require.Equal(t, last, d.fingerprint(), sql)
	}
}

func TestACatalogIsSafeForConcurrentUse(t *testing.T) {
	c := catalogOf(t, touched)
	done := make(chan statement.Pin)
	for range 4 {
		go func() {
			var pin statement.Pin
			var a statement.Analysis
			for range 100 {
				a.Analyze("select reads_a(id), x::checked from vv, hidden")
				pin |= c.Judge(&a).Pin
				c.Reads(&a, nil)
			}
			done <- pin
		}()
	}
	for range 4 {
		require.Zero(t, <-done)
	}
}
