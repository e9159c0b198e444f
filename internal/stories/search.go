package stories

import (
	"context"
	"database/sql"
	"strings"
)

// Search narrows what Site.Search finds. The zero value finds every published story.
type Search struct {
	Title    string // a part of the title, in any case
	Genre    string // "": any
	AuthorID int64  // 0: any
}

// likePattern makes the characters that LIKE takes for patterns stand for themselves.
var likePattern = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

// Search returns up to 100 published stories with their authors, newest first.
func (s *Site) Search(ctx context.Context, q Search) ([]Story, error) {
	rows, err := s.DB.QueryContext(ctx, selectStory+`
		WHERE s.published
		  AND s.title ILIKE '%' || $1::text || '%'
		  AND ($2::text = '' OR s.genre = $2::text)
		  AND ($3::bigint = 0 OR s.author_id = $3::bigint)
		ORDER BY s.published_at DESC, s.id DESC
		LIMIT 100`, likePattern.Replace(q.Title), q.Genre, q.AuthorID)
	return collect(rows, err, func(rows *sql.Rows) (Story, error) { return scanStory(rows) })
}
