=== primary
select * from pg_stat_activity
select * from pg_catalog.pg_stat_replication
select * from pg_stat_user_tables
select * from pg_statio_all_tables
select * from pg_locks
select * from pg_prepared_xacts
select * from pg_settings
select setting from pg_settings where name = 'x'
select * from pg_prepared_statements
select * from pg_cursors
select * from pg_replication_slots
select * from pg_sequences
select pg_backend_pid()
select pg_cancel_backend(0)
select pg_terminate_backend(0)
select pg_reload_conf()
select pg_stat_reset()
select pg_stat_get_numscans(0)
select pg_stat_get_activity(null)
select currval('counter')
select lastval()
select txid_current_if_assigned()
select txid_current_snapshot()
select pg_current_snapshot()
select pg_current_wal_lsn()
select pg_current_wal_insert_lsn()
select pg_current_wal_flush_lsn()
select pg_walfile_name('0/1000000')
select pg_last_wal_replay_lsn()
select pg_last_xact_replay_timestamp()
select pg_is_wal_replay_paused()
select pg_conf_load_time()
select pg_blocking_pids(1)
select pg_my_temp_schema()
select pg_listening_channels()
select inet_client_addr(), inet_client_port()
select pg_ls_dir('.')
select pg_read_file('PG_VERSION')
select pg_stat_file('PG_VERSION')
select * from pg_control_checkpoint()
select pg_trigger_depth()
select * from pg_available_extensions
select pg_xact_status('3')
alter system set work_mem = '4MB'
=== primary
# definitions, which migration tools read right after changing them
select * from pg_class
select * from pg_catalog.pg_class c join pg_namespace n on n.oid = c.relnamespace
select * from information_schema.tables
select exists (select 1 from pg_tables where tablename = 'x')
select * from pg_indexes
select to_regclass('users')
select to_regtype('mood')
select 'users'::regclass
select 'users'::text::regclass
select ('users')::regclass::oid
select cast('users' as regclass)
select regclass 'users'
select coalesce(regclass 'users', null)
select pg_get_viewdef('active_users'::regclass)
select pg_get_serial_sequence('users', 'id')
select pg_get_constraintdef(0)
select format_type(23, null)
select obj_description(0, 'pg_class')
select has_table_privilege('users', 'select')
select pg_table_is_visible(0)
select enum_range(null::mood)
select * from users where tableoid = 'users'::regclass
select information_schema._pg_truetypid(null, null) where false
=== primary
create table created (id int)
create table if not exists created2 (id serial primary key, a int generated always as (1) stored)
create unlogged table created3 (id int)
create table created4 as select * from users with no data
create table created5 as (select * from users)
create table created6 as with x as (select 1 as a) select * from x
create table created7 partition of events for values from ('2030-01-01') to ('2031-01-01')
create or replace view v1 as select * from users
create recursive view v2 (n) as values (1) union all select n + 1 from v2 where n < 3
create materialized view mv1 as select 1 as a
create index concurrently if not exists i1 on users (name)
create unique index on users (lower(email))
create sequence s1
create schema s2
create schema s3 create table t (id int)
create type t1 as enum ('a')
create domain d1 as int check (value > 0)
create function f1() returns int language sql as 'select 1'
create procedure p1() language sql begin atomic insert into tree values (90, 1, 'x'); delete from tree where id = case when true then 90 end; end
create trigger tr before insert on tree for each row execute function suppress_redundant_updates_trigger()
create rule r1 as on insert to app.settings do also (select 1; select 2)
create policy pol on tree for select using (true)
create extension if not exists plpgsql
create role r9 nologin
create aggregate agg (int) (sfunc = int4pl, stype = int)
create cast (mood as int) without function
create publication pub for table tree
create statistics st on age, active from users
alter table tree add column extra int
alter table if exists only tree drop column if exists extra
alter view v1 rename to v1b
alter sequence s1 restart
alter type mood add value 'great'
alter default privileges grant select on tables to public
drop table if exists nope, nope2 cascade
drop view if exists v9
drop materialized view if exists mv9
drop function if exists f9
grant select on users to public
revoke select on users from public
comment on table tree is 'x'
security label on table tree is null
reassign owned by r9 to postgres
