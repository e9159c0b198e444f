=== replica
# comments, quotes and operators that look like others
select 1 /* /* */ */ + /* '*/ 1
select 1 -- ' -- " -- $$ -- /*
select '/*' as a, 1 /* ' */, '*/' as b
select "--" from (select 1 as "--") x -- "
select $$ ' " /* -- ; $$, $a$ $$ $b$ $a$
select $abc$for update$abc$, $_$insert$_$, $Ä$x$Ä$
select e'\\', 'x', e'\'', e'''', E'\x41\101\u0041\U00000041\n'
select U&'\0041\+000042', U&'!0041' uescape '!', U&'x''y'
select B'101' | B'010', X'1F', x'', b''
select 1 as "for update", 2 as "insert into x", 3 as "; drop table tree"
select 1 as "a""b", 2 as """", 3 as "'"
select - - 1, + - 1, - + 1, 2 - - 3, 2*-3
select 5 - 3 --2
select @ -5, @ - 5, !!'a'::tsquery, 2 ^ - 1
select 1<2, 1>2, 1<=2, 1<>2, 1!=2, 2>=1, '1'||'2'
select 3 * /* c */4, 3/* c */ /2, 3 - /* c */1
select 1 where 'a'~'b' or 'a'~*'b' or 'a'!~'b' or 'a'~~'b' or 'a'!~~*'b' limit 1
select array[1,2]@>array[1], '{"a":1}'::jsonb ? 'a', '{"a":[1]}'::jsonb#>'{a,0}', '{"a":1}'::jsonb-'a'
select data#>>'{list,0}', data->'list'->0, data@?'$.n', data@@'$.n > 1' from users order by id limit 2
select tags[1], tags[1:2], tags[:1], tags[2:], (tags)[1] from users order by id limit 1
select id, name from users where name ~ '^user[0-9]+$' and name !~ 'for update' order by id limit 1
select id from users where name = 'x' or name = 'for update' or name like '%; delete from tree%'
# the words of other statements as names
select update.delete from (select 1 as delete) update
select t.insert, t.update, t.delete, t.merge, t.truncate, t.lock from (values (1, 2, 3, 4, 5, 6)) t(insert, update, delete, merge, truncate, lock)
select t.set, t.reset, t.show, t.listen, t.notify, t.prepare, t.execute from (values (1, 2, 3, 4, 5, 6, 7)) t(set, reset, show, listen, notify, prepare, execute)
select "into", "returning", "for", "with" from (values (1, 2, 3, 4)) t("into", "returning", "for", "with")
select t.into, t.returning, t.for, t.with, t.select, t.from from (values (1, 2, 3, 4, 5, 6)) t("into", "returning", "for", "with", "select", "from")
select 1 as into, 2 as returning, 3 as for, 4 as with, 5 as from, 6 as where, 7 as limit
select share, update, nowait, skip, locked, key, no from (values (1, 2, 3, 4, 5, 6, 7)) t(share, update, nowait, skip, locked, key, no)
with insert as (select 1 as a), update as (select 2 as b), delete as (select 3 as c) select a, b, c from insert, update, delete
with call as (select 1 as set), set as (select 2 as call) select call.set, set.call from call, set
with x(insert, update) as (values (1, 2)) select insert + update from x
select insert from (select 1) as t(insert) order by insert
select (insert) from (select 1) as t(insert)
select max(update) from (select 1) as t(update)
select nullif(lock, 1), coalesce(call, 2) from (values (1, 2)) t(lock, call)
select case update when 1 then delete else merge end from (values (1, 2, 3)) t(update, delete, merge)
select insert[1] from (select array[1]) t(insert)
select * from (select 1) execute
select * from (select 1) as prepare(listen)
select * from generate_series(1, 2) as update(delete)
select * from unnest(array[1], array[2]) as call(share, set)
select u.name as insert, u.id as update from users u order by update limit 1
select count(*) as update from users group by active having count(*) > 0 order by update
select 1 order by 1 fetch first 1 row only
select id from users order by id fetch next 2 rows with ties
select id from users order by id offset 2 rows fetch first row only
select replace(name, 'user', 'x'), position('u' in name), overlay(name placing 'x' from 1 for 2), substring(name from 2 for 3) from users order by id limit 1
select substring(name for 2), substring(name similar '%#"s#"%' escape '#'), trim(leading 'u' from name), extract(day from created_at) > 0 from users order by id limit 1
# sub-selects of every sort
select * from (select * from (select * from (select 1 as a) x) y) z
select * from tree t, lateral (select * from orders o where o.id = t.id) l, lateral (select l.id + 1 as n) m order by t.id
select * from tree t left join lateral (values (t.id), (t.parent)) v(x) on true order by t.id, v.x
select * from tree t cross join lateral unnest(array[t.id, t.parent]) as u(x) order by t.id, u.x
select (select (select (select max(id) from tree))), array(select id from tree order by id), exists (select 1)
select * from tree where (id, name) in (values (1, 'root'), (2, 'a')) order by id
select * from tree where id = all (select id from tree where id = 1) or id = some (array[2]) order by id
select row(t.*) is null, t is not null, (t).id from tree t order by t.id
select age, grouping(age), count(*) from users group by grouping sets ((age), ()) order by 1 nulls first limit 2
select age, active, count(*) from users group by cube (age, active), rollup ((age, active)) order by 1, 2, 3 limit 3
select age from users group by distinct rollup (age), rollup (age) order by 1 limit 2
select id from tree tablesample system (100) repeatable (0) order by id
select t.id from tree as t tablesample bernoulli (100), users u where u.id = t.id order by t.id
select * from only tree order by id
select * from only (tree) order by id
select * from tree * order by id
with a as (select 1 as x union all select 2), b as not materialized (select x from a where x > 1) select * from a, b order by a.x
with recursive t(n, path) as (select 1, array[1] union all select n + 1, path || (n + 1) from t where n < 3) cycle n set looped using seen select n from t
with tree as (select 1 as id) select * from tree
with u as (table users) select count(*) from u
select * from (values (1, 'a'), (2, 'b')) as v(x, y) join (table tree) t on t.id = v.x order by v.x
(table tree order by id limit 1) union all (table tree order by id offset 3)
(select id from tree union select id from users) except (values (1)) order by 1 limit 3
((((select 1))))
select sum(x) over (partition by y order by x groups between unbounded preceding and current row exclude current row) from (values (1, 2), (3, 4)) v(x, y)
select lag(id, 1, 0) over w, first_value(name) over (w rows between 1 preceding and 1 following) from tree window w as (order by id) order by id
select percentile_disc(0.5) within group (order by id), rank(2) within group (order by id) from tree
select string_agg(distinct name, ',' order by name), array_agg(id order by id desc nulls last) filter (where id > 1) from tree
select json_agg(t order by t.id), jsonb_object_agg(t.id, t.name), json_build_array(1, 'a') from tree t
select xmlelement(name a, xmlattributes(1 as b), 'c', xmlforest(2 as d, 3 as "E")), xmlagg(xmlelement(name x, id) order by id) from tree
select xmlroot(xml '<a/>', version '1.0', standalone yes), xmlparse(content '<a/>'), xmlparse(document '<a/>'), xmlserialize(content xml '<a/>' as text), xmlserialize(document '<a/>' as text), xmlconcat('<a/>', '<b/>')
select * from xmltable(xmlnamespaces('u' as n), '/r/x' passing xml '<r><x id="1"/></r>' columns id int path '@id' default 7, n for ordinality, y text path '.') x
select xpath('/a/b', '<a><b>1</b></a>'), xmlexists('//b' passing by value xml '<a><b/></a>')
select timestamp with time zone '2020-01-01 00:00+00' at time zone 'utc', time '10:00' at time zone 'utc' is not null, interval '1-2' year to month, date '2020-01-01' - 1
select (timestamp '2020-01-01', interval '1 day') overlaps (timestamp '2020-01-02', timestamp '2020-01-03')
select 'a' collate "C" < 'B' collate "C", collation for ('a' collate "C")
select cast(row(1, 'x') as pair), (row(1, 'x')::pair).a, row(1, 2) < row(1, 3), array[row(1, 'x')::pair]
select variadic_text from (select concat_ws(',', variadic array['a', 'b']) as variadic_text) x
select make_interval(days => 1, hours => 2), make_date(day => 1, month => 2, year => 2020), format('%1$s %2$I', 'a', 'b c')
select null = any (array[null]), 1 = any ('{1,2}'::int[]), 2 <> all (array[1])
select not true, not not true, true and not false or null, (true) is not true, null is unknown, (1) isnull, (1) notnull
select 'abc' like 'a%' escape '!', 'abc' not ilike 'A_C', 'abc' similar to 'a(b|c)*', 'a' between symmetric 'b' and 'a'
--- replica
select name
from users -- for update
where id = 1 /* ; delete from users */
--- replica
select 'first'
' and second', $$
insert into tree values (1) $$
--- replica
select 1 as "a
b", '
;'
=== primary
# writes and locks wherever they may hide
select 1/**/;/**/delete from tree where false
select 1; /* x */ select 2
select 1 from tree/**/for/**/update
select 1 from tree for--x
select * from (select * from (select * from tree for key share) a) b
select * from tree where exists (select 1 from users where users.id = tree.id for update)
select (select name from tree limit 1 for share)
with a as (select * from tree for update) select count(*) from a
with a as (select 1), b as (with c as (select * from tree for no key update) select * from c) select * from a, b
select * from tree t for update of t skip locked
select * from tree order by id limit 1 offset 0 for update
select * from tree order by id offset 0 fetch first 1 row only for update
(select id from tree) for update
((select id from tree for update))
values ((select id from tree limit 1 for update))
table tree for share
select 1 union all (select id from tree for update)
select array(select id from tree for update), 1
select coalesce((select 1 from tree limit 1 for update), 1)
select case when exists (select from tree for update) then 1 end
select * from tree join lateral (select * from users u where u.id = tree.id for update) l on true
select * from tree, (select 1 from users for share) as update
select id from tree where id = (select max(id) from tree) for update
select t.for from (select 1 as "for") t, tree for update of tree
with x as (update tree set name = name where false returning *) select 1
with x as (select 1), y as (with z as (delete from tree where false returning *) select * from z) select 1
with x as materialized (insert into tree (id) select 700 where false returning 1) select * from x
with recursive r(n) as (select 1 union all select n + 1 from r where n < 2), w as (delete from tree where false returning 1) select * from r
with x as (select 1) update tree set name = name where false returning *
with x as (select 1) delete from tree where false returning *
with x as (select 701 as id) insert into tree (id) select id from x where false returning *
insert into tree (id, name) select id, name from users where false on conflict (id) do nothing returning tree.*
update only tree as t set name = 'x' from users u where false
delete from only tree using users u where false
select * into new_1 from tree
select 1 into new_2
select 1 as a into unlogged new_3
select 1 into strict_new from tree
with a as (select 1 as b) select b into new_4 from a
select id into temp new_5 from tree union select 2
explain (analyze) update tree set name = name where false
explain (analyze false, verbose) delete from tree where false
explain analyze verbose insert into tree select 702, 1 where false
explain (analyze on) with x as (delete from tree where false returning 1) select * from x
explain (analyze) select * from tree for update
explain analyze select nextval('counter')
explain analyze create table new_6 as select 1
explain analyze refresh materialized view summary
explain analyze declare c cursor for select 1
select nextval('counter'::text)
select "pg_catalog"."nextval"('counter')
select U&"\006eextval"('counter')
select nextval/* x */ /* y */ ('counter')
select PG_CATALOG.NEXTVAL('counter')
select x from nextval('counter') as x
select x from lateral nextval('counter') x
select * from rows from (nextval('counter'), generate_series(1, 2)) r
select id from tree order by nextval('counter')
select sum(nextval('counter')) over () from tree
select max(nextval('counter')) filter (where true) from tree
select array[nextval('counter')], row(nextval('counter')), (nextval('counter'))::text
select case when true then nextval('counter') end, coalesce(null, nextval('counter')), greatest(1, nextval('counter'))
select substring('abc' from nextval('counter')::int for 1)
select extract(day from set_config('a.b', '2020-01-01', true)::date)
select cast(nextval('counter') as text) like '1%'
select id from tree limit (select nextval('counter'))
select * from unnest(array[nextval('counter')]) with ordinality
values (1), (nextval('counter'))
select 1 where 1 in (select nextval('counter'))
select json_build_object('a', nextval('counter'))
select xmlelement(name a, nextval('counter'))
select date '2020-01-01' + nextval('counter')::int
select interval '1 day' * nextval('counter')
select nextval('counter') between 1 and 2
select - nextval('counter')
select 1 + + - nextval('counter')
select not nextval('counter') = 1
select nextval(format('%s', 'counter'))
copy tree to program 'cat'
copy (delete from tree where false returning 1) to stdout
copy (select id from tree for update) to stdout
copy (select nextval('counter')) to stdout
copy (select 1) to '/tmp/x'
=== primary check
# not read to the end by any server, or not by all
select 1 \g
select 1 \; select 2
\copy tree to stdout
select e'\'
select 'a\'; delete from tree; --'
select $1$ from tree
select 1a
select 1..2
select a.. from tree
select /* a /* b */ c
select '
select $a$ $b$
select "
select (((
select )
select ]
select f(
select {fn now()}
select 1 from tree for
select 1 from tree for update of
select 1 from
select from for update
with select 1
with a as select 1
with a (select 1) select 1
select * from tree for system_time as of now()
select * from tree qualify 1
select top 1 * from tree for xml
select * from graph_table (g match (a) columns (a.b))
delete tree
insert tree values (1)
replace into tree values (1)
upsert into tree values (1)
begin atomic; select 1; end
if true then select 1; end if
declare @x int
go
use app
describe tree
pragma x
attach database 'x'
kill 1
handler t open
help
exit
=== replica check
# mistakes that look like reads: every server says the same
select 'x' 'y'
select U&"\zzzz" from tree
select U&"\0000" from tree
select "" from tree
select 0x
select [1]
select * from tree match_recognize (x)
select 1 from tree where group by
select nosuchcolumn from tree
select 1 / 0
select 'x'::int
select * from tree order by 17
select max(max(id)) from tree
select upper(1, 2)
