=== primary
insert into tree values (10, 1, 'x')
insert into tree (id, name) values (11, 'x') returning id
INSERT INTO users (name) VALUES ('x') RETURNING *
insert into users default values
insert into users (name) select name from users where false
insert into users (name) (select name from users where false)
insert into users (name) with x as (select 'a') select * from x
insert into tree as t values (1, 1, 'x') on conflict (id) do update set name = excluded.name where t.id = 1
insert into tree values (1, 1, 'x') on conflict do nothing
insert into tree values (1, 1, 'x') on conflict on constraint tree_pkey do update set (name, parent) = (select 'a', 1)
insert into "Mixed Case"."Order Items" ("Name") overriding user value values ('x')
update tree set name = 'x' where id = -1
update only tree t set name = upper(name) from users u where u.id = t.id and false returning t.*
update tree as t set (name, parent) = ('x', 1) where id = -1
delete from tree where id = -1
delete from only tree t using users u where u.id = t.id and false returning *
with x as (insert into tree values (20, 1, 'x') returning id) select * from x
with x as (select 1), y as (delete from tree where id = -1 returning *) select * from x
with x as (update tree set name = name where false returning *) select count(*) from x
with x as materialized (update tree set name = name where false returning *) select count(*) from x
with x as (select 1) insert into tree select 21, 1, 'x' from x
with x as (select 1) update tree set name = 'x' from x where false
with x as (select 1) delete from tree using x where false
with recursive x(n) as (select 1 union all select n + 1 from x where n < 3), y as (insert into tree select n + 30, 1, 'r' from x returning 1) select count(*) from y
with a as (with b as (select 1) insert into tree select 50, 1, 'n' from b returning id) select * from a
select * into newtable from users
select id into temp newtemp from users
select id into temporary table newtemp2 from users
select id into unlogged newtable2 from users
select id into table newtable3 from users
(select id into newtable4 from users)
select 1 as a into newtable5 union select 2
with x as (select 1 as a) select a into newtable6 from x
explain analyze insert into tree values (60, 1, 'x')
explain insert into tree values (60, 1, 'x')
explain (analyze, costs off) with x as (delete from tree where false returning *) select * from x
explain analyze create table newtable7 as select 1
explain (analyze true) update tree set name = name where false
truncate scratch
truncate table only scratch, tree restart identity cascade
select * from tree for update
select * from tree for no key update
select * from tree for share
select * from tree for key share
select * from tree t where id = 1 for update of t skip locked
select * from tree t where id = 1 for share of t nowait
select * from tree order by id limit 1 for update
select * from tree for update limit 1
select * from tree where id in (select id from tree for update)
(select * from tree for update)
((select * from tree) for update)
(select * from tree) for update
with x as (select * from tree for update) select * from x
select * from (select * from tree for share) s
select (select id from tree limit 1 for key share)
select exists (select from tree for update)
select array(select id from tree for update)
table tree for update
select * from tree for update for share
select * from tree for read only for update
select 1 from tree, users u for update of u
select * from tree join (select * from users for no key update) u on true
select coalesce((select id from tree limit 1 for update), 0)
select nextval('counter')
select setval('counter', 10)
SELECT NEXTVAL('counter')
select pg_catalog.nextval('counter')
select "nextval"('counter')
select U&"next\0076al"('counter')
select * from nextval('counter')
select id from tree where id = nextval('counter')
select id from tree order by nextval('counter')
select case when true then nextval('counter') end
select coalesce(nextval('counter'), 1)
values (nextval('counter'))
select (select nextval('counter'))
select array[nextval('counter')]
select x.n from tree, lateral nextval('counter') as x(n)
select pg_notify('a', 'b')
select lo_create(0)
select lo_from_bytea(0, 'x')
select txid_current()
select pg_current_xact_id()
select pg_logical_emit_message(false, 'a', 'b')
select pg_switch_wal()
select pg_create_restore_point('x')
copy tree to '/dev/null'
copy tree to program 'true'
copy tree from program 'true'
copy (insert into tree values (70, 1, 'x') returning *) to stdout
copy (select * from tree for update) to stdout
copy (select 1) to '/dev/null'
call proc(1)
do $$ begin perform 1; end $$
do language plpgsql 'begin end'
notify a
notify a, 'b'
refresh materialized view user_totals
refresh materialized view concurrently user_totals with no data
vacuum tree
vacuum (analyze) tree
analyze
analyze tree
cluster
reindex table tree
checkpoint
select 1; select 2
select 1; insert into tree values (80, 1, 'x')
begin; select 1; commit
=== primary check
copy tree from stdin
copy tree (id) from stdin with csv
merge into tree t using users u on t.id = u.id when matched then update set name = u.name when not matched then insert (id, name) values (u.id, u.name)
merge into only tree as t using (select 1 as id) s on s.id = t.id when matched and t.id > 0 then delete when not matched by source then do nothing returning merge_action(), t.*
with x as (select 1 as id) merge into tree t using x on false when not matched then insert (id) values (1)
with x as (merge into tree t using users u on false when matched then delete returning *) select * from x
update tree set name = 'x' where current of c
insert into tree values (1) returning with (old as o, new as n) o.id, n.id
delete from tree
select from (delete from tree returning *) x
select (insert into tree values (1) returning id)
select * from (with x as (delete from tree returning *) select * from x) s
select 1 union (delete from tree returning id)
select for update
frobnicate the database
select * from tree for portion of x
select * from tree frob (1)
select a frob b from tree for frob
with x as (frob tree) select 1
with x as (call f()) select 1
with x as (select 1) frob x
import foreign schema x from server y into z
wait for lsn '0/0'
repack tree
