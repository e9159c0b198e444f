package sqlxapp

import (
	"context"
	"time"

	"github.com/jmoiron/sqlx"
)

// Comment is what a reader says about a story.
type Comment struct {
	ID        int64     `db:"id"`
	StoryID   int64     `db:"story_id"`
	AuthorID  int64     `db:"author_id"`
	Body      string    `db:"body"`
	CreatedAt time.Time `db:"created_at"`
}

// Comment adds one comment.
func (s *Site) Comment(ctx context.Context, storyID, authorID int64, body string) (Comment, error) {
	var c Comment
	query, args, err := s.db.BindNamed(`
		INSERT INTO comments (story_id, author_id, body, created_at) VALUES (:story, :author, :body, :now) RETURNING *`,
		map[string]any{"story": storyID, "author": authorID, "body": body, "now": s.now()})
	if err != nil {
		return c, err
	}
	err = s.db.GetContext(ctx, &c, query, args...)
	return c, err
}

// Comments of a story, oldest first.
func (s *Site) Comments(ctx context.Context, storyID int64) ([]Comment, error) {
	var comments []Comment
	err := s.db.SelectContext(ctx, &comments, `SELECT * FROM comments WHERE story_id = $1 ORDER BY id`, storyID)
	return comments, err
}

// CommentReader holds a prepared statement for the busiest query. It serves reads outside of transactions and, bound to
// one, inside.
type CommentReader struct{ stmt *sqlx.Stmt }

// CommentReader prepares the statement once.
func (s *Site) CommentReader(ctx context.Context) (*CommentReader, error) {
	stmt, err := s.db.PreparexContext(ctx, `SELECT * FROM comments WHERE story_id = $1 ORDER BY id DESC`)
	return &CommentReader{stmt}, err
}

// Newest comments of a story, read outside of any transaction.
func (r *CommentReader) Newest(ctx context.Context, storyID int64) ([]Comment, error) {
	var comments []Comment
	err := r.stmt.SelectContext(ctx, &comments, storyID)
	return comments, err
}

// NewestIn reads within tx, and sees what tx has written.
func (r *CommentReader) NewestIn(ctx context.Context, tx *sqlx.Tx, storyID int64) ([]Comment, error) {
	var comments []Comment
	err := tx.StmtxContext(ctx, r.stmt).SelectContext(ctx, &comments, storyID)
	return comments, err
}

// Close gives the statement back.
func (r *CommentReader) Close() error { return r.stmt.Close() }
