package catalog_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit/internal/statement"
)

func TestRelationsThatAreNoOrdinaryTables(t *testing.T) {
	c := catalogOf(t, `
		create table ordinary (id serial primary key);
		create unlogged table scratch (id int);
		create sequence counter;
		create extension postgres_fdw;
		create server remote foreign data wrapper postgres_fdw;
		create foreign table distant (id int) server remote;
		create materialized view kept as select id, nextval('counter') from ordinary;
		create schema two;
		create unlogged table two.doubled (id int);
		create table doubled (id int);
	`)
	requireReads(t, c, "select * from ordinary", "select * from public.ordinary o join kept using (id)", "table ordinary", "copy ordinary to stdout")
	requirePrimary(t, c, "table public.scratch is unlogged", "select * from scratch", "select 1 where exists (select from ordinary, scratch)",
		"with x as (select * from public.scratch) select * from x", "copy scratch to stdout")
	requirePrimary(t, c, "sequence public.counter is read like a table", "select last_value from counter")
	requirePrimary(t, c, "sequence public.ordinary_id_seq is read like a table", "select last_value from ordinary_id_seq")
	requirePrimary(t, c, "table public.distant is foreign", "select * from distant")
	requirePrimary(t, c, "table two.doubled is unlogged", "select * from doubled", "select * from two.doubled")
}

func TestARelationThatTheCatalogLacks(t *testing.T) {
	d := newDatabase(t, "create table ordinary (id int)")
	c := d.load()
	v, read := judge(c, "select * from ordinary, newer")
	require.False(t, read)
	require.Equal(t, "newer", v.Unknown)
	require.Equal(t, "newer", v.Name)
	require.NotEmpty(t, v.Cause)

	requireReads(t, c, "with newer as (select * from ordinary) select * from newer", "select * from generate_series(1, 2) as newer",
		"select newer.id from ordinary newer")
	for _, sql := range []string{"create table newer (id int)", "drop table newer", "select * from pg_temp.newer",
		"select * from information_schema.newer", "select * from pg_catalog.newer"} {
		v, read = judge(c, sql)
		require.False(t, read, sql)
		require.Empty(t, v.Unknown, sql)
	}
	v, _ = judge(c, "insert into newer values (1)")
	require.Equal(t, "newer", v.Unknown)
	require.Equal(t, statement.PinUnknown, v.Pin)

	d.exec("create temp table newer (id int)")
	v, _ = judge(d.load(), "select * from newer")
	require.Equal(t, "newer", v.Unknown, "a temporary table of another session")
	d.exec("drop table newer; create table newer (id int)")
	requireReads(t, d.load(), "select * from ordinary, newer")
}

func TestViewsAreAsUnfitAsWhatTheyUse(t *testing.T) {
	c := catalogOf(t, `
		create table ordinary (id int, s text);
		create unlogged table scratch (id int);
		create sequence counter;
		create function vo(int) returns int language sql as 'select $1';
		create function st(int) returns int language sql stable as 'select $1';
		create function wild(int, int) returns bool language sql volatile as 'select $1 = $2';
		create operator !== (function = wild, leftarg = int, rightarg = int);
		create view good as select st(id), upper(s), now(), random() as "pg_backend_pid()" from ordinary;
		create view good2 as select * from good where upper like 'select vo(1) from scratch :funcid 1574 :relid 1259 ';
		create view ":funcid 1574 " as select id as ":relid 1259 ", 'x' as ":hasForUpdate true" from ordinary;
		create view unlogged as select * from ordinary union all select id, '' from scratch;
		create view unlogged2 as select * from ordinary where exists (select from unlogged);
		create view volatile as select 1 as x from ordinary order by vo(id);
		create view volatile2 as select * from good, volatile;
		create view operators as select id !== 1 as x from ordinary;
		create view calls as select id, (select nextval('counter')) from ordinary;
		create view locks as select id from ordinary where pg_try_advisory_lock(id);
		create view sets as select s.* from ordinary, lateral set_config('a.b', s, false) s;
		create view rows as select id from ordinary for update;
		create view tables as select relname from pg_class;
		create view activity as select pid from pg_stat_activity;
		create view columns as select column_name from information_schema.columns;
		create view sampled as select id from ordinary tablesample bernoulli (10);
	`)
	requireReads(t, c, "select * from good", "select * from good2", `select * from ":funcid 1574 "`, "select * from sampled")
	requirePrimary(t, c, "table public.scratch is unlogged", "select * from unlogged", "select * from unlogged2")
	requirePrimary(t, c, "function public.vo is volatile", "select * from volatile", "select count(*) from volatile2")
	requirePrimary(t, c, "function public.wild is volatile", "select * from operators")
	requirePrimary(t, c, "view public.calls calls nextval", "select * from calls")
	requirePrimary(t, c, "view public.rows locks rows", "select * from rows")
	requirePrimary(t, c, "table pg_catalog.pg_class is of the system catalog", "select * from tables")
	requirePrimary(t, c, "view pg_catalog.pg_stat_activity is of the system catalog", "select * from activity")
	requirePrimary(t, c, "view information_schema.columns is of the system catalog", "select * from columns")
	requirePin(t, c, statement.PinAdvisoryLock, "select * from locks")
	requirePin(t, c, statement.PinSetting, "select * from sets", "insert into ordinary select 1, sets from sets")
	requirePin(t, c, 0, "select * from good, volatile2, unlogged")
}

