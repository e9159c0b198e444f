=== replica
# sqlx
SELECT * FROM users WHERE id=1
SELECT * FROM users WHERE name='user1' AND age IN (21, 22, 23)
SELECT u.*, o.id AS "order.id", o.total AS "order.total" FROM users u JOIN orders o ON o.user_id = u.id ORDER BY o.id LIMIT 10
# GORM
SELECT * FROM "users" ORDER BY "users"."id" LIMIT 1
SELECT * FROM "users" WHERE "users"."id" = 10 ORDER BY "users"."id" LIMIT 1
SELECT * FROM "users" WHERE name = 'user1' AND "users"."deleted_at" IS NULL ORDER BY "users"."id" LIMIT 1
SELECT * FROM "users" WHERE "users"."id" IN (1,2,3) AND "users"."deleted_at" IS NULL
SELECT count(*) FROM "users" WHERE "users"."deleted_at" IS NULL
SELECT "users"."id","users"."name","Orders"."id" AS "Orders__id","Orders"."total" AS "Orders__total" FROM "users" LEFT JOIN "orders" "Orders" ON "users"."id" = "Orders"."user_id" WHERE "users"."deleted_at" IS NULL ORDER BY 1,3
SELECT "name" FROM "users" WHERE (name LIKE '%a%' OR age > 20) AND NOT active = false GROUP BY "name" HAVING count(*) > 0 ORDER BY "name"
SELECT * FROM (SELECT name, age FROM "users") as u WHERE age = 22
SELECT CURRENT_DATABASE()
SELECT version()
# bun
SELECT "u"."id", "u"."name", "u"."email" FROM "users" AS "u" WHERE ("u"."id" = 1) AND ("u"."deleted_at" IS NULL) ORDER BY "u"."id" ASC LIMIT 1
SELECT count(*) FROM "users" AS "u" WHERE ("u"."name" = 'x')
SELECT "u"."id", "o"."id" AS "o__id", "o"."total" AS "o__total" FROM "users" AS "u" LEFT JOIN "orders" AS "o" ON ("o"."user_id" = "u"."id") WHERE ("u"."id" IN (1, 2, 3)) ORDER BY 1, 2
SELECT EXISTS (SELECT 1 FROM "users" AS "u" WHERE (id = 1))
WITH "_data" ("id", "name") AS (VALUES (1::BIGINT, 'a'::VARCHAR), (2::BIGINT, 'b'::VARCHAR)) SELECT * FROM _data
(SELECT "id" FROM "users") UNION ALL (SELECT "id" FROM "orders") ORDER BY 1 LIMIT 3
SELECT "bm"."id", "bm"."name", "bm"."group_id", "bm"."migrated_at" FROM bun_migrations AS "bm"
# ent
SELECT "users"."id", "users"."age", "users"."name" FROM "users" WHERE "users"."name" = 'a' LIMIT 2
SELECT COUNT(DISTINCT "users"."id") FROM "users"
SELECT DISTINCT "users"."id" FROM "users" WHERE "users"."id" IN (SELECT "orders"."user_id" FROM "orders" WHERE "orders"."total" > 10) ORDER BY "users"."id"
SELECT "t1"."id", "t1"."name" FROM "users" AS "t1" JOIN (SELECT "orders"."user_id" FROM "orders" WHERE "orders"."id" = 1) AS "t2" ON "t1"."id" = "t2"."user_id"
SELECT "users"."id" FROM "users" WHERE EXISTS (SELECT "orders"."user_id" FROM "orders" WHERE "users"."id" = "orders"."user_id") ORDER BY 1
WITH "src_query" AS (SELECT "orders"."id", "orders"."user_id", (ROW_NUMBER() OVER (PARTITION BY "user_id" ORDER BY "id")) AS "row_number" FROM "orders") SELECT "id" FROM "src_query" AS "orders" WHERE "orders"."row_number" <= 2 ORDER BY "id"
# goose, golang-migrate
SELECT version_id, is_applied FROM goose_db_version ORDER BY id DESC
SELECT tstamp, is_applied FROM goose_db_version WHERE version_id=0 ORDER BY tstamp DESC LIMIT 1
SELECT max(version_id) FROM goose_db_version
SELECT version, dirty FROM "public"."schema_migrations" LIMIT 1
SELECT CURRENT_SCHEMA()
--- replica
-- name: GetAuthor :one
SELECT id, name, bio FROM authors
WHERE id = 1 LIMIT 1
--- replica
-- name: ListAuthors :many
SELECT id, name, bio FROM authors
ORDER BY name
--- replica
-- name: JobCountByState :one
SELECT count(*)
FROM river_job
WHERE state = 'available'
--- replica
-- name: JobGetByID :one
SELECT id, args, attempt, attempted_at, attempted_by, created_at, finalized_at, kind, max_attempts, metadata, priority, queue, state, scheduled_at
FROM river_job
WHERE id = 1
LIMIT 1
--- replica
-- name: JobList :many
SELECT river_job.id, river_job.args, river_job.attempt
FROM /* TEMPLATE: schema */river_job
WHERE /* TEMPLATE_BEGIN: where_clause */ true /* TEMPLATE_END */
ORDER BY /* TEMPLATE_BEGIN: order_by_clause */ id /* TEMPLATE_END */
LIMIT 100::int
--- replica
-- name: LeaderGetElectedLeader :one
SELECT elected_at, expires_at, leader_id, name
FROM river_leader
--- replica
SELECT
  date_trunc('month', o.created_at) AS month,
  count(*) FILTER (WHERE o.status = 'new') AS fresh,
  sum(o.total)::numeric(12,2) AS total,
  avg(o.total) OVER (PARTITION BY o.user_id ORDER BY o.id ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS moving
FROM orders AS o
INNER JOIN users AS u ON u.id = o.user_id AND u.deleted_at IS NULL
LEFT JOIN LATERAL (
  SELECT max(t.id) AS top FROM tree t WHERE t.parent = u.parent_id
) AS x ON TRUE
WHERE o.created_at >= '2020-01-01'::timestamptz AND (u.email ILIKE '%example%' OR u.tags @> ARRAY['all']::text[])
GROUP BY 1, o.user_id, o.id, o.total
ORDER BY 1 DESC, 2, 3, 4
LIMIT 50 OFFSET 0
=== primary
# sqlx
INSERT INTO users (name, email) VALUES ('a', 'b') RETURNING id
UPDATE users SET name='x' WHERE id=-1
# GORM
INSERT INTO "users" ("name","email","age") VALUES ('a','b',1) RETURNING "id"
INSERT INTO "users" ("name","age") VALUES ('a',1),('b',2) ON CONFLICT DO NOTHING RETURNING "id"
INSERT INTO "schema_migrations" ("version","dirty") VALUES (5,false) ON CONFLICT ("version") DO UPDATE SET "dirty"="excluded"."dirty"
UPDATE "users" SET "name"='hello',"updated_at"='2020-01-01 00:00:00' WHERE id = -1 AND "users"."deleted_at" IS NULL
UPDATE "users" SET "deleted_at"='2020-01-01 00:00:00' WHERE "users"."id" = -1 AND "users"."deleted_at" IS NULL RETURNING *
DELETE FROM "users" WHERE "users"."id" = -1
SELECT * FROM "users" WHERE "users"."id" = 1 FOR UPDATE
SELECT * FROM "users" WHERE id = 1 LIMIT 1 FOR UPDATE NOWAIT
SELECT * FROM "users" FOR SHARE OF "users"
SELECT count(*) FROM information_schema.tables WHERE table_schema = CURRENT_SCHEMA() AND table_name = 'users' AND table_type = 'BASE TABLE'
SELECT c.column_name, c.is_nullable = 'YES', c.udt_name, c.character_maximum_length, c.numeric_precision, c.numeric_precision_radix, c.numeric_scale, c.datetime_precision, 8 * typlen, c.column_default, pd.description, c.identity_increment FROM information_schema.columns AS c JOIN pg_type AS pgt ON c.udt_name = pgt.typname LEFT JOIN pg_catalog.pg_description as pd ON pd.objsubid = c.ordinal_position AND pd.objoid = (SELECT oid FROM pg_catalog.pg_class WHERE relname = c.table_name AND relnamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = c.table_schema)) where table_catalog = 'postgres' AND table_schema = CURRENT_SCHEMA() AND table_name = 'users'
SELECT count(*) FROM pg_indexes WHERE tablename = 'users' AND indexname = 'i' AND schemaname = CURRENT_SCHEMA()
SELECT description FROM pg_catalog.pg_description WHERE objsubid = (SELECT ordinal_position FROM information_schema.columns WHERE table_schema = CURRENT_SCHEMA() AND table_name = 'users' AND column_name = 'id') AND objoid = (SELECT oid FROM pg_catalog.pg_class WHERE relname = 'users' AND relnamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = CURRENT_SCHEMA()))
CREATE TABLE "gorm_users" ("id" bigserial,"created_at" timestamptz,"name" text,PRIMARY KEY ("id"))
ALTER TABLE "users" ADD "nick" text
SAVEPOINT sp0x1
ROLLBACK TO SAVEPOINT sp0x1
# bun
INSERT INTO "users" AS "u" ("id", "name") VALUES (DEFAULT, 'a') RETURNING "u"."id", "u"."created_at"
WITH "_data" ("id", "name") AS (VALUES (-1::BIGINT, 'a'::VARCHAR)) UPDATE "users" AS "u" SET "name" = _data."name" FROM _data WHERE ("u"."id" = _data."id")
UPDATE "users" AS "u" SET "name" = 'x' WHERE ("u"."id" = -1) RETURNING *
DELETE FROM "users" AS "u" WHERE ("u"."id" = -1)
CREATE TABLE IF NOT EXISTS "bun_migrations" ("id" BIGSERIAL NOT NULL, "name" VARCHAR, "group_id" BIGINT, "migrated_at" TIMESTAMPTZ NOT NULL DEFAULT current_timestamp, PRIMARY KEY ("id"))
TRUNCATE TABLE "scratch"
# ent
INSERT INTO "users" ("age", "name") VALUES (1, 'a') RETURNING "id"
INSERT INTO "users" ("age", "name") VALUES (1, 'a') ON CONFLICT ("id") DO UPDATE SET "age" = "excluded"."age", "name" = "users"."name" RETURNING "id"
SELECT "users"."id" FROM "users" WHERE "users"."id" = 1 LIMIT 2 FOR UPDATE SKIP LOCKED
SELECT setting FROM pg_settings WHERE name IN ('lc_collate', 'lc_ctype', 'server_version_num', 'crdb_version') ORDER BY name DESC
SELECT nspname AS schema_name FROM pg_catalog.pg_namespace WHERE nspname = CURRENT_SCHEMA() ORDER BY nspname
# goose, golang-migrate
SELECT pg_advisory_lock(123)
SELECT pg_try_advisory_lock(123)
SELECT pg_advisory_unlock(123)
SELECT EXISTS ( SELECT 1 FROM pg_tables WHERE (current_schema() IS NULL OR schemaname = current_schema()) AND tablename = 'goose_db_version' )
INSERT INTO goose_db_version (version_id, is_applied) VALUES (1, true)
DELETE FROM goose_db_version WHERE version_id=-1
SELECT COUNT(1) FROM information_schema.tables WHERE table_schema = 'public' AND table_name = 'schema_migrations' LIMIT 1
CREATE TABLE IF NOT EXISTS "public"."schema_migrations" (version bigint not null primary key, dirty boolean not null)
TRUNCATE "public"."schema_migrations"
INSERT INTO "public"."schema_migrations" (version, dirty) VALUES (9, false)
SELECT table_name FROM information_schema.tables WHERE table_schema=(SELECT current_schema()) AND table_type='BASE TABLE'
LOCK TABLE "public"."schema_migrations" IN ACCESS EXCLUSIVE MODE
--- primary
-- name: CreateAuthor :one
INSERT INTO authors (
  name, bio
) VALUES (
  'x', null
)
RETURNING id, name, bio
--- primary
-- name: UpdateAuthor :exec
UPDATE authors
  set name = 'x',
  bio = 'y'
