// Package gormapp is the stories site written for GORM. It knows nothing of pgsplit: which driver serves it is the
// business of whoever opens the handle.
package gormapp

import (
	"time"

	"gorm.io/gorm"
)

// User is a profile. Whom a user follows is an association of the user with itself.
type User struct {
	ID        int64
	Name      string `gorm:"not null;uniqueIndex"`
	Bio       string
	Avatar    *string
	CreatedAt time.Time
	UpdatedAt time.Time
	Stories   []Story `gorm:"foreignKey:AuthorID"`
	Following []*User `gorm:"many2many:follows;joinForeignKey:FollowerID;joinReferences:FollowedID"`
}

// Story can be deleted and brought back.
type Story struct {
	ID           int64
	AuthorID     int64 `gorm:"not null;index"`
	Author       *User
	Title        string `gorm:"not null"`
	Slug         string `gorm:"uniqueIndex;size:80"`
	Body         string
	Genre        string `gorm:"size:20;default:prose"`
	Published    bool
	PublishedAt  *time.Time
	ViewCount    int64 `gorm:"not null;default:0;check:views_not_negative,view_count >= 0"`
	CommentCount int64 `gorm:"not null;default:0"`
	Tags         []Tag `gorm:"many2many:story_tags"`
	Comments     []Comment
	CreatedAt    time.Time
	UpdatedAt    time.Time
	DeletedAt    gorm.DeletedAt `gorm:"index"`

	// Excerpt is made by a hook, not stored.
	Excerpt string `gorm:"-"`
}

// Tag names what a story is about.
type Tag struct {
	ID   int64
	Name string `gorm:"not null;uniqueIndex"`
}

// Comment is what a reader says about a story.
type Comment struct {
	ID        int64
	StoryID   int64 `gorm:"not null;index"`
	AuthorID  int64 `gorm:"not null"`
	Author    *User
	Body      string
	CreatedAt time.Time
}

// Models are all of them, for AutoMigrate.
func Models() []any { return []any{&User{}, &Story{}, &Tag{}, &Comment{}} }