func TestChildrenMakeTheirAncestorsUnfit(t *testing.T) {
	c := catalogOf(t, `
		create table events (id int) partition by range (id);
		create table events_1 partition of events for values from (0) to (10);
		create unlogged table events_2 partition of events for values from (10) to (20);
		create table clean (id int) partition by list (id);
		create table clean_1 partition of clean for values in (1) partition by list (id);
		create table clean_1_1 partition of clean_1 for values in (1);
		create table base (id int);
		create table middle () inherits (base);
		create unlogged table leaf () inherits (middle);
		create view v as select * from events;
	`)
	requireReads(t, c, "select * from events_1", "select * from clean", "select * from clean_1")
	requirePrimary(t, c, "table public.events_2 is unlogged", "select * from events", "select * from events_2", "select * from v")
	requirePrimary(t, c, "table public.leaf is unlogged", "select * from base", "select * from middle")
}

func TestPoliciesArePartOfARead(t *testing.T) {
	c := catalogOf(t, `
		create table allowed (id int);
		create unlogged table allowed2 (id int);
		create function remember() returns text language sql volatile as $$ select set_config('a.b', 'c', false) $$;
		create table good (id int);
		create policy p on good for select using (id = current_setting('app.tenant')::int and id in (select id from allowed));
		create table sets (id int);
		create policy p on sets using (remember() = 'c');
		create table builtin (id int);
		create policy p on builtin using (pg_try_advisory_lock(id));
		create table reads (id int);
		create policy p on reads using (id in (select id from allowed2));
		create table writes (id int);
		create policy p on writes for insert with check (remember() = 'c');
		create view v as select * from sets;
	`)
	requireReads(t, c, "select * from good", "select * from writes")
	requirePrimary(t, c, "function public.remember is volatile", "select * from sets", "select * from v")
	requirePrimary(t, c, "table public.builtin calls pg_try_advisory_lock", "select * from builtin")
	requirePrimary(t, c, "table public.allowed2 is unlogged", "select * from reads")
	requirePin(t, c, statement.PinSetting, "select * from sets", "update sets set id = 1", "insert into writes values (1)")
	requirePin(t, c, statement.PinAdvisoryLock, "delete from builtin")
	requirePin(t, c, 0, "insert into good values (1)", "insert into reads values (1)")
}

func TestTypesMayCallFunctions(t *testing.T) {
	c := catalogOf(t, `
		create function vo(text) returns bool language sql volatile as 'select true';
		create function im(text) returns bool language sql immutable as 'select true';
		create function remember(text) returns bool language sql volatile as $$ select set_config('a.b', 'c', false) = 'c' $$;
		create domain good as text check (im(value));
		create domain wild as text check (vo(value));
		create domain nested as wild;
		create domain list as wild[];
		create domain locking as int check (pg_try_advisory_lock(value));
		create domain remembered as text check (remember(value));
		create type color as enum ('red');
		create type pair as (a wild, b int);
		create table t (g good, w wild, c color, ws wild[]);
		create table sets (r remembered);
		create table sets2 (r remembered[]);
		create function takes(wild) returns int language sql stable as 'select 1';
		create function converts() returns int language plpgsql stable as 'declare x wild := 1; begin return 1; end';
		create function declares() returns int language plpgsql stable as 'declare x t%rowtype; begin return 1; end';
		create function casts() returns int language sql stable as 'select length((row(null,null,null,null)::public.t).g)';
		create function uses() returns bigint language sql stable as 'select count(w) from t';
		create view v as select 'x'::wild as x;
		create schema s;
		create type s.sized as enum ('s');
		create function weigh(s.sized, s.sized) returns bool language sql volatile as 'select true';
		create operator <= (function = weigh, leftarg = s.sized, rightarg = s.sized);
		create table sizes (s s.sized);
		create table size_lists (s s.sized[]);
		create function to_int(s.sized) returns int language sql volatile as 'select 1';
		create view v2 as select s from sizes;
	`)
	requireReads(t, c, "select 'x'::good, 'red'::color, 'red'::public.color[]", "select g, w, ws from t", "select color 'red'", "select uses()")
	requirePrimary(t, c, "function public.vo is volatile", "select 'x'::wild", "select 'x'::nested", "select '{}'::list", "select wild 'x'",
		"select takes('x')", "select converts()", "select declares()", "select casts()", "select '(1,2,3,4)'::t", "select * from v", "select '(1,2)'::pair", "select '{}'::_wild", "select '{}'::wild[]")
	requirePrimary(t, c, "type public.locking calls pg_try_advisory_lock", "select 1::locking")
	requirePin(t, c, statement.PinSetting, "insert into sets values ('x')", "insert into sets2 values ('{x}')", "select 'x'::remembered")
	requirePin(t, c, 0, "select * from sets", "insert into t values ('x')", "delete from sizes")
	requirePrimary(t, c, "function public.weigh is volatile", "select * from sizes", "select * from v2", "select 's'::s.sized", "select * from size_lists")
	v, _ := judge(c, "select 1::newer")
	require.Equal(t, "newer", v.Unknown)
}

