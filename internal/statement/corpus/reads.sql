=== replica
select 1
SELECT 1;
select 1 ; ; 
select
select *  from users order by id
select * from only users order by id
select * from users * order by id
select u.* from users u order by u.id
select u.id, u.name as n from public.users as u where u.id in (1, 2, 3) order by 1
select distinct age from users order by age
select distinct on (age) age, name from users order by age, id
select all age from users order by id
select count(*), count(distinct age), max(age) filter (where active) from users
select age, count(*) from users group by age having count(*) > 0 order by age limit 3 offset 1
select * from users order by id fetch first 2 rows only
select * from users order by id offset 1 row fetch next row only
select * from users order by age fetch first 2 rows with ties
select id from users order by id using < limit 2
select id from users limit all offset 0 rows
select id from users order by id limit 5 for read only
values (1, 'a'), (2, 'b')
values (1), (2) order by 1 desc limit 1
table tree order by id
table only tree order by id limit 2
(select 1)
((select 1))
(select 1) union (select 2) order by 1
((select 1) union all (values (2))) except select 3 order by 1
select 1 union select 2 intersect select 2 order by 1
select id from tree union distinct select id from users order by 1 limit 3
select (select count(*) from users), (select max(id) from orders)
select exists (select 1 from users where id = 1), not exists(select from users where id = -1)
select * from tree where id = any (select parent from tree) order by id
select * from tree where id = any(array[1, 2]) and id not in (select 3) order by id
select * from tree where (id, parent) in (select id, parent from tree) order by id
select array(select id from tree order by id), array[1, 2, 3], array[[1, 2], [3, 4]]
select row(1, 'a'), (1, 2) = (1, 2), row(1, 2) is distinct from row(1, 3)
with x as (select 1 as a) select * from x
with x as (select 1), y as materialized (select 2), z as not materialized (select 3) select * from x, y, z
with x (a, b) as (values (1, 2), (3, 4)) select a + b from x order by 1
with recursive t(n) as (values (1) union all select n + 1 from t where n < 5) select sum(n) from t
with recursive t as (select id, parent from tree where id = 1 union all select c.id, c.parent from tree c join t on c.parent = t.id) search depth first by id set o select id from t order by o
with recursive t as (select id, parent from tree where id = 1 union all select c.id, c.parent from tree c join t on c.parent = t.id) search breadth first by id, parent set o cycle id set is_cycle to true default false using path select id from t order by o
with recursive t as (select id, parent from tree where id = 1 union all select c.id, c.parent from tree c join t on c.parent = t.id) cycle id set c using p, y as (select 1) select count(*) from t
with a as (with b as (select 1 as x) select * from b) select * from a
with a as (select 1) (select * from a)
with a as (select 1) values (1)
with a as (select * from tree) table a order by id
select * from (with a as (select 1) select * from a) s
select * from users u join orders o on o.user_id = u.id left join tree t on t.id = u.id order by o.id limit 5
select * from users u inner join orders o using (id) order by id limit 5
select * from users natural join tree limit 0
select * from users cross join tree limit 0
select * from users u full outer join orders o on u.id = o.id and o.total > 1 right join tree t on t.id = u.id order by t.id, o.id limit 3
select * from (users u join orders o on u.id = o.user_id) limit 0
select * from ((users u join orders o on u.id = o.user_id) join tree t on true) limit 0
select * from (select id from users) as s(x), (values (1, 2)) v(a, b) limit 0
select * from users u, lateral (select total from orders o where o.user_id = u.id order by total desc limit 1) top order by u.id limit 3
select * from generate_series(1, 3) g
select * from generate_series(1, 3) with ordinality as t(a, n)
select * from unnest(array[1, 2], array['a', 'b']) as t(a, b)
select * from rows from (generate_series(1, 2), unnest(array['a', 'b'])) with ordinality as t(x, y, n)
select * from rows from (json_to_recordset('[{"a":1}]') as (a int, b text), generate_series(1, 2)) t
select * from json_to_record('{"a":1,"update":"x"}') as x(a int, update text)
select * from jsonb_to_recordset('[{"a":1.5}]') as x(a numeric(10, 2), b varchar(10)[], c timestamp with time zone)
select * from current_date
select * from localtimestamp(3) t, cast(1 + 2 as int8) i, coalesce(1, 2) c, collation for ('a'::text) o limit 0
select * from current_user, now() limit 0
select * from users tablesample system (100) order by id
select count(*) from users u tablesample bernoulli (100) repeatable (7)
select * from xmltable('/r/x' passing xml '<r><x id="1"/></r>' columns id int path '@id', n for ordinality)
select * from active_users order by id
select * from user_totals order by user_id
select * from events order by at
select * from "Mixed Case"."Order Items" i where i."orderId" = 1
select "Order Items"."Id" from "Mixed Case"."Order Items" order by 1
select * from app.settings where key = 'color'
select a.b, a."c d" from (select 1 as b, 2 as "c d") a
select extract(epoch from timestamp '2020-01-01'), extract(year from created_at) is not null from users limit 1
select substring('abcdef' from 2 for 3), substring('abcdef' for 2), substring('abc' from 'b'), substring('abc', 2)
select substring('abcdef' similar 'a#"%#"f' escape '#')
select overlay('abcdef' placing 'XX' from 2 for 3), position('b' in 'abc'), trim(both 'x' from 'xax'), trim(leading from ' a'), trim('a'), trim(trailing 'x' from 'xx')
select cast('1' as int), cast(1 as numeric(10, 2)), '1'::int, 1::text::varchar(3), '{1,2}'::int[], cast('2020-01-01' as timestamp(3) with time zone)
select '1'::character varying(10), '1'::double precision, '10:00'::time without time zone, 'a'::char(3), b'101'::bit varying(5), 1::bit(3)
select date '2020-01-01', timestamp with time zone '2020-01-01 00:00+00', interval '1' day, interval '1 2' day to hour, interval(3) '1 s', int8 '5', bool 't', numeric(5, 2) '1.5'
select now() at time zone 'utc' is not null, timestamp '2020-01-01' at time zone 'utc'
select a is distinct from b, a is not distinct from b, a is null, a is not null, a isnull, b notnull from (values (1, 2)) t(a, b)
select true is true, false is not false, null is unknown, 1 between 0 and 2, 1 not between symmetric 3 and 2, 'a' like 'a%', 'a' not ilike 'B' escape '!', 'abc' similar to '(a|b)%'
select 'a' like ('a' || '%'), 'a' ilike ('A' || '%'), 'a' not ilike ('A'), not ('a' ilike ('b'))
select case when 1 = 1 then 'a' else 'b' end, case 1 when 1 then 2 end, coalesce(null, 1), nullif(1, 2), greatest(1, 2), least(1, 2)
select sum(total) over (partition by user_id order by id rows between unbounded preceding and current row) from orders order by id limit 3
select rank() over w, row_number() over (w rows 2 preceding), first_value(id) over (w range between unbounded preceding and unbounded following exclude ties) from orders window w as (order by total), w2 as (partition by id) order by id limit 2
select sum(total) over (order by id groups between 1 preceding and 1 following) from orders order by id limit 2
select percentile_cont(0.5) within group (order by age), mode() within group (order by age desc) from users
select array_agg(id order by id desc) filter (where id < 4), string_agg(distinct name, ',' order by name) from users
select age, active, grouping(age, active), count(*) from users group by rollup (age, active) order by 1, 2, 3 limit 2
select age, active, count(*) from users group by cube (age, active), id order by id, 1, 2 limit 2
select age, count(*) from users group by grouping sets ((age), (), rollup (active, age)) order by 1, 2 limit 2
select age, count(*) from users group by distinct age, rollup (active), cube(id) order by 1, 2 limit 1
select id, data -> 'n', data ->> 'n', data #> '{list,0}', data @> '{"n": 1}', data ? 'n', data ?| array['a', 'n'], data ?& array['n'] from users order by id limit 1
select data['list'][0], tags[1], tags[1:2], tags[:], (array[1, 2])[1], (both_of).a, (u.both_of).b from users u order by id limit 1
select tags && array['all'], tags || 'x'::text, 'all' = any (tags), 'x' <> all (tags) from users order by id limit 1
select body @@ to_tsquery('english', 'user'), ts_rank(body, plainto_tsquery('user')) >= 0, ts_headline('english', 'some user', to_tsquery('user')) from users order by id limit 1
select during @> now(), during && tstzrange('2024-01-15', null), lower(during), place <-> point(0, 0), ip << inet '10.0.0.0/8' from users order by id limit 1
select xmlelement(name foo, xmlattributes('b' as a, 'd' as "update"), 'x'), xmlforest('a' as b), xmlconcat(xml '<a/>', xml '<b/>'), xmlparse(document '<a/>'), xmlserialize(content xml '<a/>' as text), xmlpi(name php, 'x'), xmlroot(xml '<a/>', version '1.0', standalone yes), xml '<a/>' is document, xmlexists('//a' passing by ref xml '<a/>')
select 1 operator(pg_catalog.+) 2, 'a' operator(pg_catalog.||) 'b', operator(pg_catalog.-) 1, 3 operator(*) 4
select * from users order by name collate "C" desc nulls last, id asc nulls first limit 1
select collation for ('a'::text), 'a' collate pg_catalog."C" < 'b'
select -1, +1, - 1, 1 - -1, 2 ^ 3, 5 % 2, |/ 4, @ -5, ~1, 1 << 2, 1 # 3, 6 & 3, 6 | 1, 'a' || 'b', 1 <> 2, 1 != 2
select concat_ws(',', variadic array['a', 'b']), format('%s', 'x'), make_interval(days => 3), make_date(year := 2020, month := 1, day := 1)
select (u).id, (u.*) is null, u from users u where u is not null order by u.id limit 1
select current_date is null, current_timestamp(3) is null, localtime(0) is null, localtimestamp is null, current_time is null
select current_user, session_user, current_role, user, current_catalog, current_schema, current_schema(), current_database(), current_schemas(true)
select 'ok'::mood < 'happy'::mood
select null::short, null::public.short
select id from users where id = 1 or (id > 5 and (age < 30 or (name like 'u%')))
select sum(x) from (select 1 as x union all select 2) t
select tableoid::regclass::text, count(*) from events group by tableoid order by 1
select e.tableoid::regclass from events e order by at limit 1
select ctid, xmin, t.* from tree t order by id limit 1
explain select 1
explain (costs off) select * from users where id = 1
explain (costs off, format json, verbose) select id from users
explain verbose select 1
explain (select 1)
explain values (1)
explain with x as (select 1) select * from x
=== replica differs
explain analyze select 1
explain analyze verbose select * from users
explain (analyze, buffers off, timing off) select count(*) from orders
=== replica check
copy users to stdout
copy users (id, name) to stdout with (format csv, header)
copy (select * from users) to stdout
copy (select * from users where id < 3 order by id) to stdout (format binary)
copy (values (1)) to stdout
copy public.users to stdout csv
copy (with x as (select 1) select * from x) to stdout
