package catalog_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit/internal/statement"
)

// function makes one in PL/pgSQL.
func function(name, body string) string {
	return "create function " + name + "() returns int language plpgsql as $function$ declare n int; begin " + body + " return 1; end $function$;\n"
}

func TestWhatAFunctionLeavesInTheSession(t *testing.T) {
	bodies := []struct {
		body string
		pin  statement.Pin
	}{
		{"perform set_config('a.b', 'c', false);", statement.PinSetting},
		{"perform set_config('a.b', 'c', n > 1);", statement.PinSetting},
		{"perform set_config('a.b', 'c', (true));", statement.PinSetting},
		{"perform set_config('a.b', concat('c', 'd', n::text), true);", 0},
		{"perform pg_catalog.set_config('a.b', 'c', TRUE), 1;", 0},
		{"perform other.set_config('a.b', 'c', false);", 0},
		{"perform setseed(0.5);", statement.PinSetting},
		{"set a.b = 'c';", statement.PinSetting},
		{"if n > 1 then set session a.b to 'c'; end if;", statement.PinSetting},
		{"set local a.b = 'c'; set constraints all deferred; set transaction read only;", 0},
		{"update t set id = 1; insert into t values (1) on conflict (id) do update set id = 1;", 0},
		{"reset a.b;", statement.PinSetting},
		{"reset role;", statement.PinRole},
		{"set role app;", statement.PinRole},
		{"set session role app;", statement.PinRole},
		{"set session authorization app;", statement.PinRole},
		{"set session characteristics as transaction read only;", statement.PinSetting},
		{"perform pg_advisory_lock(1);", statement.PinAdvisoryLock},
		{"perform pg_advisory_xact_lock(1);", 0},
		{"listen x;", statement.PinListen},
		{"notify x;", 0},
		{"prepare x as select 1;", statement.PinPrepare},
		{"load 'x';", statement.PinLoad},
		{"create temp table x (id int);", statement.PinTempTable},
		{"create local temporary table if not exists x as select 1;", statement.PinTempTable},
		{"create or replace temp view x as select 1;", statement.PinTempTable},
		{"create table pg_temp.x (id int);", statement.PinTempTable},
		{"create temp table x (id int) on commit drop; insert into x values (1);", 0},
		{"create temp table x (id int) on commit drop; create temp table y (id int);", statement.PinTempTable},
		{"create table x (id int);", 0},
		{"declare temp int := 1; reset bool; load int; begin load := 1; temp = 2; end;", 0},
		{"n := 1; -- set a.b = 'c'\n perform 'set a.b = 1; listen x'; /* ; listen x */", 0},
		{"execute 'select 1';", statement.PinUnknown},
		{"return query execute 'select 1';", statement.PinUnknown},
		{"for n in execute 'select 1' loop null; end loop;", statement.PinUnknown},
		{"for n in select 1 loop listen x; end loop;", statement.PinListen},
		{"<<here>> listen x;", statement.PinListen},
		{"exception when others then listen x;", statement.PinListen},
		{"call p();", statement.PinRole},
		{"perform f0();", statement.PinSetting},
		{"perform 'x'::text, \"set_config\"('a.b', 'c', false);", statement.PinSetting},
	}
	setup := "set check_function_bodies = off; create table t (id int);\n" +
		"create procedure p() language plpgsql as 'begin set role app; end';\n"
	name := func(i int) string { return "f" + string(rune('0'+i/10)) + string(rune('0'+i%10)) }
	setup += function("f0", "set a.b = 'c';")
	for i, b := range bodies {
		setup += function(name(i), b.body)
	}
	c := catalogOf(t, setup)
	for i, b := range bodies {
		v, read := judge(c, "select "+name(i)+"()")
		require.Equal(t, b.pin, v.Pin, "%s: %+v", b.body, v)
		require.Equal(t, b.pin == statement.PinUnknown, v.Opaque, b.body)
		require.False(t, read)
		require.NotEmpty(t, v.Cause)
	}
	v, _ := judge(c, "call p()")
	require.Equal(t, statement.PinRole|statement.PinUnknown, v.Pin, "the arguments of CALL are not looked at")
	requirePin(t, c, statement.PinSetting|statement.PinListen, "select f00(), f35()")
}

func TestSQLFunctionsLeaveTheSameInTheSession(t *testing.T) {
	c := catalogOf(t, `
		set check_function_bodies = off;
		create function sets() returns text language sql as $$ select set_config('a.b', 'c', false) $$;
		create function local() returns text language sql as $$ select set_config('a.b', 'c', true) $$;
		create function setting() returns int language sql as $$ set a.b = 'c'; select 1 $$;
		create function temporary() returns int language sql as $$ select 1 into temp x; select 1 $$;
		create function cursors() returns int language sql as $$ declare c cursor with hold for select 1; select 1 $$;
		create function cursors2() returns int language sql as $$ declare c cursor for select 1; select 1 $$;
		create function upsert() returns int language sql as $$ insert into t values (1) on conflict do nothing; update t set id = 1 returning id $$;
	`)
	requirePin(t, c, statement.PinSetting, "select sets()", "select setting()")
	requirePin(t, c, statement.PinTempTable, "select temporary()")
	requirePin(t, c, statement.PinHoldCursor, "select cursors()")
	requirePin(t, c, 0, "select local()", "select cursors2()", "select upsert()")
}

