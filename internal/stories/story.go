package stories

import (
	"context"
	"database/sql"
	"strings"
	"time"
)

// Story is one story as lists show it.
type Story struct {
	ID          int64
	AuthorID    int64
	Author      string
	Title       string
	Genre       string
	Published   bool
	PublishedAt time.Time // zero until it is published
	Views       int64
	Tags        []string // by name; only Published and Story fill them
	Body        string   // only Story fills it
}

// Draft is what an author gives to write a story.
type Draft struct {
	AuthorID int64
	Title    string
	Body     string
	Genre    string
}

// Every list selects the same columns, so that one function scans them all. Tags cost a look into two more tables for
// each row: only selectTagged pays it.
const (
	storyColumns = `SELECT s.id, s.author_id, u.name, s.title, s.genre, s.published, s.published_at, s.view_count`
	storyTables  = ` FROM stories s JOIN users u ON u.id = s.author_id `
	storyTags    = `coalesce((SELECT string_agg(t.name, ',' ORDER BY t.name)
		FROM story_tags st JOIN tags t ON t.id = st.tag_id WHERE st.story_id = s.id), '')`

	selectStory  = storyColumns + `, ''` + storyTables
	selectTagged = storyColumns + `, ` + storyTags + storyTables
	selectBody   = storyColumns + `, ` + storyTags + `, s.body` + storyTables
)

// Published returns the newest 50 published stories with their authors and tags: the front page.
func (s *Site) Published(ctx context.Context) ([]Story, error) {
	rows, err := s.DB.QueryContext(ctx, selectTagged+`
		WHERE s.published
		ORDER BY s.published_at DESC, s.id DESC
		LIMIT 50`)
	return collect(rows, err, func(rows *sql.Rows) (Story, error) { return scanStory(rows) })
}

// Trending returns the ten published stories with the most views.
func (s *Site) Trending(ctx context.Context) ([]Story, error) {
	rows, err := s.DB.QueryContext(ctx, selectStory+`
		WHERE s.published
		ORDER BY s.view_count DESC, s.id
		LIMIT 10`)
	return collect(rows, err, func(rows *sql.Rows) (Story, error) { return scanStory(rows) })
}

// Story returns one story with its text and tags, published or not, or sql.ErrNoRows. It is the page that an author
// opens right after writing.
func (s *Site) Story(ctx context.Context, id int64) (Story, error) {
	var body string
	story, err := scanStory(s.DB.QueryRowContext(ctx, selectBody+`WHERE s.id = $1`, id), &body)
	story.Body = body
	return story, err
}

// Write stores a draft and returns its number. The draft is visible to Story, and to lists once it is published.
func (s *Site) Write(ctx context.Context, d Draft) (id int64, err error) {
	err = s.DB.QueryRowContext(ctx, `
		INSERT INTO stories (author_id, title, body, genre) VALUES ($1, $2, $3, $4) RETURNING id`,
		d.AuthorID, d.Title, d.Body, d.Genre).Scan(&id)
	return id, err
}

// Publish makes a story visible to all; a story that is published keeps its date. It returns sql.ErrNoRows when there
// is no such story.
func (s *Site) Publish(ctx context.Context, story int64) error {
	return one(s.DB.ExecContext(ctx, `
		UPDATE stories SET published = true, published_at = coalesce(published_at, now()) WHERE id = $1`, story))
}

// CountView adds one view to a story. It returns sql.ErrNoRows when there is no such story.
func (s *Site) CountView(ctx context.Context, story int64) error {
	return one(s.DB.ExecContext(ctx, `UPDATE stories SET view_count = view_count + 1 WHERE id = $1`, story))
}

// scanStory reads the columns that every list selects, and those that the caller has added to them.
func scanStory(row interface{ Scan(dest ...any) error }, more ...any) (Story, error) {
	var (
		s           Story
		publishedAt sql.Null[time.Time]
		tags        string
	)
	dest := append([]any{
		&s.ID, &s.AuthorID, &s.Author, &s.Title, &s.Genre, &s.Published, &publishedAt, &s.Views, &tags,
	}, more...)
	if err := row.Scan(dest...); err != nil {
		return Story{}, err
	}
	s.PublishedAt = publishedAt.V
	if tags != "" {
		s.Tags = strings.Split(tags, ",")
	}
	return s, nil
}
