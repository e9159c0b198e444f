=== replica known-primary
# what is hidden behind a name that reads like a table's
select * from locks
select id from locks where id = 1
select count(*) from locks
select * from counting
select * from noting where id = 1
select * from over_noting
select * from deep order by id
select count(*) from (select * from deep) d
with d as (select * from deep) select * from d
select exists (select from over_noting)
select t.id, (select count(*) from deep) from tree t
table locked_rows
select * from locked_rows order by id limit 1
select * from tree where id in (select id from locked_rows)
select * from activity
select * from classes limit 1
select * from numbered
select * from in_schema
select * from holding
select * from watched
select * from watched_lightly
select w.name from watched w left join tree using (id)
select * from parent_log
select * from child_log
select * from part
select * from part2
select last_value, is_called from counter
select * from users_id_seq
# values that become something on the way
select '5'::locking
select 5::counted
select cast(id as locking) from tree
select locking '5'
select '{1,2}'::locking[]
select row(1, 'x')::holder
select null::holder
select * from jsonb_to_record('{"a": 5}') as x(a locking)
select * from jsonb_to_record('{"b": 1, "a": 5}') as x(b int, a public.locking)
select * from rows from (jsonb_to_recordset('[{"a": 5}]') as (a locking)) t
select * from xmltable('/r/x' passing xml '<r><x id="1"/></r>' columns id locking path '@id')
select * from xmltable('/r/x' passing by ref xml '<r><x id="1"/></r>' columns n for ordinality, "Id" locking path '@id')
select * from json_populate_record(null::holder, '{"a": 5}')
select ('5').locking
select (5).counted
select ('a'::odd)::int
select 'a'::odd % 'b'::odd
select o % o from oddities limit 1
# functions without parentheses
select (1).volatile_fn
select (id).volatile_fn from tree
select x.volatile_fn from generate_series(1, 1) x
select (id).status from users limit 1
select u.touch from users u limit 1
select (select u from users u limit 1).touch
select (array_agg(u))[1].touch from users u
select (x.id).locks_id from tree x
# a name that a function of the application shares with a built-in one
select upper('x')
=== primary
select (1::bigint).pg_advisory_lock
select x.pg_advisory_lock from generate_series(1::bigint, 1) x
select x."pg_try_advisory_lock" from generate_series(1::bigint, 1) x
select (id::bigint).pg_advisory_xact_lock from tree
select ('counter'::regclass).nextval
select ('counter'::text::regclass).nextval
select (x).currval from (select 'counter'::text::regclass) x
select (0.5::float8).setseed
select table_to_xml('pg_locks', true, false, '')
select schema_to_xml('public', true, false, '')
select database_to_xml(true, false, '')
select pg_relation_size('pg_class')
# functions by what they call, however they say that they are
select hidden()
select locks_id(1)
select keeps(), keeps(2)
select many('x')
select standard_writes()
select writing_sum(id) from tree
select writing_sum(id) over (order by id) from tree
select writing_sum(id) filter (where id > 1) from tree
select array(select hidden() from tree)
select tree.id from tree join lateral hidden() h on h > 0
select id from tree group by id having hidden() > 0
select many(1, 2)
=== replica known-primary check
select * from distant
select table_to_xml('locks', true, false, '')
select table_to_xml('noting', true, false, '')
select pg_relation_size('scratch'), pg_table_size('scratch')
select table_to_xml('scratch', true, false, '')
select * from no_such_table
=== replica
# the same where nothing is hidden
select * from good order by id
select * from over_good order by id
select * from tenants order by id
select "Id" from "Quoted View" order by "Id"
select * from guarded order by id
select * from guarded g where g.name = 'a'
select * from summary
select * from ordinary_parent
select * from ordinary_child
select * from only parent_log
select * from ruled
select * from generated order by id
select twice from generated where twice > 1
select * from indexed where v = 4 and id > 0
select * from part1
select 5::positive
select '5'::public.positive
select * from jsonb_to_record('{"a": 5}') as x(a positive)
select * from jsonb_to_record('{"a": 5, "b": 1.5}') as x(a int, b numeric(5, 2))
select (u.both_of)::bigint from users u order by id limit 1
select u.status, u.name, (u).status, (u).name from users u order by id limit 1
select o.status from orders o order by o.id limit 1
select (u.both_of).a, ((u).both_of).b from users u order by id limit 1
select u.full_name, u.name from users u order by u.id limit 1
select min(id), count(*) from (select * from good) g
=== primary known-replica
select tenant()
select with_setting()
select quiet_definer()
select standard(1), standard_reads()
select pure_sum(id) from tree
select middle() within group (order by id) from tree
select id, pure_sum(id) over (order by id) from tree order by id
select x.stable_fn from generate_series(1, 2) x where x.stable_fn > 0 and stable_fn(x) > 0
select (1).stable_fn, stable_fn(1)
select * from rows_of(3) r where r.a > 1 order by r.a
select id, (select tenant()) from tree order by id
select place ==== point(1, 1) from users order by id limit 2
select * from indexed where immutable_fn(v) = 4 and immutable_fn(id) > 0
=== replica known-primary
select json_populate_record(k, '{"got": 5}') from keeper k
select jsonb_populate_recordset((select k from keeper k), '[]')
=== replica
select json_populate_record(h, '{"a": 5}') from (select 1 as a) h
select jsonb_populate_recordset(u, '[{"id": 5}]') from users u limit 1
select json_populate_record(row(1, 'x')::pair, '{"a": 5}')
select got from keeper
=== primary
select domain_in('5', 1, -1)
select record_in('(5,x)', 1, -1)
=== replica
select (json_populate_record(null::pair, '{"a": 5}')).a, jsonb_populate_record(null::public.pair, '{"b": "x"}')
select * from jsonb_populate_recordset(null::pair, '[{"a": 1}, {"b": "x"}]')
select * from json_populate_record(null::tree, '{"id": 5}')
=== primary
select ts_rewrite('(select)', $$select 'a'::tsquery, 'b'::tsquery where pg_try_advisory_lock(1)$$)
select ts_rewrite('select', 'select ''a''::tsquery, nextval(''counter'')::text::tsquery')
select current_setting(E'transaction_read_only')
select current_setting(U&'transaction\005fread_only')
=== replica known-primary
with locks as (select 1 as id) select * from locks
select l.id from tree t join (select id from locks) l using (id)
select (select count(*) from deep) + (table numbered)
select * from tree where exists (select from over_noting o where o.id = tree.id) order by id
with a as (with b as (table counting) select * from b) select max(h) from a
explain (costs off) select * from noting

select row_to_json(l) from locks l
select array(select id from locks)
select * from tree natural join locks
select * from only noting
select * from "locks"
select * from U&"l\006fcks"
select * from public.locks
select * from Locks
values ((select count(*) from locks))
select * from (locks l join tree t on t.id = l.id)
select id from tree union table deep
select x.h from tree, lateral (select * from counting c where c.id = tree.id) x
