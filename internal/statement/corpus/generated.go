package corpus

import "strings"

// Generated returns statements that are put together from pieces: every expression in every place where one may stand,
// and every write, lock and effect in every place where it may hide.
func Generated() []Case {
	var cases []Case
	add := func(group string, want Want, shells, pieces []string, c Case) {
		c.Group, c.Want, c.Known = group, want, max(want, c.Known)
		for _, shell := range shells {
			for _, piece := range pieces {
				c.SQL = strings.ReplaceAll(shell, "@", piece)
				cases = append(cases, c)
			}
		}
	}
	add("expressions", Replica, places, expressions, Case{})
	add("effects", Primary, places, effects, Case{})
	add("functions", Primary, places, functions, Case{Known: Replica})
	add("queries", Replica, shells, queries, Case{})
	add("locks", Primary, shells, locking, Case{})
	add("changes", Primary, hiding, changes, Case{Check: true})
	add("several", Primary, []string{"@; select 1", "select 1; @", "@;@", "/* a */ @ -- b\n;; select 1"}, queries, Case{})
	add("comments", Replica, comments, queries, Case{})
	return cases
}

// places are where a scalar expression may stand; each gives at least one row.
var places = []string{
	"select @",
	"select @ as x, 1 from tree where id = 1",
	"select id from tree where (@) is not null order by id",
	"select * from (select @ as x) s",
	"with c as (select @ as x) select * from c",
	"with recursive c as materialized (select @ as x) select c.x from c",
	"values (@)",
	"values (1, @), (2, null)",
	"select null where (@) is null union all (select 'x' where (@) is null)",
	"select case when true then (@) is null end",
	"select case (@) is null when true then 1 else 2 end",
	"select array[(@) is null, true]",
	"select array(select @)",
	"select (select @)",
	"select exists (select @)",
	"select 1 where true in (select (@) is null union select true)",
	"select id from tree order by (@) is null, id",
	"select count(*) from tree group by ((@) is null)",
	"select count(*) from tree group by grouping sets (((@) is null), ())",
	"select count(*) from tree having (@) is not null or true",
	"select t.id from tree t left join lateral (select @ as x) l on true order by t.id",
	"select t.id from tree t join tree u on t.id = u.id and (@) is not null, users v where v.id = 1 order by t.id",
	"select count(*) filter (where (@) is not null) from tree",
	"select count(*) over (partition by (@) is null order by id) from tree order by id",
	"select sum(id) over w from tree window w as (order by (@) is null, id) order by id",
	"select id from tree order by id limit (select count((@) is null))",
	"select id from tree order by id offset (select count(*) from (select @) s)",
	"select row((@) is null, 1)",
	"select cast((@) is null as text)",
	"select ((@) is null)::text",
	"select coalesce(((@) is null), false)",
	"select greatest((@) is null, false)",
	"select ((@)) is not distinct from null",
	"select json_build_object('a', (@) is null)",
	"select concat_ws(((@) is null)::text, variadic array['x', 'y'])",
	"select x.* from unnest(array[(@) is null]) with ordinality as x(a, n)",
	"select * from rows from (unnest(array[(@) is null]), generate_series(1, 2)) as x",
	"select id from (select id, @ from tree) as s(id, x) order by id",
	"select substring('abc' from 1 for case when (@) is null then 1 else 2 end)",
	"select xmlelement(name foo, xmlattributes(((@) is null)::text as a))",
	"select id from tree where id = any(array(select 1 where (@) is not null)) order by id",
	"explain (costs off) select @",
	"select not (@) is null and (1 between 0 and 2 or 'a' like 'b')",
	"select ((@) is null)::int + 1 - -1 * 2",
	"(((select @)))",
	"select 1 from (((select @))) s",
	"select 1 from ((select @) union (select @)) s",
}

