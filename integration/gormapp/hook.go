package gormapp

import (
	"errors"
	"strings"

	"gorm.io/gorm"
)

// ErrNoTitle is returned by the hook of a story without a title.
var ErrNoTitle = errors.New("a story needs a title")

// BeforeCreate makes the slug, and refuses a story that has no title: the whole creation is rolled back.
func (s *Story) BeforeCreate(*gorm.DB) error {
	if s.Title == "" {
		return ErrNoTitle
	}
	if s.Slug == "" {
		s.Slug = strings.ReplaceAll(strings.ToLower(s.Title), " ", "-")
	}
	return nil
}

// AfterFind makes the excerpt.
func (s *Story) AfterFind(*gorm.DB) error {
	s.Excerpt, _, _ = strings.Cut(s.Body, ".")
	return nil
}

// AfterCreate keeps the story's count, with a statement of its own in the transaction of the comment.
func (c *Comment) AfterCreate(tx *gorm.DB) error {
	return tx.Model(&Story{}).Where("id = ?", c.StoryID).
		UpdateColumn("comment_count", gorm.Expr("comment_count + 1")).Error
}

// BeforeDelete reads within the transaction before a tag goes.
func (t *Tag) BeforeDelete(tx *gorm.DB) error {
	var used int64
	if err := tx.Table("story_tags").Where("tag_id = ?", t.ID).Count(&used).Error; err != nil {
		return err
	}
	if used > 0 {
		return errors.New("the tag is in use")
	}
	return nil
}
