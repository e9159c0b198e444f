package gormapp

import (
	"context"
	"database/sql"
	"time"

	"github.com/pgsplit/pgsplit/integration/step"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

// quiet keeps the errors that the steps provoke out of the test's output.
var quiet = logger.Discard

// readSteps are GORM's many ways to read.
func readSteps(db *gorm.DB) []step.Step {
	return []step.Step{
		{Name: "first, last, take and find", Routes: replica, Run: func(ctx context.Context) (any, error) {
			db := db.WithContext(ctx)
			var first, last, take User
			var all []User
			err := db.First(&first).Error
			if err == nil {
				err = db.Last(&last).Error
			}
			if err == nil {
				err = db.Where(map[string]any{"name": "cyn"}).Take(&take).Error
			}
			if err == nil {
				err = db.Not("name = ?", "ada").Or("id = ?", 1).Order("id").Offset(1).Limit(3).Find(&all).Error
			}
			return []any{first, last, take, all}, err
		}},
		{Name: "generics", Routes: replica, Run: func(ctx context.Context) (any, error) {
			return gorm.G[Story](db).Where("published = ?", true).Order("id").Find(ctx)
		}},
		{Name: "group and having", Routes: replica, Run: func(ctx context.Context) (any, error) {
			var rows []struct {
				AuthorID int64
				Stories  int64
				Views    sql.NullInt64
			}
			err := db.WithContext(ctx).Model(&Story{}).Select("author_id, count(*) AS stories, sum(view_count) AS views").
				Group("author_id").Having("count(*) > ?", 0).Order("author_id").Find(&rows).Error
			return rows, err
		}},
		{Name: "raw query", Routes: replica, Run: func(ctx context.Context) (any, error) {
			var rows []map[string]any
			err := db.WithContext(ctx).Raw(`
				WITH written AS (SELECT author_id, count(*) AS n FROM stories GROUP BY author_id)
				SELECT u.name, coalesce(w.n, 0) AS n FROM users u LEFT JOIN written w ON w.author_id = u.id
				 WHERE u.name <> @name ORDER BY u.id`, sql.Named("name", "dan")).Scan(&rows).Error
			return rows, err
		}},
		{Name: "rows one by one", Routes: replica, Run: func(ctx context.Context) (any, error) {
			rows, err := db.WithContext(ctx).Model(&Story{}).Order("id").Rows()
			if err != nil {
				return nil, err
			}
			defer rows.Close()
			var stories []Story
			for rows.Next() {
				var story Story
				if err := db.ScanRows(rows, &story); err != nil {
					return nil, err
				}
				stories = append(stories, story)
			}
			return stories, rows.Err()
		}},
		{Name: "one row", Routes: replica, Run: func(ctx context.Context) (any, error) {
			var name string
			var views int64
			err := db.WithContext(ctx).Table("stories").Select("title, view_count").Where("id = ?", 1).Row().Scan(&name, &views)
			return []any{name, views}, err
		}},
		{Name: "find in batches", Routes: replica, Run: func(ctx context.Context) (any, error) {
			var names []string
			var tags []Tag
			tx := db.WithContext(ctx).FindInBatches(&tags, 4, func(*gorm.DB, int) error {
				for _, tag := range tags {
					names = append(names, tag.Name)
				}
				return nil
			})
			return []any{names, tx.RowsAffected}, tx.Error
		}},
		{Name: "a session with prepared statements", Routes: replica, Run: func(ctx context.Context) (any, error) {
			prepared := db.WithContext(ctx).Session(&gorm.Session{PrepareStmt: true})
			var names []string
			for _, id := range []int64{1, 2, 3, 1} {
				var user User
				if err := prepared.First(&user, id).Error; err != nil {
					return nil, err
				}
				names = append(names, user.Name)
			}
			return names, nil
		}},
		{Name: "a column that is not there", Run: func(ctx context.Context) (any, error) {
			var names []string
			return names, db.WithContext(ctx).Model(&User{}).Pluck("surname", &names).Error
		}},
		// The replica's error is not the last word; the primary gives the same one.
		{Name: "an error in a read", Routes: step.On(step.Healed), Run: func(ctx context.Context) (any, error) {
			var n int64
			return n, db.WithContext(ctx).Raw("SELECT 10 / (view_count - view_count) FROM stories WHERE id = ?", 1).Scan(&n).Error
		}},
		{Name: "a read past its deadline", Routes: replica, Run: func(ctx context.Context) (any, error) {
			ctx, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
			defer cancel()
			var n string
			return n, db.WithContext(ctx).Raw("SELECT pg_sleep(30)::text").Scan(&n).Error
		}},
		{Name: "a read that was given up before it began", Run: func(ctx context.Context) (any, error) {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			var user User
			return user, db.WithContext(ctx).First(&user).Error
		}},
	}
}
