package catalog_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit/internal/catalog"
	"github.com/pgsplit/pgsplit/internal/statement"
)

func TestFunctionsGoByTheirVolatility(t *testing.T) {
	c := catalogOf(t, `
		create table t (id int, name text);
		create function im(int) returns int language sql immutable as 'select $1 + 1';
		create function st(int) returns bigint language plpgsql stable as 'begin return (select count(*) from t where id = $1); end';
		create function vo(int) returns int language sql as 'select $1';
		create function over(int) returns int language sql immutable as 'select $1';
		create schema other;
		create function other.over(text) returns int language sql volatile as 'select 1';
	`)
	requireReads(t, c, "select im(id), st(id) from t", "select * from t where im(1) = public.im(2)", "select im(1) union all select st(2)")
	requirePrimary(t, c, "function public.vo is volatile", "select vo(1)", "select im(1), vo(1)", "select im(vo(1)) from t", "explain select vo(1)")
	requirePrimary(t, c, "function other.over is volatile", "select over(1)", "select public.over(1)")
}

func TestAFunctionThatTheCatalogLacksStaysUnknown(t *testing.T) {
	d := newDatabase(t, "create function im(int) returns int language sql immutable as 'select $1'")
	c := d.load()
	v, read := judge(c, "select im(newer(1))")
	require.False(t, read)
	require.Equal(t, "newer", v.Unknown)
	require.Equal(t, statement.PinUnknown, v.Pin)
	require.False(t, v.Opaque)
	d.exec("create function newer(int) returns int language sql immutable as 'select $1'")
	requireReads(t, d.load(), "select im(newer(1))")
}

func TestAStableFunctionIsAsUnfitAsWhatItsBodyCalls(t *testing.T) {
	c := catalogOf(t, `
		create sequence s;
		create table ordinary (id int, s text);
		create unlogged table scratch (id int);
		create function vo(int) returns int language sql as 'select $1';
		create function locks() returns void language plpgsql stable as $$ begin perform pg_advisory_xact_lock(1); end $$;
		create function counts() returns bigint language plpgsql stable as 'begin return nextval(''s''); end';
		create function deep() returns bigint language sql stable as 'select counts()';
		create function deeper() returns bigint language plpgsql stable as 'begin return deep(); end';
		create function unlogged() returns bigint language sql stable as 'select count(*) from scratch';
		create function calls_volatile() returns int language sql stable as 'select "vo"(1)';
		create function backend() returns int language sql stable as 'select pg_catalog.pg_backend_pid()';
		create function schema() returns bool language sql stable as 'select exists (select from pg_class where relname = ''x'')';
		create function schema2() returns bool language sql stable as 'select exists (select from information_schema.tables)';
		create function tr() returns trigger language plpgsql as 'begin return new; end';
		create table triggered (copy int, update int);
		create trigger t after insert on triggered for each row execute function tr();
		create function words() returns bigint language sql stable as 'select sum(copy + update) from triggered';
		create function good() returns bigint language plpgsql stable as $$
			declare
				n bigint; -- nextval(1)
				/* pg_advisory_lock(1) /* vo(1) */ vo(2) */
				nextval bigint := 1;
			begin
				select count(*), max(random()) into n from ordinary o where o.s = 'nextval(1)' and o.s <> $x$ vo(1) $x$;
				return n + nextval;
			end $$;
	`)
	requireReads(t, c, "select good()", "select good() from ordinary", "select words()")
	requirePrimary(t, c, "function public.counts calls nextval", "select counts()", "select deep()", "select deeper()")
	requirePrimary(t, c, "function public.locks calls pg_advisory_xact_lock", "select locks()")
	requirePrimary(t, c, "table public.scratch is unlogged", "select unlogged()")
	requirePrimary(t, c, "function public.vo is volatile", "select calls_volatile()")
	requirePrimary(t, c, "function public.backend calls pg_backend_pid", "select backend()")
	requirePrimary(t, c, "table pg_catalog.pg_class is of the system catalog", "select schema()")
	requirePrimary(t, c, "function public.schema2 reads the system catalog", "select schema2()")
}

