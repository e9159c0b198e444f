package catalog_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit/internal/catalog"
	"github.com/pgsplit/pgsplit/internal/statement"
)

const anyRelation = "any"

func reads(c *catalog.Catalog, sql string) string {
	var a statement.Analysis
	a.Analyze(sql)
	return relationSet(c.Reads(&a, nil))
}

func writes(c *catalog.Catalog, sql string) string {
	var a statement.Analysis
	a.Analyze(sql)
	return relationSet(c.Writes(&a, nil))
}

func relationSet(names []string, any bool) string {
	if any {
		return anyRelation
	}
	names = slices.Clone(names)
	slices.Sort(names)
	return strings.Join(slices.Compact(names), " ")
}

const touched = `
	create table a (id int primary key);
	create table b (id int primary key, a int references a on delete cascade);
	create table c (id int, b int references b on update set null);
	create table d (id int, a int references a);
	create sequence s;
	create table e (id int);
	create table f (id int);
	create view v as select * from a;
	create view vv as select v.id from v join e using (id);
	create materialized view m as select * from a;
	create table p (id int) partition by list (id);
	create table p1 partition of p for values in (1) partition by list (id);
	create table p11 partition of p1 for values in (1);
	create table kid () inherits (e);
	create function reads_a(int) returns bigint language sql stable as 'select count(*) from a where id = $1';
	create function reads_view() returns bigint language plpgsql stable as 'begin return (select count(*) from vv); end';
	create function writes_e() returns int language sql as 'insert into e select id from a returning id';
	create function writes_f() returns int language sql as 'insert into f values (1) returning id';
	create function pure(int) returns int language plpgsql immutable as 'begin return $1 + 1; end';
	create function dynamic() returns void language plpgsql as 'begin execute ''select 1''; end';
	create function defines() returns void language plpgsql as 'begin create table x (id int); end';
	create view vf as select reads_a(1) from f;
	create function stamp() returns trigger language plpgsql as 'begin new.id := now(); return new; end';
	create table stamped (id int);
	create trigger t before insert on stamped for each row execute function stamp();
	create function log() returns trigger language plpgsql as 'begin insert into f values (new.id); return new; end';
	create table logged (id int);
	create trigger t before insert on logged for each row execute function log();
	create function anything() returns trigger language plpgsql as 'begin execute ''x''; return new; end';
	create table wild (id int);
	create trigger t before insert on wild for each row execute function anything();
	create table ruled (id int);
	create rule r as on insert to ruled do also delete from f;
	create table hidden (id int);
	alter table hidden enable row level security;
	create policy p on hidden using (id in (select id from e) and reads_a(1) = 1);
	create function checks(int) returns bool language sql stable as 'select exists (select from c where id = $1)';
	create domain checked as int check (checks(value));
	create function score(a) returns bigint language sql stable as 'select count(*) from d';
	create schema other;
	create function other.upper(a) returns text language sql stable as 'select max(id)::text from f';
	create operator === (function = int4eq, leftarg = int, rightarg = int);
	create function same(int, text) returns bool language sql stable as 'select exists (select from d)';
	create operator ~~~~ (function = same, leftarg = int, rightarg = text);
	create table toasted (id int, t text);
	create view writing as select writes_f();
	create view large as select lo_create(1), nextval('s');
	create view counted as select nextval('s');
	create schema two;
	create table two.e (id int);
`

