=== replica
# more of what query builders write: counted, wrapped, aliased, with every argument in the text
WITH "_count_wrapper" AS (SELECT "j"."id" FROM "jobs" AS "j" WHERE ("j"."state" = 'ready')) SELECT count(*) FROM "_count_wrapper"
SELECT "j"."id", "j"."kind", "j"."payload" FROM "jobs" AS "j" WHERE ("j"."id" IN (1, 2)) AND ("j"."kind" = 'it''s -- /* mail') ORDER BY "j"."id" ASC LIMIT 10 OFFSET 0
SELECT "o"."id", "u"."id" AS "u__id", "u"."name" AS "u__name" FROM "orders" AS "o" LEFT JOIN "users" AS "u" ON ("u"."id" = "o"."user_id") AND ("u"."deleted_at" IS NULL) WHERE ("o"."total" > 3.5) ORDER BY "o"."id" LIMIT 3
SELECT count(*) FROM "users" AS "u" WHERE ("u"."tags" @> '{"all"}') AND ("u"."created_at" > '2020-01-01 00:00:00+00:00')
SELECT DISTINCT ON ("o"."user_id") "o"."user_id", "o"."id" FROM "orders" AS "o" ORDER BY "o"."user_id", "o"."id" DESC LIMIT 4
SELECT "u"."id" FROM "users" AS "u" WHERE ("u"."data"->>'n' = '3') AND (("u"."name", "u"."email") IN (('user3', 'u3@example.org'))) ORDER BY 1
SELECT EXISTS (SELECT "u"."id" FROM "users" AS "u" WHERE ("u"."email" = 'u1@example.org'))
SELECT * FROM "users" WHERE ("users"."name" = 'user1' AND "users"."age" >= 18) AND "users"."deleted_at" IS NULL ORDER BY "users"."id" LIMIT 1
SELECT * FROM "orders" WHERE "orders"."user_id" = 1
SELECT * FROM "orders" WHERE "orders"."user_id" IN (1,2,3,4,5,6,7,8,9,10) ORDER BY id
SELECT users.name AS n, sum(orders.total) AS total FROM "users" left join orders on orders.user_id = users.id WHERE users.active = true GROUP BY users.name HAVING sum(orders.total) > 10 ORDER BY n LIMIT 5
SELECT "users"."id","users"."name","Parent"."id" AS "Parent__id","Parent"."name" AS "Parent__name" FROM "users" LEFT JOIN "users" "Parent" ON "users"."parent_id" = "Parent"."id" AND "Parent"."deleted_at" IS NULL WHERE "users"."id" = 3 ORDER BY 1
SELECT * FROM "users" WHERE NOT EXISTS (SELECT 1 FROM "orders" WHERE orders.user_id = users.id AND orders.total > 1000) AND name <> 'x' ORDER BY id LIMIT 2
SELECT avg(age) FROM "users" WHERE id > (SELECT min(id) FROM "users") AND "users"."deleted_at" IS NULL
SELECT count(*) FROM (SELECT DISTINCT "name","age" FROM "users" WHERE age > 20) AS u
SELECT name FROM users WHERE name = 'a' UNION SELECT kind FROM jobs WHERE state = 'ready' ORDER BY 1
SELECT "t0"."id", "t0"."name" FROM "users" AS "t0" WHERE "t0"."id" IN (SELECT "t1"."user_id" FROM "orders" AS "t1" JOIN "users" AS "t2" ON "t1"."user_id" = "t2"."id" WHERE "t2"."active") ORDER BY "t0"."id"
SELECT "users"."age", COUNT(*) AS "count", AVG("users"."balance") AS "avg" FROM "users" GROUP BY "users"."age" ORDER BY "users"."age" LIMIT 2
SELECT "users"."id" FROM "users" WHERE ("users"."name" ILIKE '%USER1%' ESCAPE '\' OR "users"."email" LIKE 'u\_1%') AND NOT ("users"."age" IS NULL) ORDER BY "users"."id" LIMIT 2
SELECT "users"."id", (SELECT COUNT(*) FROM "orders" WHERE "orders"."user_id" = "users"."id") AS "orders_count" FROM "users" ORDER BY "orders_count" DESC, "users"."id" LIMIT 3
WITH RECURSIVE "path" AS (SELECT "tree"."id", "tree"."parent" FROM "tree" WHERE "tree"."id" = 4 UNION ALL SELECT "t1"."id", "t1"."parent" FROM "tree" AS "t1" JOIN "path" AS "t2" ON "t1"."id" = "t2"."parent") SELECT "id" FROM "path" ORDER BY "id"
--- replica
-- name: StoriesByGenre :many
-- the newest first; update the index with care
SELECT u.id, u.name, coalesce(o.total, 0)::numeric AS total,
       array_agg(DISTINCT t.tag ORDER BY t.tag) FILTER (WHERE t.tag IS NOT NULL)::text[] AS tags
FROM users u
LEFT JOIN orders o ON o.user_id = u.id AND o.id < 30
LEFT JOIN LATERAL unnest(u.tags) AS t(tag) ON true
WHERE (u.age >= 21 OR false)
  AND u.id = ANY('{1,2,3}'::bigint[])
  AND CASE WHEN true THEN u.active ELSE true END
GROUP BY u.id, o.id
ORDER BY u.id, o.id
--- replica
-- name: JobStateCounts :many
WITH states AS (
    SELECT unnest(array['available', 'running', 'completed']) AS state
),
counted AS (
    SELECT state, kind, count(*) AS n
    FROM /* TEMPLATE: schema */river_job
    WHERE /* TEMPLATE_BEGIN: predicate */ queue = 'default' /* TEMPLATE_END */
    GROUP BY state, kind
)
SELECT s.state, coalesce(sum(c.n), 0)::bigint
FROM states s LEFT JOIN counted c USING (state)
GROUP BY s.state
ORDER BY s.state
--- replica
-- name: JobsToSchedule :many
SELECT id, kind, scheduled_at <= coalesce(null::timestamptz, now()) + make_interval(secs => 5) AS due
FROM river_job
WHERE state IN ('available', 'retryable') AND priority >= 0 AND queue = any(array['default']::text[])
ORDER BY priority, scheduled_at, id
LIMIT 100
=== primary
INSERT INTO "users" AS "u" ("name", "email") VALUES ('a', 'b'), ('c', DEFAULT) ON CONFLICT ("id") DO UPDATE SET "name" = EXCLUDED."name" WHERE u.active RETURNING "u"."id"
UPDATE "jobs" AS "j" SET "state" = 'done', "locked_by" = NULL WHERE ("j"."id" = -1) RETURNING "j".*
WITH "_data" ("id", "state") AS (VALUES (-1::BIGINT, 'x'::VARCHAR)) DELETE FROM "jobs" AS "j" USING _data WHERE "j"."id" = _data."id" RETURNING *
SELECT "j"."id" FROM "jobs" AS "j" WHERE ("j"."state" = 'ready') ORDER BY "j"."id" LIMIT 1 FOR UPDATE SKIP LOCKED
INSERT INTO "users" ("name","email") SELECT "name","email" FROM "users" WHERE false RETURNING "id","created_at"
SELECT * FROM "users" WHERE "users"."id" = 1 ORDER BY "users"."id" LIMIT 1 FOR NO KEY UPDATE NOWAIT
SELECT "users"."id" FROM "users" JOIN "orders" AS "t1" ON "t1"."user_id" = "users"."id" WHERE "t1"."id" = 1 FOR SHARE OF "users"
SELECT pg_advisory_xact_lock(hashtext('migrations'))
SELECT pg_try_advisory_lock(3075194217), pg_backend_pid()
SELECT current_setting('search_path'), set_config('search_path', '', false)
SELECT setting FROM pg_settings WHERE name IN ('server_version_num', 'default_table_access_method') ORDER BY name
SELECT t1.table_schema, t1.table_name FROM information_schema.tables AS t1 WHERE t1.table_type = 'BASE TABLE' AND t1.table_schema IN ('public') ORDER BY 1, 2
SELECT a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_attribute a JOIN pg_class c ON a.attrelid = c.oid WHERE c.relname = 'users' AND a.attnum > 0
SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'public.users'::regclass
SELECT indexdef FROM pg_indexes WHERE tablename = 'users'
SELECT EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public' AND c.relname = 'schema_migrations')
SELECT has_schema_privilege('public', 'create'), to_regclass('public.goose_db_version') IS NOT NULL
DELETE FROM jobs WHERE id IN (SELECT id FROM jobs WHERE state = 'nothing' ORDER BY id LIMIT 100 FOR UPDATE SKIP LOCKED) RETURNING id
TRUNCATE TABLE "jobs" RESTART IDENTITY
SAVEPOINT "sp1"
--- primary
-- name: JobLockNext :one
WITH next AS (
    SELECT id FROM jobs WHERE state = 'nothing' ORDER BY run_at, id FOR UPDATE SKIP LOCKED LIMIT 1
)
UPDATE jobs SET state = 'running', locked_at = now(), locked_by = 'me'
FROM next WHERE jobs.id = next.id
RETURNING jobs.*
--- primary
-- name: NotifyInserted :exec
SELECT pg_notify('jobs', id::text) FROM jobs WHERE state = 'nothing'
--- primary
-- name: SetAndRead :one
WITH setting AS (SELECT set_config('app.tenant', '7', true) AS tenant)
SELECT u.id FROM users u, setting WHERE u.name = setting.tenant
--- primary
-- +goose Up
CREATE TABLE by_goose (id int);
INSERT INTO by_goose VALUES (1);
