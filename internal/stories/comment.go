package stories

import (
	"context"
	"database/sql"
	"time"
)

// Comment is what one user said about a story.
type Comment struct {
	ID        int64
	Author    string
	Body      string
	CreatedAt time.Time
}

// Comments returns the comments of a story, oldest first.
func (s *Site) Comments(ctx context.Context, story int64) ([]Comment, error) {
	rows, err := s.DB.QueryContext(ctx, `
		SELECT c.id, u.name, c.body, c.created_at
		FROM comments c JOIN users u ON u.id = c.author_id
		WHERE c.story_id = $1
		ORDER BY c.id`, story)
	return collect(rows, err, func(rows *sql.Rows) (c Comment, err error) {
		err = rows.Scan(&c.ID, &c.Author, &c.Body, &c.CreatedAt)
		return c, err
	})
}

// Comment adds a comment to a story and returns its number.
func (s *Site) Comment(ctx context.Context, story, author int64, body string) (id int64, err error) {
	err = s.DB.QueryRowContext(ctx, `
		INSERT INTO comments (story_id, author_id, body) VALUES ($1, $2, $3) RETURNING id`,
		story, author, body).Scan(&id)
	return id, err
}
