package gormapp

import (
	"context"
	"time"

	"github.com/pgsplit/pgsplit/integration/step"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

var (
	replica = step.On(step.Replica)
	primary = step.On(step.Primary)

	// noon is when everything happens: what is stored does not depend on when the steps run.
	noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
)

// Config is what the site sets in GORM.
func Config() *gorm.Config {
	return &gorm.Config{NowFunc: func() time.Time { return noon }, TranslateError: true, Logger: quiet}
}

// Steps run the site from its first table to its last comment. They build on one another.
func Steps(db *gorm.DB) []step.Step {
	site := New(db)
	all := migrationSteps(db)
	all = append(all, siteSteps(db, site)...)
	all = append(all, associationSteps(db)...)
	all = append(all, writeSteps(db)...)
	all = append(all, transactionSteps(db)...)
	all = append(all, readSteps(db)...)
	return append(all, step.Step{Name: "the tables at the end", Routes: replica, Run: func(ctx context.Context) (any, error) {
		var rows []string
		err := db.WithContext(ctx).Raw(`
			SELECT to_jsonb(u)::text FROM users u UNION ALL SELECT to_jsonb(s)::text FROM stories s
			UNION ALL SELECT to_jsonb(t)::text FROM tags t UNION ALL SELECT to_jsonb(st)::text FROM story_tags st
			UNION ALL SELECT to_jsonb(c)::text FROM comments c UNION ALL SELECT to_jsonb(f)::text FROM follows f ORDER BY 1`).
			Scan(&rows).Error
		return rows, err
	}})
}

// siteSteps are the operations that the readers and authors of the site perform.
func siteSteps(db *gorm.DB, site *Site) []step.Step {
	return []step.Step{
		{Name: "create users in batches", Routes: primary, Run: func(ctx context.Context) (any, error) {
			cyn := "cyn.png"
			users := []User{{Name: "ada", Bio: "writes of engines"}, {Name: "bob"}, {Name: "cyn", Avatar: &cyn}, {Name: "dan"}, {Name: "eve"}}
			err := db.WithContext(ctx).CreateInBatches(&users, 2).Error
			return users, err
		}},
		{Name: "create a user whose name is taken", Routes: primary, Run: func(ctx context.Context) (any, error) {
			return nil, db.WithContext(ctx).Create(&User{Name: "ada"}).Error
		}},
		{Name: "create a story with its tags and its first comment", Routes: primary, Run: func(ctx context.Context) (any, error) {
			story := Story{AuthorID: 1, Title: "The Engine", Body: "It counts. It prints.", Genre: "science",
				Tags: []Tag{{Name: "steam"}, {Name: "maths"}}, Comments: []Comment{{AuthorID: 2, Body: "does it?"}}}
			err := db.WithContext(ctx).Create(&story).Error
			return story, err
		}},
		{Name: "create a story with a new author", Routes: primary, Run: func(ctx context.Context) (any, error) {
			story := Story{Author: &User{Name: "fay"}, Title: "A quiet engine", Body: "It rests.", Tags: []Tag{{ID: 1, Name: "steam"}}}
			err := db.WithContext(ctx).Create(&story).Error
			return story, err
		}},
		{Name: "create a story with a tag whose name is taken", Routes: primary, Run: func(ctx context.Context) (any, error) {
			story := Story{AuthorID: 1, Title: "Twice", Tags: []Tag{{Name: "steam"}}}
			return nil, db.WithContext(ctx).Create(&story).Error
		}},
		{Name: "create a story without a title", Routes: primary, Run: func(ctx context.Context) (any, error) {
			return nil, db.WithContext(ctx).Create(&Story{AuthorID: 1}).Error
		}},
		{Name: "create a story without an author", Routes: primary, Run: func(ctx context.Context) (any, error) {
			return nil, db.WithContext(ctx).Create(&Story{AuthorID: 4711, Title: "Nobody's"}).Error
		}},
		{Name: "published stories, before there are any", Routes: replica, Run: func(ctx context.Context) (any, error) {
			return site.PublishedStories(ctx)
		}},
		{Name: "publish", Routes: primary, Run: func(ctx context.Context) (any, error) {
			return nil, site.Publish(ctx, 1, noon)
		}},
		{Name: "publish what is not there", Routes: primary, Run: func(ctx context.Context) (any, error) {
			return nil, site.Publish(ctx, 4711, noon)
		}},
		{Name: "count a view", Routes: primary, Run: func(ctx context.Context) (any, error) {
			return site.CountView(ctx, 1)
		}},
		{Name: "follow", Routes: primary, Run: func(ctx context.Context) (any, error) {
			return nil, db.WithContext(ctx).Model(&User{ID: 2}).Association("Following").Append(&User{ID: 1})
		}},
		{Name: "published stories", Routes: replica, Run: func(ctx context.Context) (any, error) {
			return site.PublishedStories(ctx)
		}},
		{Name: "trending stories", Routes: replica, Run: func(ctx context.Context) (any, error) {
			return site.Trending(ctx)
		}},
		{Name: "user profile", Routes: replica, Run: func(ctx context.Context) (any, error) {
			return site.User(ctx, 2)
		}},
		{Name: "a profile that is not there", Routes: replica, Run: func(ctx context.Context) (any, error) {
			return site.User(ctx, 4711)
		}},
		{Name: "user statistics", Routes: replica, Run: func(ctx context.Context) (any, error) {
			return site.UserStats(ctx, 1)
		}},
		{Name: "search", Routes: replica, Run: func(ctx context.Context) (any, error) {
			return site.Search(ctx, "ENGINE", "science", 1)
		}},
		{Name: "feed", Routes: replica, Run: func(ctx context.Context) (any, error) {
			return site.Feed(ctx, 2)
		}},
		{Name: "comment, counted by a hook", Routes: primary, Run: func(ctx context.Context) (any, error) {
			comment := Comment{StoryID: 1, AuthorID: 3, Body: "it does"}
			err := db.WithContext(ctx).Create(&comment).Error
			return comment, err
		}},
		{Name: "comments of a story", Routes: replica, Run: func(ctx context.Context) (any, error) {
			return site.Comments(ctx, 1)
		}},
		{Name: "update a profile", Routes: primary, Run: func(ctx context.Context) (any, error) {
			user := User{ID: 1}
			err := db.WithContext(ctx).Model(&user).Clauses(clause.Returning{}).Updates(map[string]any{"bio": "rests"}).Error
			return user, err
		}},
	}
}
