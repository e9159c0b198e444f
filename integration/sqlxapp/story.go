package sqlxapp

import (
	"context"
	"time"

	"github.com/jmoiron/sqlx"
)

// Story is a story as it is stored.
type Story struct {
	ID          int64      `db:"id"`
	AuthorID    int64      `db:"author_id"`
	Title       string     `db:"title"`
	Body        string     `db:"body"`
	Genre       string     `db:"genre"`
	Published   bool       `db:"published"`
	PublishedAt *time.Time `db:"published_at"`
	ViewCount   int64      `db:"view_count"`
}

// Listed is a story as listings show it: with its author, nested, and its tags.
type Listed struct {
	Story
	Author User   `db:"author"`
	Tags   string `db:"tags"`
}

// listing selects Listed rows; sqlx maps "author.name" to Author.Name.
const listing = `
	SELECT s.*,
	       u.id AS "author.id", u.name AS "author.name", u.bio AS "author.bio", u.avatar AS "author.avatar",
	       u.created_at AS "author.created_at",
	       coalesce((SELECT string_agg(t.name, ',' ORDER BY t.name)
	                   FROM story_tags st JOIN tags t ON t.id = st.tag_id WHERE st.story_id = s.id), '') AS tags
	  FROM stories s JOIN users u ON u.id = s.author_id`

// CreateStory adds a draft with its tags, all or nothing.
func (s *Site) CreateStory(ctx context.Context, story Story, tags ...string) (int64, error) {
	err := s.inTx(ctx, func(tx *sqlx.Tx) error {
		insert, err := tx.PrepareNamedContext(ctx, `
			INSERT INTO stories (author_id, title, body, genre) VALUES (:author_id, :title, :body, :genre) RETURNING id`)
		if err != nil {
			return err
		}
		defer insert.Close()
		if err := insert.GetContext(ctx, &story.ID, story); err != nil {
			return err
		}
		for _, tag := range tags {
			if _, err := tx.ExecContext(ctx, `
				WITH tag AS (
					INSERT INTO tags (name) VALUES ($2) ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING id
				) INSERT INTO story_tags (story_id, tag_id) SELECT $1, id FROM tag`, story.ID, tag); err != nil {
				return err
			}
		}
		return nil
	})
	return story.ID, err
}

// Publish makes a draft visible. The row is locked first, so that two editors cannot publish it twice.
func (s *Site) Publish(ctx context.Context, id int64) error {
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		var story Story
		if err := tx.GetContext(ctx, &story, `SELECT * FROM stories WHERE id = $1 FOR UPDATE`, id); err != nil {
			return err
		}
		if story.Published {
			return nil
		}
		_, err := tx.NamedExecContext(ctx, `UPDATE stories SET published = true, published_at = :now WHERE id = :id`,
			map[string]any{"id": id, "now": s.now()})
		return err
	})
}

// CountView counts one view and returns the new number.
func (s *Site) CountView(ctx context.Context, id int64) (int64, error) {
	var count int64
	err := s.db.GetContext(ctx, &count, `UPDATE stories SET view_count = view_count + 1 WHERE id = $1 RETURNING view_count`, id)
	return count, err
}

// PublishedStories are the newest published ones.
func (s *Site) PublishedStories(ctx context.Context) ([]Listed, error) {
	var stories []Listed
	err := s.db.SelectContext(ctx, &stories, listing+` WHERE s.published ORDER BY s.published_at DESC, s.id LIMIT 50`)
	return stories, err
}

// Trending are the published stories that most people have read.
func (s *Site) Trending(ctx context.Context) ([]Listed, error) {
	var stories []Listed
	err := s.db.SelectContext(ctx, &stories, listing+` WHERE s.published ORDER BY s.view_count DESC, s.id LIMIT $1`, 10)
	return stories, err
}

// Filter narrows a search; empty fields do not.
type Filter struct {
	Title    string `db:"title"`
	Genre    string `db:"genre"`
	AuthorID int64  `db:"author_id"`
}

// Search finds published stories by title, without regard to case.
func (s *Site) Search(ctx context.Context, f Filter) ([]Listed, error) {
	query := listing + ` WHERE s.published AND s.title ILIKE '%' || :title || '%'`
	if f.Genre != "" {
		query += ` AND s.genre = :genre`
	}
	if f.AuthorID != 0 {
		query += ` AND s.author_id = :author_id`
	}
	rows, err := s.db.NamedQueryContext(ctx, query+` ORDER BY s.id LIMIT 100`, f)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var stories []Listed
	for rows.Next() {
		var story Listed
		if err := rows.StructScan(&story); err != nil {
			return nil, err
		}
		stories = append(stories, story)
	}
	return stories, rows.Err()
}

// Feed is what the followed authors have published.
func (s *Site) Feed(ctx context.Context, follower int64) ([]Listed, error) {
	var stories []Listed
	err := s.db.SelectContext(ctx, &stories, listing+`
		 WHERE s.published AND s.author_id IN (SELECT followed_id FROM follows WHERE follower_id = $1)
		 ORDER BY s.published_at DESC, s.id LIMIT 50`, follower)
	return stories, err
}
