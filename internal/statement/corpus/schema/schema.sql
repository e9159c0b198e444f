create schema app;
create schema "Mixed Case";
create type mood as enum ('sad', 'ok', 'happy');
create type pair as (a int, b text);
create domain short as text check (length(value) < 20);
create table users (
    id bigserial primary key, name text not null default '', email text, age int default 30, active bool default true,
    balance numeric(12,2) default 0, created_at timestamptz default now(), updated_at timestamptz, deleted_at timestamptz,
    insert_date date default current_date, "update" text, "lock" text, "select" text, data jsonb default '{}', tags text[] default '{}',
    status mood default 'ok', both_of pair, parent_id bigint, body tsvector, ip inet, place point, during tstzrange, doc xml
);
create table orders (
    id bigserial primary key, user_id bigint references users, total numeric(10,2) default 1, status text default 'new',
    created_at timestamptz default now(), "values" int, "offset" int
);
create table app.settings (key text primary key, value text, "for" text);
create table "Mixed Case"."Order Items" ("Id" bigserial primary key, "orderId" bigint, "Name" text, qty int default 1);
create table tree (id int primary key, parent int, name text);
create table events (at timestamptz, kind text, payload jsonb) partition by range (at);
create table events_old partition of events for values from (minvalue) to ('2024-01-01');
create table events_new partition of events default;
create unlogged table scratch (id int primary key, v text);
create table authors (id bigserial primary key, name text not null, bio text);
create table river_job (id bigserial primary key, state text default 'available', queue text default 'default', attempt int default 0,
    kind text default 'k', args jsonb default '{}', scheduled_at timestamptz default now(), priority int default 1, attempted_at timestamptz,
    attempted_by text[], created_at timestamptz default now(), finalized_at timestamptz, unique_key bytea, max_attempts int default 25, metadata jsonb default '{}');
create table river_leader (elected_at timestamptz, expires_at timestamptz, leader_id text, name text primary key);
create table goose_db_version (id serial primary key, version_id bigint not null, is_applied bool not null, tstamp timestamp default now());
create table schema_migrations (version bigint not null primary key, dirty boolean not null);
create table bun_migrations (id bigserial primary key, name varchar, group_id bigint, migrated_at timestamptz default current_timestamp);
create sequence counter;
create view active_users as select id, name, email from users where active;
create materialized view user_totals as select user_id, sum(total) as total from orders group by user_id;
create index on users using gin (body);
create function stable_fn(x int) returns int language sql stable as 'select $1 + 1';
create function immutable_fn(x int) returns int language sql immutable as 'select $1 * 2';
create function volatile_fn(x int) returns int language plpgsql volatile as $$ begin insert into tree values (x, 0, 'volatile') on conflict do nothing; return x; end $$;
create function app.stable_fn(x int) returns int language sql stable as 'select $1 + 10';
create function app.upper(x text) returns text language plpgsql volatile as $$ begin insert into tree values (-1, 0, x) on conflict do nothing; return x; end $$;
create function full_name(u users) returns text language sql stable as 'select $1.name';
create function touch(u users) returns text language plpgsql volatile as $$ begin insert into tree values (-2, 0, u.name) on conflict do nothing; return u.name; end $$;
create function rows_of(n int) returns table (a int, b text) language sql stable as 'select g, g::text from generate_series(1, $1) g';
create function pairs() returns setof record language sql stable as $$ select 1, 'a'::text $$;
create function int_near(a int, b int) returns bool language sql immutable as 'select abs($1 - $2) < 2';
create view noting as select id, volatile_fn(id) as n from tree;
create operator <~~> (leftarg = int, rightarg = int, function = int_near);
create function int_note(a int, b int) returns bool language plpgsql volatile as $$ begin insert into tree values (a, b, 'op') on conflict do nothing; return true; end $$;
create operator <!!> (leftarg = int, rightarg = int, function = int_note);
create procedure proc(x int) language plpgsql as $$ begin insert into tree values (x, 0, 'proc') on conflict do nothing; end $$;
insert into users (name, email, age, tags, data, body, ip, place, during, doc, both_of)
    select 'user' || g, 'u' || g || '@example.org', 20 + g, array['t' || g, 'all'], jsonb_build_object('n', g, 'list', jsonb_build_array(1, 2, g)),
    to_tsvector('english', 'user number ' || g), '10.0.0.1', point(g, g), tstzrange('2024-01-01', '2024-02-01'), xml '<a>1</a>', row(g, 'x')::pair
    from generate_series(1, 20) g;
insert into orders (user_id, total) select 1 + g % 20, g from generate_series(1, 60) g;
insert into app.settings values ('color', 'blue', null), ('size', '10', null);
insert into "Mixed Case"."Order Items" ("orderId", "Name") select g, 'item' || g from generate_series(1, 10) g;
insert into tree values (1, null, 'root'), (2, 1, 'a'), (3, 1, 'b'), (4, 2, 'c');
insert into events values ('2023-05-05', 'a', '{}'), ('2024-05-05', 'b', '{"x": 1}');
insert into authors (name, bio) values ('Ann', 'x'), ('Bob', null);
insert into river_job (kind) values ('a'), ('b');
insert into goose_db_version (version_id, is_applied) values (0, true);
insert into schema_migrations values (1, false);
refresh materialized view user_totals;
select nextval('counter');
analyze;
