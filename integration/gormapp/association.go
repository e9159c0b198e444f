package gormapp

import (
	"context"

	"github.com/pgsplit/pgsplit/integration/step"

	"gorm.io/gorm"
)

// associationSteps change and read what belongs to a story.
func associationSteps(db *gorm.DB) []step.Step {
	tags := func(ctx context.Context) *gorm.Association {
		return db.WithContext(ctx).Model(&Story{ID: 1}).Association("Tags")
	}
	found := func(name string) step.Step {
		return step.Step{Name: name, Routes: replica, Run: func(ctx context.Context) (any, error) {
			var all []Tag
			err := db.WithContext(ctx).Model(&Story{ID: 1}).Order("tags.name").Association("Tags").Find(&all)
			return all, err
		}}
	}
	return []step.Step{
		{Name: "append tags", Routes: primary, Run: func(ctx context.Context) (any, error) {
			return nil, tags(ctx).Append(&Tag{Name: "brass"}, &Tag{Name: "cogs"})
		}},
		found("tags after append"),
		{Name: "count tags", Routes: replica, Run: func(ctx context.Context) (any, error) {
			a := tags(ctx)
			return a.Count(), a.Error
		}},
		{Name: "replace tags", Routes: primary, Run: func(ctx context.Context) (any, error) {
			return nil, tags(ctx).Replace(&Tag{Name: "iron"}, &Tag{ID: 1, Name: "steam"})
		}},
		found("tags after replace"),
		{Name: "take a tag away", Routes: primary, Run: func(ctx context.Context) (any, error) {
			return nil, tags(ctx).Delete(&Tag{ID: 1})
		}},
		found("tags after delete"),
		{Name: "unfollow everybody", Routes: primary, Run: func(ctx context.Context) (any, error) {
			return nil, db.WithContext(ctx).Model(&User{ID: 2}).Association("Following").Clear()
		}},
		{Name: "stories of a user, through the association", Routes: replica, Run: func(ctx context.Context) (any, error) {
			var stories []Story
			err := db.WithContext(ctx).Model(&User{ID: 1}).Where("published").Association("Stories").Find(&stories)
			return stories, err
		}},
		{Name: "nested preloads", Routes: replica, Run: func(ctx context.Context) (any, error) {
			var users []User
			err := db.WithContext(ctx).Preload("Stories.Tags").Preload("Stories.Comments.Author").
				Preload("Stories", "published = ?", true).Order("id").Find(&users).Error
			return users, err
		}},
		{Name: "a join with conditions", Routes: replica, Run: func(ctx context.Context) (any, error) {
			var stories []Story
			err := db.WithContext(ctx).InnerJoins("Author", db.Where(&User{Name: "ada"})).
				Joins("LEFT JOIN comments ON comments.story_id = stories.id AND comments.author_id = ?", 2).
				Order("stories.id").Find(&stories).Error
			return stories, err
		}},
	}
}