// expressions are reads.
var expressions = []string{
	"1", "-1.5e3", "'it''s'", "e'a\\'b'", "$$a;b$$", "$q$for update$q$", "null", "true", "b'1'", "u&'\\0061'",
	"current_date > date '2020-01-01'", "current_user", "current_schema", "now() > timestamptz '2020-01-01'",
	"(select count(*) from users)", "(select name from users u where u.id = 1)", "(select max(o.total) from orders o join users u on u.id = o.user_id)",
	"(select \"update\" from users where id = 1)", "(select \"lock\" as insert from users where id = 2)",
	"lower('X') || initcap('y')", "coalesce(null, 'a')", "extract(epoch from timestamp '2020-01-01')",
	"substring('abc' from 1 for 2)", "overlay('abc' placing 'x' from 1 for 1)", "trim(both 'a' from 'aba')", "position('a' in 'ba')",
	"cast('1' as numeric(5, 2))", "'1'::int", "array[1, 2]", "(array[1, 2])[1]", "row(1, 2)", "'{\"a\": 1}'::jsonb -> 'a'",
	"to_tsvector('english', 'a cat') @@ to_tsquery('cat')", "'ok'::mood", "interval '1' day", "timestamp '2020-01-01' at time zone 'utc'",
	"replace('a', 'b', 'c')", "left('abc', 2)", "round(1.5::numeric, 1)", "md5('x')", "jsonb_build_object('a', 1)",
	"1 is distinct from 2", "'a' similar to 'a|b'", "'a' not like 'b' escape '\\'", "1 between 0 and 2", "case 1 when 1 then 'x' end",
	"(select string_agg(name, ',' order by id) from tree)", "(select sum(id) filter (where id > 1) from tree)",
	"(with q as (select 1 as a) select a from q)", "(select 1 from generate_series(1, 3) limit 1)", "(values (1))", "(select value from app.settings limit 0)",
	"pg_catalog.lower('x')", "1 operator(pg_catalog.+) 2", "nullif(1, 2)", "(select (u).name from users u where id = 1)",
	"(select \"Name\" from \"Mixed Case\".\"Order Items\" where \"Id\" = 1)", "inet '10.0.0.1' << inet '10.0.0.0/8'", "2 ^ 3 + 7 % 5",
	"(select 1 /* for update */)", "/* a */ 1", "xmlparse(content '<a/>') is document", "daterange('2020-01-01', null) @> date '2020-02-02'",
}

// effects are expressions that are none.
var effects = []string{
	"nextval('counter')", "setval('counter', 5)", "NextVal('counter')", "pg_catalog.nextval('counter')", "\"nextval\"('counter')",
	"nextval ( 'counter' )", "nextval/* c */('counter')", "pg_catalog . nextval('counter')", "lower(nextval('counter')::text)",
	"(select nextval('counter'))", "(select last from nextval('counter') last)", "currval('counter')", "lastval()",
	"set_config('app.x', 'y', true)", "set_config('app.x', 'y', false)::text", "setseed(0.1)",
	"pg_advisory_lock(1)", "pg_try_advisory_lock(1, 2)", "pg_advisory_xact_lock(3)", "pg_try_advisory_xact_lock_shared(4)", "pg_advisory_unlock_all()",
	"pg_backend_pid()", "txid_current()", "pg_current_xact_id()", "txid_current_snapshot()", "pg_notify('a', 'b')", "pg_export_snapshot()",
	"pg_cancel_backend(0)", "pg_stat_get_numscans(0)", "to_regclass('users')", "'users'::regclass", "has_table_privilege('users', 'select')",
	"volatile_fn(1)", "app.upper('x')", "1 <!!> 2", "1 operator(public.<!!>) 2", "lo_create(0)",
	"(select id from tree limit 1 for update)", "(select id from tree t where id = 1 for no key update of t skip locked)",
	"(with q as (select id from tree for share) select id from q limit 1)", "(select count(*) from pg_class)",
	"(select count(*) from pg_stat_activity)", "(select count(*) from information_schema.tables)", "(select count(*) from pg_locks)",
	"query_to_xml('delete from tree', true, false, '')", "pg_reload_conf()", "pg_read_file('PG_VERSION')",
}

// functions are expressions that are reads by what the catalog says of the functions in them.
var functions = []string{
	"stable_fn(1)", "public.immutable_fn(x => 2)", "1 <~~> 2", "standard(1)", "(select count(*) from rows_of(2))", "full_name(null)",
}