func TestWhatAWriteSetsOff(t *testing.T) {
	c := catalogOf(t, `
		create function remember() returns trigger language plpgsql as $$ begin perform set_config('a.b', 'c', false); return new; end $$;
		create function makes_up() returns trigger language plpgsql as $$ begin execute 'select 1'; return new; end $$;
		create function plain() returns trigger language plpgsql as $$ begin new.id := 1; perform set_config('a.b', 'c', true); return new; end $$;
		create function writes() returns trigger language plpgsql as $$ begin insert into with_trigger values (1); return new; end $$;
		create function lock(int) returns bool language sql volatile as 'select pg_advisory_lock($1) is null';
		create function label(int) returns text language sql immutable as $$ select set_config('a.b', 'c', false) $$;

		create table ordinary (id int);
		create table with_plain (id int);
		create trigger t before insert on with_plain for each row execute function plain();
		create table with_trigger (id int);
		create trigger t before insert on with_trigger for each row execute function remember();
		create table with_dynamic (id int);
		create trigger t before insert on with_dynamic for each row execute function makes_up();
		create table with_when (id int);
		create trigger t before insert on with_when for each row when (lock(new.id)) execute function plain();
		create table writing (id int);
		create trigger t after insert on writing for each row execute function writes();
		create table with_default (id int, b bool default lock(1));
		create table with_builtin_default (id serial, s text default set_config('a.b', 'c', false), t timestamptz default now());
		create table with_check (id int check (lock(id)));
		create table with_generated (id int, s text generated always as (label(id)) stored);
		create table with_index (id int);
		create index on with_index (label(id));
		create table with_rule (id int);
		create rule r as on insert to with_rule do also insert into with_trigger values (new.id);
		create table with_rule2 (id int);
		create rule r as on update to with_rule2 do instead select pg_advisory_lock(1);
		create view updatable as select * from with_trigger;
		create view instead as select 1 as id;
		create trigger t instead of insert on instead for each row execute function remember();
		create table parent (id int primary key);
		create table child (id int references parent on delete cascade);
		create trigger t after delete on child for each row execute function remember();
		create table parent2 (id int primary key);
		create table child2 (id int references parent2);
		create trigger t after delete on child2 for each row execute function remember();
		create table parts (id int) partition by list (id);
		create table part1 partition of parts for values in (1);
		create trigger t before insert on part1 for each row execute function remember();
		create materialized view refreshed as select lock(1);
		create function inserts() returns int language sql as 'insert into writing values (1) returning id';
	`)
	requirePin(t, c, 0, "insert into ordinary values (1)", "insert into with_plain values (1)", "select * from with_trigger",
		"delete from parent2", "select * from refreshed", "with x as (select * from with_trigger) insert into ordinary select * from x")
	requirePin(t, c, statement.PinSetting, "insert into with_trigger values (1)", "update public.with_trigger set id = 1 returning id",
		"with x as (delete from with_trigger returning id) select * from x", "merge into with_trigger t using ordinary o on false when not matched then insert values (1)",
		"copy with_trigger from stdin", "insert into writing values (1)", "insert into updatable values (1)", "insert into instead values (1)",
		"delete from parent", "insert into parts values (1)", "insert into with_rule values (1)", "insert into with_builtin_default (id) values (1)",
		"insert into with_generated values (1)", "insert into with_index values (1)", "select inserts()", "truncate with_trigger")
	requirePin(t, c, statement.PinAdvisoryLock, "insert into with_when values (1)", "insert into with_default values (1)",
		"insert into with_check values (1)", "update with_rule2 set id = 1", "refresh materialized view refreshed")
	requirePin(t, c, statement.PinUnknown, "insert into with_dynamic values (1)")
	v, _ := judge(c, "insert into writing values (1)")
	require.Equal(t, "writing", v.Name)
	require.Equal(t, "function public.remember calls set_config", v.Cause)
}

func TestEventTriggersBelongToDDL(t *testing.T) {
	c := catalogOf(t, `
		create table ordinary (id int);
		create function remember() returns event_trigger language plpgsql as $$ begin set a.b = 'c'; end $$;
		create event trigger e on ddl_command_end execute function remember();
		create function defines() returns void language plpgsql as $$ begin create table x (id int); end $$;
	`)
	requirePin(t, c, statement.PinSetting, "create table x (id int)", "alter table ordinary add x int", "select defines()")
	requirePin(t, c, 0, "insert into ordinary values (1)")
}
