package sqlxapp

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/pgsplit/pgsplit/integration/step"

	"github.com/jmoiron/sqlx"
)

// toolSteps use what sqlx and database/sql offer beyond the site's own operations: prepared statements in and out of
// transactions, maps, one connection held, column types, deadlines.
func toolSteps(db *sqlx.DB, site *Site) []step.Step {
	replica, primary := step.On(step.Replica), step.On(step.Primary)
	return []step.Step{
		// One statement, prepared once: outside of a transaction it reads a replica, bound to one it reads the primary and
		// sees the comment that the transaction has just written.
		{Name: "a prepared statement in and out of a transaction",
			Routes: step.On(step.Replica, step.Primary, step.Primary, step.Primary, step.Primary),
			Run: func(ctx context.Context) (any, error) {
				reader, err := site.CommentReader(ctx)
				if err != nil {
					return nil, err
				}
				defer reader.Close()
				outside, err := reader.Newest(ctx, 1)
				if err != nil {
					return nil, err
				}
				var inside []Comment
				err = site.inTx(ctx, func(tx *sqlx.Tx) error {
					if _, err := tx.ExecContext(ctx,
						`INSERT INTO comments (story_id, author_id, body, created_at) VALUES ($1, $2, $3, $4)`,
						1, 1, "it does", site.now()); err != nil {
						return err
					}
					inside, err = reader.NewestIn(ctx, tx, 1)
					return err
				})
				return []any{outside, inside}, err
			}},
		{Name: "rollback", Routes: primary, Run: func(ctx context.Context) (any, error) {
			tx, err := db.BeginTxx(ctx, nil)
			if err != nil {
				return nil, err
			}
			if _, err := tx.ExecContext(ctx, `DELETE FROM comments`); err != nil {
				return nil, err
			}
			var left int
			if err := tx.GetContext(ctx, &left, `SELECT count(*) FROM comments`); err != nil {
				return nil, err
			}
			return left, tx.Rollback()
		}},
		{Name: "nothing is lost after the rollback", Routes: replica, Run: func(ctx context.Context) (any, error) {
			return site.Comments(ctx, 1)
		}},
		{Name: "savepoint", Routes: primary, Run: func(ctx context.Context) (any, error) {
			var failure error
			err := site.inTx(ctx, func(tx *sqlx.Tx) error {
				tx.MustExecContext(ctx, `SAVEPOINT before_tag`)
				_, failure = tx.ExecContext(ctx, `INSERT INTO tags (name) VALUES ('steam')`)
				tx.MustExecContext(ctx, `ROLLBACK TO SAVEPOINT before_tag`)
				_, err := tx.ExecContext(ctx, `INSERT INTO tags (name) VALUES ('brass')`)
				return err
			})
			return fmt.Sprint(failure), err
		}},
		{Name: "an aborted transaction", Routes: primary, Run: func(ctx context.Context) (any, error) {
			tx, err := db.BeginTxx(ctx, nil)
			if err != nil {
				return nil, err
			}
			defer func() { _ = tx.Rollback() }()
			_, first := tx.ExecContext(ctx, `INSERT INTO tags (name) VALUES ('steam')`)
			_, second := tx.ExecContext(ctx, `INSERT INTO tags (name) VALUES ('copper')`)
			return []string{fmt.Sprint(first), fmt.Sprint(second)}, tx.Commit()
		}},
		{Name: "read-only transaction", Routes: primary, Run: func(ctx context.Context) (any, error) {
			tx, err := db.BeginTxx(ctx, &sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead})
			if err != nil {
				return nil, err
			}
			defer func() { _ = tx.Rollback() }()
			var tags []string
			if err := tx.SelectContext(ctx, &tags, `SELECT name FROM tags ORDER BY name`); err != nil {
				return nil, err
			}
			_, err = tx.ExecContext(ctx, `DELETE FROM tags`)
			return tags, err
		}},
		{Name: "rows as maps", Routes: replica, Run: func(ctx context.Context) (any, error) {
			rows, err := db.QueryxContext(ctx, `SELECT * FROM stories ORDER BY id`)
			if err != nil {
				return nil, err
			}
			defer rows.Close()
			var all []map[string]any
			for rows.Next() {
				row := map[string]any{}
				if err := rows.MapScan(row); err != nil {
					return nil, err
				}
				all = append(all, row)
			}
			return all, rows.Err()
		}},
		{Name: "a row as a slice", Routes: replica, Run: func(ctx context.Context) (any, error) {
			return db.QueryRowxContext(ctx, `
				SELECT 1::int2, 2::int4, 3.5::numeric, 4.25::float8, 'x'::text, '{1,2}'::int[], '{"a": 1}'::jsonb, NULL::date,
				       timestamptz '2026-05-04 12:00+02', interval '90 minutes', '\x00ff'::bytea, true,
				       '00000000-0000-0000-0000-000000000001'::uuid, 'NaN'::float8::text`).SliceScan()
		}},
		{Name: "column types", Routes: replica, Run: func(ctx context.Context) (any, error) {
			rows, err := db.QueryxContext(ctx, `SELECT *, 1.50::numeric(5, 2) AS price, 'x'::varchar(7) AS code FROM stories LIMIT 0`)
			if err != nil {
				return nil, err
			}
			defer rows.Close()
			types, err := rows.ColumnTypes()
			var all [][]any
			for _, t := range types {
				length, hasLength := t.Length()
				precision, scale, hasScale := t.DecimalSize()
				nullable, knowsNull := t.Nullable()
				all = append(all, []any{t.Name(), t.DatabaseTypeName(), fmt.Sprint(t.ScanType()), length, hasLength, precision, scale,
					hasScale, nullable, knowsNull})
			}
			return all, err
		}},
		// A connection that has written reads where it wrote until it is given back.
		{Name: "one connection held", Routes: step.On(step.Replica, step.Primary, step.Primary),
			Run: func(ctx context.Context) (any, error) {
				conn, err := db.Connx(ctx)
				if err != nil {
					return nil, err
				}
				defer conn.Close()
				var before, after []string
				if err := conn.SelectContext(ctx, &before, `SELECT name FROM tags ORDER BY name`); err != nil {
					return nil, err
				}
				if _, err := conn.ExecContext(ctx, `INSERT INTO tags (name) VALUES ($1)`, "copper"); err != nil {
					return nil, err
				}
				err = conn.SelectContext(ctx, &after, `SELECT name FROM tags WHERE true ORDER BY name`)
				return [][]string{before, after}, err
			}},
		{Name: "a write in a query", Routes: primary, Run: func(ctx context.Context) (any, error) {
			var names []string
			err := db.SelectContext(ctx, &names, `
				WITH gone AS (DELETE FROM tags WHERE name = 'copper' RETURNING name) SELECT name FROM gone`)
			return names, err
		}},
		{Name: "locking in a query", Routes: primary, Run: func(ctx context.Context) (any, error) {
			var names []string
			err := db.SelectContext(ctx, &names, `SELECT name FROM tags ORDER BY id FOR UPDATE SKIP LOCKED`)
			return names, err
		}},
		// The replica's error is not the last word; the primary gives the same one.
		{Name: "an error in a read", Routes: step.On(step.Healed), Run: func(ctx context.Context) (any, error) {
			var n int64
			return n, db.GetContext(ctx, &n, `SELECT 10 / (view_count - view_count) FROM stories WHERE id = $1`, 1)
		}},
		{Name: "a table that is not there", Run: func(ctx context.Context) (any, error) {
			var n int64
			return n, db.GetContext(ctx, &n, `SELECT count(*) FROM poems`)
		}},
		{Name: "too few arguments", Run: func(ctx context.Context) (any, error) {
			var n int64
			return n, db.GetContext(ctx, &n, `SELECT count(*) FROM stories WHERE id = $1 AND genre = $2`, 1)
		}},
		// Ahead of each deadline there is a step that leaves an idle connection: it is the statement that has to run late,
		// not the dialling.
		{Name: "a read past its deadline", Routes: replica, Run: func(ctx context.Context) (any, error) {
			ctx, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
			defer cancel()
			var n sql.NullString
			return n, db.GetContext(ctx, &n, `SELECT pg_sleep(30)::text`)
		}},
		{Name: "no id of the last insert", Routes: primary, Run: func(ctx context.Context) (any, error) {
			res, err := db.ExecContext(ctx, `INSERT INTO tags (name) VALUES ($1)`, "zinc")
			if err != nil {
				return nil, err
			}
			return res.LastInsertId()
		}},
		{Name: "a write past its deadline", Routes: primary, Run: func(ctx context.Context) (any, error) {
			ctx, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
			defer cancel()
			_, err := db.ExecContext(ctx, `UPDATE tags SET name = 'late' FROM pg_sleep(30)`)
			return nil, err
		}},
		{Name: "the tables at the end", Routes: replica, Run: func(ctx context.Context) (any, error) {
			var rows []string
			err := db.SelectContext(ctx, &rows, `
				SELECT to_jsonb(u)::text FROM users u UNION ALL SELECT to_jsonb(s)::text FROM stories s
				UNION ALL SELECT to_jsonb(t)::text FROM tags t UNION ALL SELECT to_jsonb(st)::text FROM story_tags st
				UNION ALL SELECT to_jsonb(c)::text FROM comments c UNION ALL SELECT to_jsonb(f)::text FROM follows f ORDER BY 1`)
			return rows, err
		}},
	}
}