func TestWhatAReadDependsOn(t *testing.T) {
	c := catalogOf(t, touched)
	for _, test := range []struct{ sql, want string }{
		{"select 1", ""},
		{"select * from a, public.f", "a f"},
		{"select * from v", "a"},
		{"select * from vv", "a e"},
		{"select * from vf", "a f"},
		{"select * from m", "m"},
		{"select * from p", "p"},
		{"select * from p11", "p"},
		{"select * from kid", "e"},
		{"select reads_a(1)", "a"},
		{"select reads_view(), pure(1)", "a e"},
		{"select dynamic()", anyRelation},
		{"select * from hidden", "a e hidden"},
		{"select 1::checked", "c"},
		{"select a.score from a", "a d"},
		{"select upper('x')", "a f"},
		{"select 1 === 2", ""},
		{"select 1 ~~~~ 'x'", "d"},
		{"select newer() from a", anyRelation},
		{"select * from newer", anyRelation},
		{"select 1::newer", anyRelation},
		{"with newer as (select * from a) select * from newer", "a"},
		{"with e as (select * from a) select * from e", "a e"},
		{"select pg_table_size('a')", anyRelation},
		{"select query_to_xml('select 1 from a', true, true, '')", anyRelation},
		{"select * from pg_class", anyRelation},
		{"select 1; select 2", anyRelation},
		{"select 'not understood", anyRelation},
		{"select upper", ""},
	} {
		require.Equal(t, test.want, reads(c, test.sql), test.sql)
	}
	require.Equal(t, anyRelation, reads(nil, "select * from a"))
	require.Equal(t, anyRelation, reads(catalog.Declare(catalog.Declared{}), "select * from a"))
}

func TestWhatAWriteMayChange(t *testing.T) {
	c := catalogOf(t, touched)
	for _, test := range []struct{ sql, want string }{
		{"select * from a", ""},
		{"begin", ""},
		{"set x = 1", ""},
		{"insert into f select * from a", "f"},
		{"insert into a values (1)", "a"},
		{"update a set id = 1", "a"},
		{"delete from a", "a b c"},
		{"merge into a using f on true when matched then delete", "a b c"},
		{"with x as (delete from a returning id) insert into f select id from x", "a b c f"},
		{"with x as (delete from a returning id) insert into a select id from x", "a b c"},
		{"update b set id = 1", "b c"},
		{"delete from b", "b c"},
		{"update d set id = 1", "d"},
		{"insert into v values (1)", "a"},
		{"delete from v", "a b c"},
		{"refresh materialized view m", "m"},
		{"insert into p values (1)", "p"},
		{"insert into p11 values (1)", "p"},
		{"update kid set id = 1", "e"},
		{"insert into stamped values (1)", "stamped"},
		{"insert into logged values (1)", "f logged"},
		{"insert into wild values (1)", anyRelation},
		{"insert into ruled values (1)", "f ruled"},
		{"insert into hidden values (1)", "hidden"},
		{"select writes_e()", "a b c e"}, // any relation that a body with a write names
		{"select dynamic()", anyRelation},
		{"select defines()", anyRelation},
		{"with x as (delete from f returning id) select * from x", "f"},
		{"copy f from stdin", "f"},
		{"select nextval('s')", ""},
		{"select pg_notify('a', 'b')", ""},
		{"select lo_create(1)", anyRelation},
		{"select * from writing", "f"},
		{"select * from large", anyRelation},
		{"select * from counted", ""},
		{"vacuum a", ""},
		{"truncate a", anyRelation}, // CASCADE goes by any reference
		{"call p()", anyRelation},
		{"do 'begin end'", anyRelation},
		{"execute x", anyRelation},
		{"create table x (id int)", anyRelation},
		{"insert into newer values (1)", anyRelation},
		{"insert into f values (newer())", anyRelation},
		{"insert into f values (1); insert into e values (1)", anyRelation},
		{"insert into 'x", anyRelation},
	} {
		require.Equal(t, test.want, writes(c, test.sql), test.sql)
	}
	require.Equal(t, anyRelation, writes(nil, "insert into a values (1)"))
	require.Empty(t, writes(nil, "select * from a"))
}

// A reference closure may be as large as the schema; then it is cheaper, and right, to say any.
func TestWideClosuresAreAnyRelation(t *testing.T) {
	var b strings.Builder
	b.WriteString("create table hub (id int primary key); create table wide (id int primary key);\n")
	for i := range 300 {
		fmt.Fprintf(&b, "create table spoke%d (id int references hub on delete cascade);\n", i)
	}
	for i := range 5 {
		fmt.Fprintf(&b, "create table rim%d (id int references wide on delete cascade);\n", i)
	}
	c := catalogOf(t, b.String())
	require.Equal(t, anyRelation, writes(c, "delete from hub"))
	require.Equal(t, "rim0 rim1 rim2 rim3 rim4 wide", writes(c, "delete from wide"))
	require.Equal(t, "hub", reads(c, "select * from hub"))
}