func TestBodiesThatPostgreSQLHasParsed(t *testing.T) {
	d := newDatabase(t, "")
	if strings.HasPrefix(d.app.ParameterStatus("server_version"), "13.") {
		t.Skip("PostgreSQL 13 parses no bodies")
	}
	d.exec(`
		create sequence s;
		create table ordinary (id int);
		create unlogged table scratch (id int);
		create function vo(int) returns int language sql as 'select $1';
		create function good(x int) returns bigint language sql stable begin atomic select count(*) from ordinary where id = x; end;
		create function counts() returns bigint language sql stable return nextval('s');
		create function unlogged() returns bigint language sql stable begin atomic select 1; select count(*) from scratch; end;
		create function calls_volatile() returns bigint language sql stable return vo(1);
		create function catalogs() returns bigint language sql stable return (select count(*) from pg_class);
		create function activity() returns bigint language sql stable return (select count(*) from pg_stat_activity);
		create function configures() returns text language sql begin atomic select set_config('a.b', 'c', false); end;
		create function remember() returns trigger language plpgsql as $$ begin listen x; return new; end $$;
		create trigger t before insert on ordinary for each row execute function remember();
		create function inserts() returns void language sql begin atomic insert into ordinary values (1); end;
		create function defaults(x bigint default nextval('s')) returns bigint language sql stable return x;
	`)
	c := d.load()
	requireReads(t, c, "select good(1)")
	requirePrimary(t, c, "function public.counts calls nextval", "select counts()")
	requirePrimary(t, c, "table public.scratch is unlogged", "select unlogged()")
	requirePrimary(t, c, "function public.vo is volatile", "select calls_volatile()")
	requirePrimary(t, c, "table pg_catalog.pg_class is of the system catalog", "select catalogs()")
	requirePrimary(t, c, "view pg_catalog.pg_stat_activity is of the system catalog", "select activity()")
	requirePrimary(t, c, "function public.defaults calls nextval", "select defaults()")
	requirePin(t, c, statement.PinSetting, "select configures()")
	requirePin(t, c, statement.PinListen, "select inserts()")
	requirePin(t, c, 0, "select good(1)")
}

func TestCyclesEnd(t *testing.T) {
	c := catalogOf(t, `
		set check_function_bodies = off;
		create sequence q;
		create table ordinary (id int);
		create function fact(n int) returns int language sql immutable as 'select case when n < 2 then 1 else n * fact(n - 1) end';
		create function even(n int) returns bool language plpgsql stable as 'begin return n = 0 or odd(n - 1); end';
		create function odd(n int) returns bool language plpgsql stable as 'begin return n <> 0 and even(n - 1); end';
		create function ping(n int) returns int language plpgsql stable as 'begin return pong(n); end';
		create function pong(n int) returns int language plpgsql stable as 'begin perform setseed(0); return ping(n); end';
		create function over() returns setof ordinary language sql stable as 'select * from v';
		create view v as select * from ordinary where even(id);
		create view vv as select * from over();
		create function loop1() returns bigint language sql stable as 'select count(*) from v1';
		create view v1 as select loop1() as n, nextval('q');
	`)
	requireReads(t, c, "select fact(5)", "select even(4), odd(3)", "select * from vv", "select over()")
	requirePrimary(t, c, "function public.pong calls setseed", "select ping(1)", "select pong(1)")
	requirePrimary(t, c, "view public.v1 calls nextval", "select loop1()", "select * from v1")
	requirePin(t, c, statement.PinSetting, "select ping(1)")
}

