package corpus

// Ordinary are statements as applications send them, of about 100, 500 and 2000 bytes, for measuring.
var Ordinary = map[int]string{
	100: `SELECT id, name, email, created_at FROM users WHERE deleted_at IS NULL AND tenant_id = $1 LIMIT $2 /*x*/`,
	500: `SELECT "users"."id","users"."name","users"."email","users"."created_at","users"."updated_at","Orders"."id" AS "Orders__id",` +
		`"Orders"."total" AS "Orders__total","Orders"."status" AS "Orders__status" FROM "users" LEFT JOIN "orders" "Orders" ON ` +
		`"users"."id" = "Orders"."user_id" AND "Orders"."deleted_at" IS NULL WHERE ("users"."name" LIKE $1 OR lower("users"."email") = $2) ` +
		`AND "users"."deleted_at" IS NULL AND "users"."age" BETWEEN $3 AND $4 ORDER BY "users"."created_at" DESC,"Orders"."id" LIMIT 50`,
	2000: `-- name: MonthlyReport :many
WITH months AS (
    SELECT date_trunc('month', o.created_at) AS month, o.user_id, count(*) AS orders, sum(o.total) AS total,
           count(*) FILTER (WHERE o.status = 'cancelled') AS cancelled
    FROM orders AS o
    WHERE o.created_at >= $1 AND o.created_at < $2 AND o.deleted_at IS NULL AND o.status IN ('paid', 'shipped', 'delivered', 'cancelled')
    GROUP BY 1, 2
), ranked AS (
    SELECT m.*, row_number() OVER (PARTITION BY m.month ORDER BY m.total DESC, m.user_id) AS place,
           lag(m.total, 1, 0) OVER (PARTITION BY m.user_id ORDER BY m.month) AS previous,
           sum(m.total) OVER (PARTITION BY m.user_id ORDER BY m.month ROWS BETWEEN 11 PRECEDING AND CURRENT ROW) AS year
    FROM months m
)
SELECT r.month, r.place, u.id, u.name, coalesce(u.display_name, u.name, 'unknown') AS shown, u.email,
       r.orders, r.total::numeric(12, 2) AS total, r.cancelled, r.previous,
       CASE WHEN r.previous = 0 THEN NULL ELSE round(100 * (r.total - r.previous) / r.previous, 1) END AS change,
       r.year, extract(year FROM r.month) AS y, to_char(r.month, 'Mon YYYY') AS label,
       (SELECT count(*) FROM sessions s WHERE s.user_id = u.id AND s.started_at >= r.month) AS sessions,
       EXISTS (SELECT 1 FROM subscriptions sub WHERE sub.user_id = u.id AND sub.cancelled_at IS NULL) AS subscribed,
       jsonb_build_object('city', a.city, 'country', a.country, 'zip', a.zip) AS address
FROM ranked AS r
INNER JOIN users AS u ON u.id = r.user_id AND u.deleted_at IS NULL
LEFT JOIN LATERAL (
    SELECT a.city, a.country, a.zip FROM addresses a WHERE a.user_id = u.id AND a.kind = 'billing' ORDER BY a.updated_at DESC LIMIT 1
) AS a ON TRUE
WHERE r.place <= $3 AND (u.country = ANY($4::text[]) OR $4 IS NULL) AND u.email NOT LIKE '%@example.com'
ORDER BY r.month DESC, r.place ASC, u.id
LIMIT $5 OFFSET $6`,
}