// queries are whole reads, each with rows.
var queries = []string{
	"select 1", "select * from tree order by id", "values (1), (2)", "table tree", "(select id from users order by id limit 2)",
	"select u.name, sum(o.total) from users u join orders o on o.user_id = u.id group by u.name order by 1 limit 5",
	"select 1 union select 2 order by 1", "with x as (select 1 as a) select a from x",
	"select id from users where \"update\" is null and \"lock\" is null order by id limit 3",
	"select t.id from tree t left join tree p on p.id = t.parent where t.name like '%a%' order by t.id",
	"select * from generate_series(1, 3)", "select case when id > 1 then 'insert' else 'for update' end from tree order by id",
	"select extract(year from created_at) > 2000 from users order by id limit 1", "SELECT COUNT(*) FROM USERS", "select distinct age from users order by age limit 1",
}

// locking are queries that lock rows.
var locking = []string{
	"select * from tree for update", "select id from tree where id = 1 for share", "select id from tree limit 1 for no key update nowait",
	"(select id from tree for key share)", "select id from tree order by id for update skip locked", "table tree for update",
	"select t.id from tree t, users u where t.id = u.id for update of t", "with x as (select id from tree for update) select * from x",
	"select * from (select * from tree for share) s", "select \"update\" from users for update", "SELECT * FROM tree FOR/**/UPDATE",
	"select * from tree for\n-- x\nupdate", "select id from tree limit 1 for key share of tree",
}

// shells are where a query may stand.
var shells = []string{
	"@", " \n\t@ ; ", "(@)", "((@))", "select * from (@) s", "select * from ((@)) as s limit 0", "with w as (@) select * from w",
	"with w as not materialized (@) select 1 from w", "with a as (select 1), w as (@), b as (select 2) select * from a, w, b",
	"select exists (@)", "select exists ((@))", "select array(select true from (@) s)", "select (select count(*) from (@) s)",
	"(@) union all (@)", "(@) except (@) limit 1", "select count(*) from tree t where exists (@)",
	"select t.id from tree t join (@) s on true order by t.id", "select t.id from tree t, lateral (@) s order by t.id",
	"select t.id from tree t left join lateral (@) s on true, users u where u.id = 1 order by t.id",
	"select coalesce((select 1 where exists (@)), 2)", "select sum(case when exists (@) then 1 end) over () from tree",
	"with recursive r as (select 1 as n union all select n + 1 from r where n < 3 and exists (@)) select * from r",
	"with o as (with i as (@) select * from i) select * from o", "explain (costs off) @", "explain @", "explain verbose @",
	"values ((select count(*) from (@) s))", "select id from tree order by (select count(*) from (@) s), id",
	"select id from tree limit (select count(*) from (@) s)", "select 'x' where not exists (@) or 1 = (select count(*) from (@) s)",
}

// changes are statements that may stand in a WITH list.
var changes = []string{
	"insert into tree values (1000, 1, 'x') returning *", "insert into tree (id) select 1001 returning id",
	"update tree set name = 'x' where id = 4 returning *", "update only tree as t set name = u.name from users u where u.id = t.id returning 1",
	"delete from tree where id = 4 returning id", "delete from tree using users returning 1", "INSERT INTO tree VALUES (1002) RETURNING id",
	"merge into tree t using users u on t.id = u.id when matched then delete returning 1",
	"with q as (select 1) insert into tree select 1003 returning id", "insert\n/* x */into tree default values",
	"update\ttree set(name,parent)=('x',1)", "insert into \"Mixed Case\".\"Order Items\" default values", "delete from app.settings",
}

// hiding is where such a statement may be, allowed or not.
var hiding = []string{
	"@", "with w as (@) select * from w", "with a as (select 1), w as materialized (@) select 1", "with w as (@), b as (select 2) table b",
	"with o as (with i as (@) select 1) select * from o", "select * from (with i as (@) select 1) s", "(with i as (@) select 1)",
	"select 1; @", "@; select 1", "select * from (@) s", "select (@)", "(@)", "select 1 union @", "select exists (@)", "select 1 where 1 in (@)",
	"explain @", "explain analyze @", "explain (analyze) with w as (@) select 1", "copy (@) to stdout", "with w(a, b) as (@) select 1",
	"with recursive w as (@) values (1)", "with w as (@) (select 1)", "with w as (select 1) @", "/* select 1 */ @ -- x", "select 1 as a from (@)",
}

// comments change nothing.
var comments = []string{
	"/* c */ @", "-- c\n@", "@ -- insert into tree", "@ /* ; delete from tree */", "@;", "@ ; -- x", ";@", "/*/* nested */*/@",
	"/* pgsplit: replica */ @", "\f@",
}