func TestTextsThatAFunctionMakesUp(t *testing.T) {
	c := catalogOf(t, `
		create table t (id int);
		create function dynamic(x text) returns void language plpgsql stable as 'begin execute x; end';
		create function query(x text) returns setof int language plpgsql stable as 'begin return query execute x; end';
		create function block() returns void language sql volatile as 'do $x$ begin perform 1; end $x$';
		create function xml() returns xml language sql stable as 'select query_to_xml(''select 1'', true, true, '''')';
		create function fine(int) returns int language sql stable as 'select $1';
		create function through() returns void language sql stable as 'select dynamic(''select 1'')';
		create function ambiguous() returns text language sql stable as $x$ select 'a\' || 'b' $x$;
		create function upserts() returns void language sql volatile as 'insert into t values (1) on conflict do nothing';
	`)
	requirePin(t, c, statement.PinUnknown, "select dynamic('x')", "select * from query('x')", "select block()", "select xml()",
		"select through()", "select ambiguous()")
	requirePrimary(t, c, "function public.dynamic executes texts that it makes up", "select dynamic('x')", "select through()")
	requirePin(t, c, 0, "select upserts()")

	// A built-in function that runs a text is no better for what else there is.
	v, read := judge(c, "select query_to_xml($1, true, true, ''), fine(1)")
	require.False(t, read)
	require.Equal(t, statement.PinUnknown, v.Pin)
	requireReads(t, c, "select query_to_xml('select 1', true, true, '')", "select fine(1)")
}

func TestLanguages(t *testing.T) {
	c := catalogOf(t, `
		create extension pgcrypto;
		create extension "uuid-ossp";
		create extension pg_trgm;
		create extension tablefunc;
		create extension dblink;
		create extension unaccent;
		create function stable_c(text) returns text language c stable as '$libdir/unaccent', 'unaccent_dict';
		create function alias(text, text, bool) returns text language internal as 'set_config_by_name';
		create function upper2(text) returns text language internal stable as 'upper';
	`)
	requireReads(t, c, "select digest('x', 'md5'), gen_random_bytes(4), uuid_generate_v4()", "select unaccent('é')",
		"select similarity('a', 'b'), 'a' % 'b'", "select * from normal_rand(1, 2, 3)",
		"select upper2('a')")
	requirePrimary(t, c, "function public.dblink is volatile", "select * from dblink('x', 'y') as x(a int)")
	requirePrimary(t, c, "function public.alias is in internal", "select alias('a', 'b', false)")
	requirePin(t, c, statement.PinSetting, "select set_limit(0.5)", "select dblink_connect('x', 'y')")
	requirePin(t, c, statement.PinUnknown, "select * from crosstab('x') as x(a int)", "select alias('a', 'b', false)")
	requirePin(t, c, 0, "select * from dblink('x', 'y') as x(a int)")
}

func TestAggregatesGoByTheirParts(t *testing.T) {
	c := catalogOf(t, `
		create function add(int, int) returns int language sql immutable as 'select $1 + $2';
		create function log(int, int) returns int language sql volatile as 'select $1 + $2';
		create function finish(int) returns int language plpgsql stable as 'begin perform set_config(''a.b'', ''c'', false); return $1; end';
		create aggregate total(int) (sfunc = add, stype = int, initcond = '0');
		create aggregate logged(int) (sfunc = log, stype = int, initcond = '0');
		create aggregate finished(int) (sfunc = add, stype = int, finalfunc = finish, initcond = '0');
		create aggregate configured(text, bool) (sfunc = set_config, stype = text);
	`)
	requireReads(t, c, "select total(x) from generate_series(1, 3) x", "select total(x) over (order by x) from generate_series(1, 3) x")
	requirePrimary(t, c, "function public.log is volatile", "select logged(x) from generate_series(1, 3) x")
	requirePin(t, c, statement.PinSetting, "select finished(x) from generate_series(1, 3) x", "select configured('a', false)")
}

func TestShadowsOfBuiltInFunctions(t *testing.T) {
	c := catalogOf(t, `
		create schema app;
		create function app.lower(int) returns int language sql volatile as 'select 1';
		create function app.upper(int) returns int language sql stable as 'select 1';
	`)
	requirePrimary(t, c, "function app.lower is volatile", "select lower('A')", "select app.lower(1)")
	requireReads(t, c, "select upper('a')", "select app.upper(1)", "select pg_catalog.lower('A')")
}

