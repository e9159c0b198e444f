=== replica
select "update" from users order by id limit 1
select update from users order by id limit 1
select u.update, u."select", u.lock from users u order by u.id limit 1
select u.select from users u order by id limit 1
select insert_date from users order by id limit 1
select replace('abc', 'b', 'x'), left('abc', 1), right('abc', 1), lower('A'), reverse('ab')
select 1 as lock, 2 as update, 3 as into, 4 as select, 5 as for, 6 as insert, 7 as from, 8 as "with"
select lock from users order by id limit 1
select users.update from users where update is null order by update
select 1 delete, 2 insert, 3 update, 4 merge, 5 call, 6 set, 7 lock
select "for" from app.settings order by key
select s.for from app.settings s order by key
select s.for update from app.settings s order by key
select "values", "offset", o.values, o.offset from orders o order by id limit 1
select (update) from users order by id limit 1
select (update is null) from users order by id limit 1
select lower(update), coalesce(update, lock) from users order by id limit 1
select * from (select 1 as update) delete
select * from (select 1 as a) as insert
select * from (values (1)) as update(set)
select call.* from (select 1) call
with update as (select 1 as x) select * from update
with insert(delete) as (select 1) select delete from insert
with delete as (select 1 as merge), lock as (select 2 as call) select merge, call from delete, lock
select 'insert into users values (1)', 'for update', E'for\nupdate', $$delete from users$$, $a$ for update $a$
select 1 /* for update */, 2 -- for update
select 1 /* insert /* delete */ into */ as x
select "for update", "insert" from (select 1 as "for update", 2 as "insert") t
select t."into" from (select 1 as "into") t
select key, value from app.settings order by key
select 1 as value, 2 as name, 3 as type, 4 as begin, 5 as commit, 6 as start, 7 as share, 8 as no, 9 as key
select no, share, key, nowait, skip from (values (1, 2, 3, 4, 5)) t(no, share, key, nowait, skip)
select set from (select 1 as set) t
select explain, t.analyze from (select 1 as explain, 2 as analyze) t where false
select count from (select count(*) from users) t
select max.max from (select max(id) from users) max
select date, time, timestamp, text, interval from (select 1 as date, 2 as time, 3 as timestamp, 4 as text, 5 as interval) t
select over, filter, within from (values (1, 2, 3)) t(over, filter, within)
select first, next, escape, zone, rollup, cube, sets from (values (1, 2, 3, 4, 5, 6, 7)) t(first, next, escape, zone, rollup, cube, sets)
select partition, range, rows, groups, columns, at from (values (1, 2, 3, 4, 5, 6)) t(partition, range, rows, groups, columns, at)
select materialized, recursive, ordinality, search, cycle, depth from (values (1, 2, 3, 4, 5, 6)) t(materialized, recursive, ordinality, search, cycle, depth)
select * from (select 1) set, (select 2) begin
select row.a from (select 1 as a) row
SELECT COUNT(*) FROM USERS WHERE NAME = 'x' AND Age > 1
SELECT "users"."id","users"."name" FROM "users" WHERE "users"."deleted_at" IS NULL ORDER BY "users"."id" LIMIT 10
select temp, temporary, copy, load, notify, listen from (values (1, 2, 3, 4, 5, 6)) t(temp, temporary, copy, load, notify, listen)
select U&"\0061" from (select 1 as a) t
select U&"!0061" uescape '!' from (select 1 as a) t
select * from U&"u\0073ers" order by id limit 1
select "a""b" from (select 1 as "a""b") t
=== primary
# the same words where they do what they say
select s.for from app.settings s for update
select 1 as for for update
select "for" from app.settings for update
select update from users for no key update
select * from users for update of users
