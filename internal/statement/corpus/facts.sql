=== primary
# refused with 25006
insert into tree (id) values (500)
update tree set parent = 1 where id = -5
delete from tree where id = -5
truncate table scratch
with w as (insert into tree (id) values (501) returning id) select id from w
select id into copy_of_tree from tree
create table t_facts (id int)
create temp table temp_facts (id int)
grant select on tree to public
refresh materialized view summary
explain analyze insert into tree (id) values (502)
explain (analyze, buffers) update tree set parent = 1 where id = 4
select volatile_fn(503)
select nextval('counter'), setval('counter', 7)
select id from tree for update
select id from tree for no key update
select id from tree for share
select id from tree for key share
listen channel
notify channel, 'payload'
select pg_notify('channel', 'payload')
vacuum tree
analyze tree
reindex table tree
lock table tree in share row exclusive mode
lock table tree in exclusive mode nowait
prepare transaction 'facts'
select txid_current()
select pg_current_xact_id()
# refused with 0A000
begin read write
begin isolation level serializable
begin isolation level serializable read only
set transaction_read_only = off
select * from scratch for share
# refused with 55000
select currval('counter')
select lastval()
select pg_current_wal_lsn(), pg_current_wal_insert_lsn(), pg_current_wal_flush_lsn()
select pg_walfile_name('0/3000000')
select pg_walfile_name_offset('0/3000000')
select pg_switch_wal()
select pg_create_restore_point('facts')
# refused with XX000
select lo_create(12345)
select lo_creat(-1)
select pg_logical_emit_message(true, 'a', 'b')
# executed by a standby, and wrong
select pg_advisory_lock(7)
select pg_advisory_lock(7, 8)
select pg_advisory_lock_shared(7)
select pg_advisory_lock_shared(7, 8)
select pg_advisory_xact_lock(7)
select pg_advisory_xact_lock_shared(7)
select pg_try_advisory_lock(7)
select pg_try_advisory_lock_shared(7)
select pg_try_advisory_xact_lock(7)
select pg_try_advisory_xact_lock_shared(7, 8)
select pg_advisory_unlock(7)
select pg_advisory_unlock_shared(7)
select pg_advisory_unlock_all()
select set_config('app.a', 'b', false)
select set_config('app.a', 'b', true)
set app.a = 'b'
set role none
set search_path = public
select keeps()
select setseed(0.25)
select last_value from pg_sequences where sequencename = 'counter'
select pg_sequence_last_value('counter'::regclass)
select pg_export_snapshot()
select pg_backend_pid()
select pg_cancel_backend(0)
select pg_terminate_backend(0)
select pg_reload_conf()
select pg_stat_reset()
select * from pg_stat_database
select * from pg_stat_all_tables
select * from pg_statio_user_tables
select * from pg_locks
select * from pg_prepared_xacts
select name, setting from pg_settings
prepare facts as select 1
declare facts cursor with hold for select 1
load 'plpgsql'
discard all
alter system set work_mem = '5MB'
checkpoint
select * from pg_temp.anything
=== replica known-primary
select * from scratch where id = 1
select last_value from counter limit 1
=== replica differs
select random() < 2, gen_random_uuid() is not null
select clock_timestamp() > '2020-01-01', timeofday() is not null
select pg_sleep(0), pg_sleep_for('0 seconds'), pg_sleep_until('2020-01-01')
select pg_relation_size('tree'), pg_table_size('tree'), pg_indexes_size('tree'), pg_total_relation_size('tree')
select pg_database_size(current_database()) > 0, pg_database_size('postgres') > 0
select pg_is_in_recovery(), inet_server_addr(), inet_server_port(), version(), pg_postmaster_start_time()
select current_setting('work_mem'), current_setting('server_version_num')
select now(), current_timestamp, transaction_timestamp(), statement_timestamp(), localtimestamp
=== replica
select query_to_xml('select count(*) from tree', true, false, '')
select pg_size_pretty(pg_relation_size('tree'))
=== replica differs check
select random_normal(), uuidv4(), uuidv7()
=== primary check
merge into tree t using users u on false when not matched then insert (id) values (600)
merge into tree using users u on u.id = -1 when matched then delete