func TestFunctionsCalledLikeColumns(t *testing.T) {
	c := catalogOf(t, `
		create table person (id int, name text);
		create table other (audit text);
		create function audit(person) returns text language sql volatile as 'select $1.name';
		create function nice(person) returns text language sql stable as 'select $1.name';
		create function whole(record) returns text language plpgsql volatile as 'begin return 1; end';
		create function poly(anyelement, x int default 0) returns text language plpgsql volatile as 'begin return 1; end';
		create function two(person, int) returns text language sql volatile as 'select $1.name';
		create function plain(int) returns text language sql volatile as 'select null';
		create function inside() returns bigint language sql stable as 'select count(p.audit) from person p';
	`)
	requirePrimary(t, c, "function public.audit is volatile", "select person.audit from person", "select (p).audit from person p", "select inside()")
	requirePrimary(t, c, "function public.whole is volatile", "select p.whole from person p")
	requirePrimary(t, c, "function public.poly is volatile", "select p.poly from person p")
	requireReads(t, c, "select p.nice, p.id from person p", "select p.two, p.plain from person p", "select audit from other")
}

func TestOperatorsGoByTheirFunctions(t *testing.T) {
	c := catalogOf(t, `
		create function fine(int, int) returns bool language sql immutable as 'select $1 = $2';
		create function wild(int, int) returns bool language sql volatile as 'select $1 = $2';
		create operator === (function = fine, leftarg = int, rightarg = int);
		create operator !== (function = wild, leftarg = int, rightarg = int);
		create operator @@@@ (function = nextval, rightarg = regclass);
		create function inside() returns bool language sql stable as 'select 1 !== -1';
	`)
	requireReads(t, c, "select 1 === 2", "select 1 operator(public.===) 2", "select 1 = 2")
	requirePrimary(t, c, "function public.wild is volatile", "select 1 !== 2", "select inside()")
	requirePrimary(t, c, "operator @@@@ calls nextval", "select @@@@ 's'")
	v, _ := judge(c, "select 1 ##@## 2")
	require.Equal(t, "##@##", v.Unknown)
}

func TestDeclaredFunctions(t *testing.T) {
	d := newDatabase(t, `
		create table t (id int);
		create schema s;
		create function vo(int) returns int language sql as 'select $1';
		create function s.vo(int) returns int language sql as 'select $1';
		create function s.dynamic() returns void language plpgsql stable as 'begin execute ''select 1''; end';
		create function uses() returns int language sql stable as 'select s.vo(1)';
		create function st() returns int language sql stable as 'select 1';
		create function "Mixed Case"() returns int language sql as 'select 1';
		create view v as select s.vo(1);
	`)
	c := d.loadDeclared(catalog.Declared{
		Safe:   []string{"s.vo", "S.Dynamic", `"Mixed Case"`, "not_there"},
		Unsafe: []string{"st", "random"},
	})
	requireReads(t, c, "select uses()", "select s.dynamic()", `select "Mixed Case"()`, "select * from v", "select not_there()")
	requirePrimary(t, c, "function public.vo is volatile", "select vo(1)")
	requirePrimary(t, c, "function public.st is declared unsafe", "select st()")
	requirePrimary(t, c, "function random is declared unsafe", "select random()")

	requireReads(t, d.loadDeclared(catalog.Declared{Safe: []string{"vo"}}), "select vo(1), s.vo(2)")
}

func TestWithoutACatalog(t *testing.T) {
	for _, c := range []*catalog.Catalog{nil, catalog.Declare(catalog.Declared{Safe: []string{"fine"}, Unsafe: []string{"lower"}})} {
		require.False(t, c.Loaded())
		require.Empty(t, c.Fingerprint())
		requireReads(t, c, "select upper(x) from t")
		v, read := judge(c, "select mine()")
		require.False(t, read)
		require.Equal(t, statement.PinUnknown, v.Pin)
		require.Empty(t, v.Unknown)
	}
	c := catalog.Declare(catalog.Declared{Safe: []string{"fine", "s.other"}, Unsafe: []string{"lower"}})
	requireReads(t, c, "select fine(1) from t", "select x.fine(1)")
	requirePrimary(t, c, "function lower is declared unsafe", "select lower(x) from t")
	_, read := judge(c, "select fine(mine())")
	require.False(t, read)
}
