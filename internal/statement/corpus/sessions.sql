=== primary
set search_path to app, public
set search_path = app
set local search_path = app
set session search_path = app
set time zone 'utc'
set role postgres
set local role none
set session role none
set session authorization default
set session characteristics as transaction isolation level read committed
set transaction isolation level read committed
set transaction read only
set local transaction_timeout = 0
set constraints all deferred
set statement_timeout = 0
set app.u = '1'
reset search_path
reset all
reset role
reset session authorization
discard all
discard plans
discard sequences
discard temp
discard temporary
show search_path
show all
show transaction_read_only
show transaction_isolation
show time zone
show statement_timeout
show default_transaction_read_only
show session authorization
show app.u
show max_connections
listen a
unlisten a
unlisten *
prepare p as select 1
prepare p2 (int) as insert into tree values ($1)
execute p
execute p(1)
deallocate p
deallocate all
deallocate prepare p2
declare c cursor for select 1
declare c cursor with hold for select 1
declare c binary insensitive no scroll cursor without hold for select * from tree
fetch c
fetch next from c
fetch all c
move c
close c
close all
load 'plpgsql'
lock tree
lock table tree in access share mode
lock table only tree, users in exclusive mode nowait
begin
begin transaction isolation level serializable read write
begin read only
start transaction
start transaction read only
commit
commit and chain
end
rollback
rollback and no chain
abort
savepoint a
release a
release savepoint a
rollback to a
rollback to savepoint a
rollback work to savepoint a
prepare transaction 'x'
commit prepared 'x'
rollback prepared 'x'
select set_config('app.x', '1', false)
select set_config('app.x', '1', true)
SELECT SET_CONFIG('app.x', $1, TRUE)
select pg_catalog.set_config('search_path', '', false)
with c as (select set_config('app.u', '1', true)) select * from c, users
select setseed(0.5)
select pg_advisory_lock(1)
select pg_advisory_lock(1, 2)
select pg_advisory_lock_shared(1)
select pg_try_advisory_lock(1)
select pg_try_advisory_lock_shared(1)
select pg_advisory_xact_lock(1)
select pg_advisory_xact_lock_shared(1)
select pg_try_advisory_xact_lock(1)
select pg_try_advisory_xact_lock_shared(1)
select pg_advisory_unlock(1)
select pg_advisory_unlock_shared(1)
select pg_advisory_unlock_all()
select * from users where id = 1 and pg_try_advisory_xact_lock(id)
select pg_export_snapshot()
select cursor_to_xml('c', 1, true, true, '')
create temp table tt (id int)
create temporary table tt2 as select 1
create table pg_temp.tt3 (id int)
create temp view tv as select 1
create temp sequence ts
select 1 as a into temp tt4
select * from pg_temp.tt
explain execute p
=== replica
show server_version
SHOW server_version_num;
show server_encoding
show block_size
show integer_datetimes
=== replica differs
show in_hot_standby
select pg_is_in_recovery()
select inet_server_addr(), inet_server_port()
select version()
select pg_postmaster_start_time()
select current_setting('server_version'), current_setting('max_connections'), current_setting('search_path')
select current_setting('app.none', true)
select now(), statement_timestamp(), transaction_timestamp(), clock_timestamp(), timeofday()
select random(), gen_random_uuid(), pg_sleep(0), pg_sleep_for('0 s')
=== primary
select current_setting('transaction_read_only')
select current_setting('transaction_isolation')
