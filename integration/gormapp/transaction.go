package gormapp

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/pgsplit/pgsplit/integration/step"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

var errChangedMind = errors.New("changed my mind")

// transactionSteps run on the primary from BEGIN to COMMIT, whatever they read in between.
func transactionSteps(db *gorm.DB) []step.Step {
	create := func(tx *gorm.DB, name string) error { return tx.Create(&Tag{Name: name}).Error }
	return []step.Step{
		{Name: "transaction that reads what it wrote", Routes: primary, Run: func(ctx context.Context) (any, error) {
			var names []string
			err := db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
				if err := create(tx, "written"); err != nil {
					return err
				}
				return tx.Model(&Tag{}).Order("id").Pluck("name", &names).Error
			})
			return names, err
		}},
		{Name: "transaction that changes its mind", Routes: primary, Run: func(ctx context.Context) (any, error) {
			return nil, db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
				if err := create(tx, "unwanted"); err != nil {
					return err
				}
				return errChangedMind
			})
		}},
		{Name: "nested transaction, the inner one rolled back", Routes: primary, Run: func(ctx context.Context) (any, error) {
			var inner error
			var names []string
			err := db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
				if err := create(tx, "outer"); err != nil {
					return err
				}
				inner = tx.Transaction(func(tx *gorm.DB) error {
					if err := create(tx, "inner"); err != nil {
						return err
					}
					return create(tx, "outer")
				})
				if err := tx.Transaction(func(tx *gorm.DB) error { return create(tx, "second inner") }); err != nil {
					return err
				}
				return tx.Model(&Tag{}).Where("name LIKE ?", "%ner").Order("id").Pluck("name", &names).Error
			})
			return []any{names, errors.Is(inner, gorm.ErrDuplicatedKey)}, err
		}},
		{Name: "savepoints by hand", Routes: primary, Run: func(ctx context.Context) (any, error) {
			tx := db.WithContext(ctx).Begin()
			if tx.Error != nil {
				return nil, tx.Error
			}
			defer tx.Rollback()
			first := create(tx, "before")
			tx.SavePoint("sp1")
			second := create(tx, "between")
			tx.RollbackTo("sp1")
			third := create(tx, "after")
			return fmt.Sprint(first, second, third), tx.Commit().Error
		}},
		{Name: "a transaction that panics", Routes: primary, Run: func(ctx context.Context) (got any, err error) {
			defer func() { got = recover() }()
			return nil, db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
				if err := create(tx, "lost"); err != nil {
					return err
				}
				panic("out of steam")
			})
		}},
		{Name: "serializable transaction", Routes: primary, Run: func(ctx context.Context) (any, error) {
			var level string
			err := db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
				return tx.Raw("SHOW transaction_isolation").Scan(&level).Error
			}, &sql.TxOptions{Isolation: sql.LevelSerializable})
			return level, err
		}},
		{Name: "read-only transaction", Routes: primary, Run: func(ctx context.Context) (any, error) {
			var count int64
			err := db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
				if err := tx.Model(&Tag{}).Count(&count).Error; err != nil {
					return err
				}
				return create(tx, "forbidden")
			}, &sql.TxOptions{ReadOnly: true})
			return count, err
		}},
		{Name: "locking outside of a transaction", Routes: primary, Run: func(ctx context.Context) (any, error) {
			var story Story
			err := db.WithContext(ctx).Clauses(clause.Locking{Strength: clause.LockingStrengthUpdate}).Take(&story, 1).Error
			return story, err
		}},
		{Name: "locking in a transaction", Routes: primary, Run: func(ctx context.Context) (any, error) {
			var stories []Story
			err := db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
				return tx.Clauses(clause.Locking{
					Strength: clause.LockingStrengthShare, Table: clause.Table{Name: "stories"}, Options: clause.LockingOptionsNoWait,
				}).InnerJoins("Author").Order("stories.id").Find(&stories).Error
			})
			return stories, err
		}},
		// A connection that has written reads where it wrote until it is given back.
		{Name: "one connection held", Routes: step.On(step.Replica, step.Primary, step.Primary, step.Primary, step.Primary),
			Run: func(ctx context.Context) (any, error) {
				var before, after []string
				err := db.WithContext(ctx).Connection(func(conn *gorm.DB) error {
					conn = conn.Session(&gorm.Session{NewDB: true})
					if err := conn.Model(&Tag{}).Order("id").Pluck("name", &before).Error; err != nil {
						return err
					}
					if err := create(conn, "held"); err != nil {
						return err
					}
					return conn.Model(&Tag{}).Order("id DESC").Pluck("name", &after).Error
				})
				return [][]string{before, after}, err
			}},
	}
}