func TestCastsBelongToTheirTypes(t *testing.T) {
	c := catalogOf(t, `
		create type color as enum ('red');
		create type shade as enum ('dark');
		create function number(color) returns int language sql volatile as 'select 1';
		create function shaded(shade) returns int language sql immutable as 'select 1';
		create cast (color as int) with function number(color) as implicit;
		create cast (shade as int) with function shaded(shade) as implicit;
		create table colors (c color);
		create table shades (s shade);
		create table neither (id int);
	`)
	requireReads(t, c, "select s + 1 from shades", "select 'dark'::shade", "select * from neither")
	requirePrimary(t, c, "function public.number is volatile", "select c + 1 from colors", "select 'red'::color + 1")
}

func TestOperatorsAndCastsBetweenBuiltInTypesAreEverywhere(t *testing.T) {
	d := newDatabase(t, `
		create table t (id int);
		create function joined(int, text) returns text language sql immutable as 'select $2';
		create operator || (function = joined, leftarg = int, rightarg = text);
	`)
	requireReads(t, d.load(), "select 1 || 'x' from t")
	d.exec(`create function number(text) returns bool language sql volatile as 'select true';
		create cast (text as bool) with function number(text) as assignment`)
	c := d.load()
	requirePrimary(t, c, "function public.number is volatile", "select 1 from t", "values (1)")
	requirePin(t, c, 0, "begin", "select 1")
}

func TestHostileNames(t *testing.T) {
	c := catalogOf(t, `
		create schema "S ""1""";
		create unlogged table "S ""1"""."Mixed ""Case""" (id int);
		create table "mixed ""case""" (id int);
		create unlogged table "ünïcode" (id int);
		create table "select" (id int);
		create unlogged table "a
b'c" (id int);
		create unlogged table "`+longName+`" (id int);
		create function "S ""1"""."Größe (1)"() returns int language sql as 'select 1';
		create function calls() returns int language sql stable as 'select "S ""1"""."Größe (1)"()';
		create function reads() returns bigint language sql stable as 'select count(*) from "S ""1""" . "Mixed ""Case"""';
		create function folded() returns bigint language plpgsql stable as 'begin return (SELECT COUNT(*) FROM ÜNÏCODE); end';
		create view "a"";select set_config('x','y',false);--" as select id from "select";
	`)
	requireReads(t, c, `select * from "mixed ""case"""`, `select * from "select"`, `select * from "a"";select set_config('x','y',false);--"`)
	requirePrimary(t, c, `table S "1".Mixed "Case" is unlogged`, `select * from "S ""1"""."Mixed ""Case"""`, "select reads()")
	requirePrimary(t, c, `table public.ünïcode is unlogged`, `select * from ünïcode`, `select * from U&"\00FCn\00EFcode"`)
	requirePrimary(t, c, "table public.a\nb'c is unlogged", "select * from \"a\nb'c\"")
	requirePrimary(t, c, `table public.`+longName[:63]+` is unlogged`, "select * from "+longName)
	requirePrimary(t, c, `function S "1".Größe (1) is volatile`, `select "Größe (1)"()`, "select calls()")
	v, _ := judge(c, "select folded()")
	require.Empty(t, v.Cause, "PostgreSQL folds nothing but ASCII in UTF-8")
}

const longName = "n123456789_123456789_123456789_123456789_123456789_123456789_123456789"
