package gormapp

import (
	"context"
	"fmt"
	"slices"

	"github.com/pgsplit/pgsplit/integration/step"

	"gorm.io/gorm"
)

// A note is a table that changes from one release of the site to the next.
type noteV1 struct {
	ID   int64
	Text string
}

type noteV2 struct {
	ID     int64
	Text   string `gorm:"size:200;not null"`
	Colour string `gorm:"index;default:grey"`
}

type noteV3 struct {
	ID     int64
	Text   string
	Colour string `gorm:"uniqueIndex:notes_colour_likes;default:grey"`
	Likes  int64  `gorm:"uniqueIndex:notes_colour_likes;not null;default:0"`
}

func (noteV1) TableName() string { return "notes" }
func (noteV2) TableName() string { return "notes" }
func (noteV3) TableName() string { return "notes" }

// migrationSteps make the tables and change them, reading the catalog right after each change to it.
func migrationSteps(db *gorm.DB) []step.Step {
	mixed := step.On(step.Mixed)
	migrate := func(name string, models ...any) step.Step {
		return step.Step{Name: name, Routes: mixed, Run: func(ctx context.Context) (any, error) {
			return nil, db.WithContext(ctx).AutoMigrate(models...)
		}}
	}
	return []step.Step{
		migrate("migrate an empty database", Models()...),
		migrate("migrate what is up to date", Models()...),
		{Name: "look at the tables", Routes: mixed, Run: func(ctx context.Context) (any, error) {
			m := db.WithContext(ctx).Migrator()
			tables, err := m.GetTables()
			slices.Sort(tables)
			return []any{
				tables, m.HasTable(&Story{}), m.HasTable("poems"), m.HasColumn(&Story{}, "slug"), m.HasColumn(&Story{}, "price"),
				m.HasIndex(&Tag{}, "idx_tags_name"), m.HasConstraint(&Story{}, "views_not_negative"),
			}, err
		}},
		columns(db, "columns of stories", &Story{}),
		migrate("a first version of a table", &noteV1{}),
		columns(db, "columns of the first version", &noteV1{}),
		{Name: "a row of the first version", Routes: primary, Run: func(ctx context.Context) (any, error) {
			note := noteV1{Text: "remember"}
			err := db.WithContext(ctx).Create(&note).Error
			return note, err
		}},
		migrate("a second version", &noteV2{}),
		columns(db, "columns of the second version", &noteV2{}),
		migrate("a third version", &noteV3{}),
		columns(db, "columns of the third version", &noteV3{}),
		{Name: "rows of the third version", Routes: replica, Run: func(ctx context.Context) (any, error) {
			var notes []noteV3
			err := db.WithContext(ctx).Find(&notes).Error
			return notes, err
		}},
		{Name: "rename and drop", Routes: mixed, Run: func(ctx context.Context) (any, error) {
			m := db.WithContext(ctx).Migrator()
			if err := m.RenameColumn(&noteV3{}, "likes", "hearts"); err != nil {
				return nil, err
			}
			if err := m.DropIndex(&noteV3{}, "notes_colour_likes"); err != nil {
				return nil, err
			}
			return nil, m.DropTable(&noteV3{})
		}},
	}
}

func columns(db *gorm.DB, name string, model any) step.Step {
	return step.Step{Name: name, Routes: step.On(step.Mixed), Run: func(ctx context.Context) (any, error) {
		types, err := db.WithContext(ctx).Migrator().ColumnTypes(model)
		var all [][]any
		for _, t := range types {
			full, _ := t.ColumnType()
			length, _ := t.Length()
			nullable, _ := t.Nullable()
			value, has := t.DefaultValue()
			all = append(all, []any{t.Name(), t.DatabaseTypeName(), full, length, nullable, value, has, fmt.Sprint(t.ScanType())})
		}
		return all, err
	}}
}
