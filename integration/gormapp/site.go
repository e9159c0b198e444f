package gormapp

import (
	"context"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// Site is the application.
type Site struct{ db *gorm.DB }

// New makes the application over db.
func New(db *gorm.DB) *Site { return &Site{db} }

// PublishedStories are the newest published ones, with author and tags: three queries.
func (s *Site) PublishedStories(ctx context.Context) ([]Story, error) {
	var stories []Story
	err := s.db.WithContext(ctx).Scopes(published).Preload("Author").
		Preload("Tags", func(db *gorm.DB) *gorm.DB { return db.Order("tags.name") }).
		Order("published_at DESC, id").Limit(50).Find(&stories).Error
	return stories, err
}

// published is a scope: the stories that readers may see.
func published(db *gorm.DB) *gorm.DB { return db.Where(&Story{Published: true}) }

// Trending are the published stories that most people have read, with the author joined: one query.
func (s *Site) Trending(ctx context.Context) ([]Story, error) {
	var stories []Story
	err := s.db.WithContext(ctx).Scopes(published).Joins("Author").
		Order(`"stories"."view_count" DESC, "stories"."id"`).Limit(10).Find(&stories).Error
	return stories, err
}

// User is one profile with all that belongs to it.
func (s *Site) User(ctx context.Context, id int64) (User, error) {
	var user User
	err := s.db.WithContext(ctx).Preload(clause.Associations).First(&user, id).Error
	return user, err
}

// UserStats counts what a user wrote and who listens.
type UserStats struct{ Stories, Followers int64 }

// UserStats counts stories and followers: two queries.
func (s *Site) UserStats(ctx context.Context, id int64) (stats UserStats, err error) {
	db := s.db.WithContext(ctx)
	if err = db.Model(&Story{}).Where("author_id = ?", id).Count(&stats.Stories).Error; err != nil {
		return stats, err
	}
	err = db.Table("follows").Where("followed_id = ?", id).Count(&stats.Followers).Error
	return stats, err
}

// Search finds published stories by title; genre and author narrow it when given.
func (s *Site) Search(ctx context.Context, title, genre string, authorID int64) ([]Story, error) {
	q := s.db.WithContext(ctx).Scopes(published).Where("title ILIKE ?", "%"+title+"%")
	if genre != "" {
		q = q.Where("genre = ?", genre)
	}
	if authorID != 0 {
		q = q.Where("author_id = ?", authorID)
	}
	var stories []Story
	err := q.Order("id").Limit(100).Find(&stories).Error
	return stories, err
}

// Feed is what the followed authors have published, found with a subquery.
func (s *Site) Feed(ctx context.Context, follower int64) ([]Story, error) {
	followed := s.db.Table("follows").Select("followed_id").Where("follower_id = ?", follower)
	var stories []Story
	err := s.db.WithContext(ctx).Scopes(published).Where("author_id IN (?)", followed).
		Order("published_at DESC, id").Limit(50).Find(&stories).Error
	return stories, err
}

// Comments of a story, oldest first, with their authors.
func (s *Site) Comments(ctx context.Context, storyID int64) ([]Comment, error) {
	var comments []Comment
	err := s.db.WithContext(ctx).Preload("Author").Where("story_id = ?", storyID).Order("id").Find(&comments).Error
	return comments, err
}

// Publish locks the story, so that two editors cannot publish it twice.
func (s *Site) Publish(ctx context.Context, id int64, at time.Time) error {
	return s.db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		var story Story
		if err := tx.Clauses(clause.Locking{Strength: clause.LockingStrengthUpdate}).First(&story, id).Error; err != nil {
			return err
		}
		if story.Published {
			return nil
		}
		return tx.Model(&story).Updates(Story{Published: true, PublishedAt: &at}).Error
	})
}

// CountView counts one view and returns the new number.
func (s *Site) CountView(ctx context.Context, id int64) (int64, error) {
	story := Story{ID: id}
	err := s.db.WithContext(ctx).Model(&story).Clauses(clause.Returning{Columns: []clause.Column{{Name: "view_count"}}}).
		UpdateColumn("view_count", gorm.Expr("view_count + ?", 1)).Error
	return story.ViewCount, err
}
