=== primary known-replica
select stable_fn(1)
select immutable_fn(id) from tree order by id
select app.stable_fn(1)
select public.stable_fn(x => 1)
select * from rows_of(2)
select * from pairs() as t(a int, update text)
select * from rows from (rows_of(2), generate_series(1, 2)) t order by 1
select full_name(u) from users u order by id limit 1
select 1 <~~> 2
select 1 operator(public.<~~>) 2
select array(select stable_fn(id::int) from tree order by id)
=== primary
select volatile_fn(100)
select public.volatile_fn(101)
select app.upper('x')
select * from volatile_fn(102)
select touch(u) from users u where id = 1
select 1 <!!> 2
select 1 operator(public.<!!>) 2
select query_to_xml($$select volatile_fn(1)$$, true, false, '')
=== replica
select u.full_name from users u order by id limit 1
select upper('x'), pg_catalog.upper('x'), "upper"('x')
select query_to_xml('select id from tree order by id', true, false, '')
select query_to_xml($$select 'a' as b$$, true, false, '')
select pg_column_size(1), pg_typeof(1)::text, pg_size_pretty(10::bigint), pg_encoding_to_char(6)
select md5('a'), sha256('a'), encode('a', 'hex'), to_char(1, '9'), to_date('2020', 'YYYY'), to_timestamp(0), date_trunc('day', timestamp '2020-01-01'), age(timestamp '2020-01-01', timestamp '2019-01-01')
select jsonb_build_object('a', 1), jsonb_agg(id order by id), json_agg(name order by id), min(row_to_json(t)::text) from tree t
select jsonb_path_query('{"a":[1,2]}', '$.a[*]'), jsonb_each('{"a":1}'), jsonb_set('{}', '{a}', '1')
select regexp_replace('a', 'b', 'c'), regexp_matches('a', 'a'), string_to_array('a,b', ','), split_part('a,b', ',', 1)
select generate_series(1, 2), unnest(array[1, 2])
select lag(id) over (order by id), ntile(2) over (order by id), dense_rank() over (order by id) from tree order by id
select width_bucket(1, 0, 10, 5), trunc(1.5), round(1.5, 0), div(5, 2), mod(5, 2), power(2, 3), floor(1.5), ceil(1.5)
select int8(1), float8(1), text(1::"char"), date(timestamp '2020-01-01')
select isfinite(now()), justify_days('30 days'), make_timestamp(2020, 1, 1, 0, 0, 0)
select txid_snapshot_xmin('1:1:'), pg_snapshot_xmax('1:1:'), pg_wal_lsn_diff('0/1', '0/0')
select has from (select true as has) t
select (users.both_of).a from users order by id limit 1
=== replica differs
select pg_relation_size('users') > 0, pg_total_relation_size('users') > 0, pg_database_size(current_database()) > 0
select table_to_xml('tree', true, false, '')
=== replica known-primary
select u.touch from users u where id = 1
select (u).touch from users u where id = 1
select * from noting limit 1
select * from scratch
select last_value from counter
=== primary
select query_to_xml('insert into tree values (1)', true, false, '')
select query_to_xml('select * from tree for update', true, false, '')
select query_to_xml('select nextval(''counter'')', true, false, '')
select query_to_xml('select 1' || '', true, false, '')
select query_to_xml((select 'select 1'), true, false, '')
select query_to_xml('select query_to_xml($$select 1$$, true, false, $$$$)', true, false, '')
select query_to_xml('show search_path', true, false, '')
select * from ts_stat('select nextval(''counter'')::text::tsvector')
=== replica
select word from ts_stat('select body from users') order by 1 limit 1
=== primary check
select query_to_xml($1, true, false, '')
select some_extension_fn(1)
select app.lower('x')
select uuid_generate_v4()
select a <=> b from t
select treat(a as b)
select ilike('a', 'b')
select escape(1), zone(2), filter(3), over(4), value(5), cube(6), rollup(7), set(8), columns(9)
select a, b from t group by a + cube(b)
select sum(x) over (order by x rows escape(1) preceding) from t
select count(*) from t group by x, (cube(y))
select varying(1)
=== replica check
select json_value('{"a":1}', '$.a' returning int default 0 on empty), json_query('{}', '$' with wrapper), json_exists('{}', '$.a'), json_object('a' value 1, 'b': 2 absent on null with unique keys), json_array(1, 2), json_arrayagg(x order by x), json_objectagg(a : b), json_scalar(1), json_serialize('{}' returning text), json('{}'), '{}' is json object with unique keys from t
select * from json_table('[{"a":1}]', '$[*]' passing 1 as x columns (id for ordinality, a int path '$.a', nested path '$.b[*]' columns (update text path '$.c', price numeric(10, 2) path '$.d' default 0 on empty))) as jt
select * from t where x is json with unique keys
select system_user, normalize('a', nfc), 'a' is nfc normalized
=== primary check
select xmlparse(content columns(1)), 2
select distinct on (age) over(1) age, name from users
select distinct on (age) ilike(1, 2) from users
select 1 operator(pg_catalog.+) filter(1)
select 1 operator(pg_catalog.+) ilike(1, 2)
select 1 between ilike(1, 2) and 3
select json_object(key ilike(1, 2) value 2)
select * from json_table('[]', '$' passing columns(1) as x columns (a int))
select id collate into newtable8 from users
select id collate for update from users
=== replica differs check
select random_normal(), uuidv7(), uuidv4(), random(1, 10), array_shuffle(array[1, 2])
