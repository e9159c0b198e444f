=== replica check
# what newer versions brought: older ones answer with a syntax error
select json_value('{"a":1}', '$.a' returning int default 0 on empty error on error), json_value('{"a":1}', '$.a' returning positive)
select json_query('{"a":[1]}', '$.a' with conditional wrapper), json_query('{"a":[1]}', '$.a' returning text keep quotes), json_exists('{"a":1}', '$.a ? (@ > $x)' passing 0 as x)
select json_object('a' value 1, 'b': 2 absent on null with unique keys), json_object(key 'a' value 1), json_object('{a,1}'), json_object('a': 1 returning jsonb)
select json_array(1, 2, null null on null returning jsonb), json_array(select id from tree order by id returning jsonb), json_arrayagg(id order by id desc absent on null returning jsonb) from tree
select json_objectagg(id: name), json_objectagg(key id value name null on null returning jsonb) from tree
select json_scalar(1), json_serialize('{}' returning text), json('{}' with unique keys), '{}' is json object with unique keys, '[]' is not json array
select * from json_table('[{"a": 1, "b": [1, 2]}]', '$[*]' passing 1 as x columns (n for ordinality, a int path '$.a', t text format json path '$', e bool exists path '$.a', nested path '$.b[*]' as bs columns (b numeric(10, 2) path '$' default 0 on empty))) as jt
select * from json_table('[1]', '$[*]' as root columns (a int path '$', nested '$.b[*]' columns (b positive path '$')) error on error) jt, tree t order by t.id
select any_value(id) is not null from tree
select array_sample(array[1], 1), array_shuffle(array[1]), random_normal() is not null, random(1, 1)
select 0x1F, 0o17, 0b101, 1_000, 1_0.5_0
select * from (select 1)
select date_add(timestamptz '2020-01-01', '1 day', 'utc'), now() at local is not null
select xmltext('a<b'), to_bin(5), to_oct(8), unicode_assigned('a'), erf(0)
select xmlserialize(document xml '<a/>' as text indent), xmlserialize(content xml '<a/>' as text no indent)
select uuid_extract_version('00000000-0000-4000-8000-000000000000'), casefold('A'), crc32('a'), gamma(1), array_reverse(array[1, 2]), array_sort(array[2, 1])
select system_user is null
select sum(id) over (order by id) from tree group by all order by 1
select distinct on (parent) parent, id from tree order by parent, id limit 1
explain (generic_plan) select * from tree where id = $1
explain (costs off, memory off, serialize none) select 1
copy tree to stdout (force_quote *, format csv)
=== primary check
merge into tree t using (select 1 as id) s on s.id = t.id when matched and false then update set name = 'x' returning merge_action(), t.*
merge into tree t using users u on u.id = t.id when not matched by source and false then delete returning old.id, new.id
merge into tree t using users u on u.id = t.id when not matched by target and false then insert (id) values (u.id) when matched then do nothing
with m as (merge into tree t using users u on false when matched then delete returning merge_action()) select * from m
update tree set name = name where false returning old.name, new.name
update tree set name = name where false returning with (old as before, new as after) before.name, after.*
insert into tree (id) values (-900) on conflict (id) do update set name = 'x' returning (old is null)
copy tree from stdin (on_error ignore, log_verbosity verbose)
copy tree from stdin where id > 1
create table newer (id int, twice int generated always as (id * 2) virtual)
alter table tree add constraint c check (id > 0) not enforced
grant maintain on tree to public
vacuum (only_database_stats)
vacuum (buffer_usage_limit '1MB') only tree
explain (analyze, serialize) insert into tree values (-901)
explain (analyze, wal, memory) with d as (delete from tree where false returning 1) select * from d
select * from tree for portion of valid from 1 to 2
update tree for portion of valid from 1 to 2 set name = 'x'
wait for lsn '0/0'
repack tree
create property graph g
select json_value('{"a":1}', '$.a' returning int default nextval('counter') on empty)
select json_object('a': nextval('counter'))
select json_array(select nextval('counter') returning jsonb)
select * from json_table('[1]', '$[*]' passing nextval('counter') as x columns (a int path '$'))
select * from json_table('[1]', '$[*]' columns (a int path '$' default nextval('counter') on empty))
select json_exists('{"a":1}', '$.a' passing pg_advisory_lock(1) as x)
select merge_action(), nextval('counter')
select json_array(select id from tree for update)
=== replica known-primary check
select * from json_table('[5]', '$[*]' columns (a locking path '$')) jt
select * from json_table('[5]', '$[*]' columns (b int path '$', nested path '$' columns (a locking path '$'))) jt
select json_value('5', '$' returning locking)
select json_query('5', '$' returning locking)
select json_array(select 5 returning locking)
select json_arrayagg(5 order by 1 returning locking)
=== primary check
select pg_input_is_valid('5', 'locking')
select (pg_input_error_info('5', 'locking')).message
