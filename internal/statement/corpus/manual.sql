=== primary check
# the forms of the manual's reference that no other list has
alter aggregate pure_sum(int) rename to p
alter collation "C" rename to d
alter conversion c rename to d
alter database d set work_mem = '4MB'
alter domain positive drop not null
alter event trigger e disable
alter extension plpgsql update
alter foreign data wrapper nowhere no handler
alter foreign table distant add column x int
alter function stable_fn(int) volatile
alter group g add user u
alter index i rename to j
alter language plpgsql owner to postgres
alter large object 1 owner to postgres
alter materialized view summary rename to s
alter operator ==== (point, point) owner to postgres
alter operator class c using btree rename to d
alter operator family f using btree rename to g
alter policy mine on guarded using (true)
alter procedure proc(int) rename to q
alter publication p add table tree
alter role r set work_mem = '4MB'
alter routine proc(int) rename to q
alter rule ruled_too on ruled rename to r
alter schema app rename to b
alter server nowhere version '2'
alter statistics s set statistics 1
alter subscription s disable
alter system reset all
alter tablespace t rename to u
alter text search configuration c rename to d
alter text search dictionary c rename to d
alter text search parser c rename to d
alter text search template c rename to d
alter trigger t on tree rename to u
alter user u password 'x'
alter user mapping for u server nowhere options (set a 'b')
create access method m type table handler h
create collation c (locale = 'C')
create conversion c for 'UTF8' to 'LATIN1' from f
create database d template template0
create default conversion c for 'UTF8' to 'LATIN1' from f
create event trigger e on ddl_command_end execute function f()
create foreign data wrapper w
create foreign table f (id int) server nowhere
create group g
create language l
create operator === (leftarg = int, rightarg = int, function = int4eq)
create operator class c default for type int4 using btree as operator 1 <
create operator family f using btree
create or replace aggregate a(int) (sfunc = int4pl, stype = int)
create or replace procedure q() language plpgsql as $$ begin commit; end $$
create or replace rule r as on update to tree do instead select 1
create or replace transform for int language sql (from sql with function f(internal))
create or replace trigger t after insert on tree referencing new table as n for each statement execute function f()
create constraint trigger t after insert on tree deferrable for each row execute function f()
create server s foreign data wrapper w
create subscription s connection 'host=x' publication p
create tablespace t location '/nowhere'
create text search configuration c (copy = simple)
create text search dictionary d (template = simple)
create text search parser p (start = a, gettoken = b, end = c, lextypes = d)
create text search template t (lexize = dsimple_lexize)
create user u
create user mapping for current_user server nowhere
drop access method m
drop aggregate a(int)
drop cast (int as text)
drop collation c
drop conversion c
drop database d with (force)
drop domain d
drop event trigger e
drop extension e
drop foreign data wrapper w
drop foreign table f
drop group g
drop index concurrently if exists i
drop language l
drop operator === (int, int)
drop operator class c using btree
drop operator family f using btree
drop owned by r
drop policy p on tree
drop procedure p
drop publication p
drop role r
drop routine r
drop rule r on tree
drop schema s cascade
drop sequence s
drop server s
drop statistics s
drop subscription s
drop tablespace t
drop text search configuration c
drop text search dictionary c
drop text search parser c
drop text search template c
drop transform for int language sql
drop trigger t on tree
drop type t
drop user u
drop user mapping for u server s
declare c insensitive scroll cursor without hold for select * from tree for read only
declare c cursor for select * from tree for update
fetch forward 5 from c
fetch absolute -1 in c
fetch backward all from c
move relative 3 from c
execute p(1, 'x')
explain execute p(1)
explain (analyze) execute p
explain declare c cursor for select 1
explain create materialized view v as select 1
grant select (id), update on tree to r with grant option granted by postgres
grant usage on schema app to public
grant r1 to r2 with inherit true
revoke grant option for select on tree from r cascade
import foreign schema s limit to (a) from server nowhere into app
set session characteristics as transaction read only
set constraints c immediate
set xml option document
set names 'utf8'
set schema 'app'
set seed to 0.5
set transaction snapshot '00000003-0000001B-1'
set session authorization 'x'
reset work_mem
show all
show work_mem
security label for x on table tree is 'y'
reindex (verbose, concurrently) index i
reindex system x
cluster (verbose) tree using i
vacuum (full, analyze, verbose) tree (id, name)
analyze (verbose) tree (id), users
refresh materialized view concurrently summary with data
call proc(x => 1)
do $$ begin execute 'delete from tree'; end $$ language plpgsql
lock only tree * in access exclusive mode nowait
listen "Channel"
notify "Channel", 'x'
unlisten "Channel"
checkpoint (flush_unlogged)
comment on column tree.name is null
comment on function stable_fn(int) is 'x'
prepare transaction 'x'
commit prepared 'x'
rollback prepared 'x'
release savepoint s
rollback transaction to savepoint s
start transaction isolation level repeatable read, read only, deferrable
begin work not deferrable
commit work and no chain
end transaction and chain
abort work
discard sequences
load '$libdir/x'
deallocate prepare all
copy tree (id) from '/x' with (format binary)
copy binary tree from stdin
copy tree from stdin delimiters ','
copy (update tree set name = name where false returning *) to stdout
copy (merge into tree t using users u on false when matched then delete returning *) to stdout
truncate only tree, users cascade
reassign owned by current_user to r
insert into tree (id) overriding system value values (1) on conflict on constraint c do nothing
insert into tree as t (id, name) table users
update tree * set (id, name) = (select 1, 'x'), parent = default where current of c
delete from tree * as t using users as u, lateral (select 1) l where current of c returning *
select 1 into temp table x
table tree into y
values (1) for update
=== replica
explain (analyze false, verbose false, costs false, settings false, buffers false, wal false, timing false, summary false, format text) values (1)
explain (format yaml, costs off) table tree
table only (tree) order by id limit 1