WHERE id = -1
--- primary
-- name: JobGetAvailable :many
WITH locked_jobs AS (
    SELECT
        id, args
    FROM
        river_job
    WHERE
        state = 'available'
        AND queue = 'default'
        AND scheduled_at <= coalesce(null::timestamptz, now())
    ORDER BY
        priority ASC,
        scheduled_at ASC,
        id ASC
    LIMIT 10
    FOR UPDATE
    SKIP LOCKED
)
UPDATE
    river_job
SET
    state = 'running',
    attempt = river_job.attempt + 1,
    attempted_by = array_append(river_job.attempted_by, 'me'::text)
FROM
    locked_jobs
WHERE
    river_job.id = locked_jobs.id
RETURNING
    river_job.id, river_job.args
--- primary
-- name: JobInsertFastMany :many
INSERT INTO river_job(args, kind, max_attempts)
SELECT unnest(array['{}'::jsonb]), unnest(array['k']), unnest(array[1])
ON CONFLICT (id) DO UPDATE SET kind = EXCLUDED.kind
RETURNING river_job.id, (xmax != 0) AS unique_skipped_as_duplicate
--- primary
-- name: JobCancel :one
WITH locked_job AS (
    SELECT id, queue, state, finalized_at FROM river_job WHERE river_job.id = 1 FOR UPDATE
),
notification AS (
    SELECT id, pg_notify(concat(current_schema(), '.', 'river_control'), json_build_object('action', 'cancel', 'job_id', id)::text)
    FROM locked_job
)
SELECT * FROM notification
--- primary
-- name: LeaderAttemptElect :execrows
INSERT INTO river_leader(leader_id, elected_at, expires_at, name)
VALUES ('a', now(), now(), 'default')
ON CONFLICT (name) DO NOTHING
--- primary
-- name: PGNotifyMany :exec
WITH topic_to_notify AS (
    SELECT concat(current_schema(), '.', 'x'::text) AS topic, unnest(array['a']::text[]) AS payload
)
SELECT pg_notify(topic_to_notify.topic, topic_to_notify.payload) FROM topic_to_notify
--- primary
-- name: PGAdvisoryXactLock :exec
SELECT pg_advisory_xact_lock(1)
--- primary
-- name: TableExists :one
SELECT CASE WHEN to_regclass('river_job') IS NULL THEN false ELSE true END
