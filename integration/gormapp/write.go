package gormapp

import (
	"context"
	"time"

	"github.com/pgsplit/pgsplit/integration/step"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// writeSteps are GORM's many ways to write, and those that read first and then may write.
func writeSteps(db *gorm.DB) []step.Step {
	// A read that finds nothing, then a creation in GORM's own transaction.
	readThenCreate := step.On(step.Replica, step.Primary, step.Primary, step.Primary)

	return []step.Step{
		{Name: "first or create, not there", Routes: readThenCreate, Run: func(ctx context.Context) (any, error) {
			tag := Tag{}
			tx := db.WithContext(ctx).Where(Tag{Name: "copper"}).FirstOrCreate(&tag)
			return []any{tag, tx.RowsAffected}, tx.Error
		}},
		{Name: "first or create, there", Routes: replica, Run: func(ctx context.Context) (any, error) {
			tag := Tag{}
			tx := db.WithContext(ctx).Where(Tag{Name: "copper"}).FirstOrCreate(&tag)
			return []any{tag, tx.RowsAffected}, tx.Error
		}},
		{Name: "first or create with attributes", Routes: readThenCreate, Run: func(ctx context.Context) (any, error) {
			user := User{}
			err := db.WithContext(ctx).Where(User{Name: "gus"}).Attrs(User{Bio: "is new"}).FirstOrCreate(&user).Error
			return user, err
		}},
		{Name: "first or create with assignments", Routes: readThenCreate, Run: func(ctx context.Context) (any, error) {
			user := User{}
			err := db.WithContext(ctx).Where(User{Name: "gus"}).Assign(User{Bio: "is known"}).FirstOrCreate(&user).Error
			return user, err
		}},
		{Name: "first or init", Routes: replica, Run: func(ctx context.Context) (any, error) {
			user := User{}
			err := db.WithContext(ctx).Where(User{Name: "hal"}).Attrs(User{Bio: "is not stored"}).FirstOrInit(&user).Error
			return user, err
		}},
		{Name: "upsert", Routes: primary, Run: func(ctx context.Context) (any, error) {
			users := []User{{Name: "dan", Bio: "updated"}, {Name: "ida", Bio: "inserted"}}
			err := db.WithContext(ctx).Clauses(clause.OnConflict{
				Columns:   []clause.Column{{Name: "name"}},
				DoUpdates: clause.AssignmentColumns([]string{"bio"}),
			}).Create(&users).Error
			return users, err
		}},
		{Name: "insert unless it is there", Routes: primary, Run: func(ctx context.Context) (any, error) {
			tx := db.WithContext(ctx).Clauses(clause.OnConflict{DoNothing: true}).Create(&Tag{Name: "copper"})
			return tx.RowsAffected, tx.Error
		}},
		{Name: "save", Routes: step.On(step.Replica, step.Primary, step.Primary, step.Primary),
			Run: func(ctx context.Context) (any, error) {
				var user User
				if err := db.WithContext(ctx).Where("name = ?", "eve").Take(&user).Error; err != nil {
					return nil, err
				}
				user.Bio = "was saved"
				err := db.WithContext(ctx).Save(&user).Error
				return user, err
			}},
		{Name: "update with an expression", Routes: primary, Run: func(ctx context.Context) (any, error) {
			tx := db.WithContext(ctx).Model(&Story{}).Where("id IN ?", []int64{1, 2}).
				Update("view_count", gorm.Expr("view_count * ? + 7", 2))
			return tx.RowsAffected, tx.Error
		}},
		{Name: "update past a check", Routes: primary, Run: func(ctx context.Context) (any, error) {
			return nil, db.WithContext(ctx).Model(&Story{ID: 1}).Update("view_count", -1).Error
		}},
		{Name: "update everything by mistake", Routes: primary, Run: func(ctx context.Context) (any, error) {
			return nil, db.WithContext(ctx).Model(&Story{}).Update("published", true).Error
		}},
		{Name: "delete and return", Routes: primary, Run: func(ctx context.Context) (any, error) {
			var gone []Comment
			tx := db.WithContext(ctx).Clauses(clause.Returning{}).Where("author_id = ?", 3).Delete(&gone)
			return []any{gone, tx.RowsAffected}, tx.Error
		}},
		{Name: "delete a tag in use", Routes: primary, Run: func(ctx context.Context) (any, error) {
			return nil, db.WithContext(ctx).Delete(&Tag{ID: 1}).Error
		}},
		{Name: "delete softly", Routes: primary, Run: func(ctx context.Context) (any, error) {
			return nil, db.WithContext(ctx).Delete(&Story{ID: 2}).Error
		}},
		{Name: "what is deleted is not found", Routes: replica, Run: func(ctx context.Context) (any, error) {
			var story Story
			return story, db.WithContext(ctx).First(&story, 2).Error
		}},
		{Name: "unless asked for", Routes: replica, Run: func(ctx context.Context) (any, error) {
			var story Story
			err := db.WithContext(ctx).Unscoped().First(&story, 2).Error
			return story, err
		}},
		{Name: "bring back", Routes: primary, Run: func(ctx context.Context) (any, error) {
			tx := db.WithContext(ctx).Unscoped().Model(&Story{ID: 2}).Update("deleted_at", nil)
			return tx.RowsAffected, tx.Error
		}},
		{Name: "raw execution", Routes: primary, Run: func(ctx context.Context) (any, error) {
			tx := db.WithContext(ctx).Exec("UPDATE users SET bio = @bio WHERE name = @name", map[string]any{"bio": "raw", "name": "bob"})
			return tx.RowsAffected, tx.Error
		}},
		{Name: "raw insert that returns", Routes: primary, Run: func(ctx context.Context) (any, error) {
			var id int64
			err := db.WithContext(ctx).Raw("INSERT INTO tags (name) VALUES (?) RETURNING id", "zinc").Scan(&id).Error
			return id, err
		}},
		{Name: "without a transaction of its own", Routes: primary, Run: func(ctx context.Context) (any, error) {
			tag := Tag{Name: "lead"}
			err := db.WithContext(ctx).Session(&gorm.Session{SkipDefaultTransaction: true}).Create(&tag).Error
			return tag, err
		}},
		// A dry creation still begins and commits; a dry read does nothing.
		{Name: "dry run", Routes: primary, Run: func(ctx context.Context) (any, error) {
			dry := db.WithContext(ctx).Session(&gorm.Session{DryRun: true})
			create := dry.Create(&Tag{Name: "gold"}).Statement
			find := dry.Where("name = ?", "gold").Find(&[]Tag{}).Statement
			return []any{create.SQL.String(), create.Vars, find.SQL.String(), find.Vars}, nil
		}},
		{Name: "a write past its deadline", Routes: primary, Run: func(ctx context.Context) (any, error) {
			ctx, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
			defer cancel()
			return nil, db.WithContext(ctx).Exec("UPDATE tags SET name = 'late' FROM pg_sleep(30)").Error
		}},
	}
}
