package stories

import (
	"context"
	"fmt"
)

// Size says how much Seed writes. Every number must be at least 2.
type Size struct {
	Users    int64
	Stories  int64 // twelve in thirteen are published
	Comments int64
	Follows  int64 // how many authors each user follows
}

// Small is enough for every query to have something to find, and is written in well under a second.
var Small = Size{Users: 200, Stories: 2000, Comments: 6000, Follows: 12}

// seeds are the statements of Seed in order. The numbers in them are primes, so that authors, genres and tags mix
// without a random generator: two sites seeded alike are equal row for row, apart from the times, which count back
// from now. Identifiers run from 1 without a gap.
var seeds = []struct {
	what string
	sql  string
	args func(Size) []any
}{
	{"users", `
		INSERT INTO users (id, name, bio, avatar)
		SELECT i,
		       (ARRAY['Ada','Ben','Chen','Dora','Emil','Fatou','Goran','Hana','Ivo','June','Kofi'])[1 + i % 11] || ' ' ||
		       (ARRAY['Archer','Brook','Castle','Dale','Ellis','Frost','Grove'])[1 + i % 7] || ' ' || i,
		       'Writes since chapter ' || i || '.',
		       'https://stories.example/avatars/' || i || '.png'
		FROM generate_series(1, $1::bigint) AS i`,
		func(n Size) []any { return []any{n.Users} }},
	{"stories", `
		INSERT INTO stories (id, author_id, title, body, genre, published, published_at, view_count, created_at)
		SELECT i,
		       1 + (i * 7) % $2::bigint,
		       'The ' ||
		       (ARRAY['Silent','Last','Hidden','Golden','Restless','Distant','Broken'])[1 + i % 7] || ' ' ||
		       (ARRAY['Harbour','Garden','Letter','Winter','Clockmaker','River','Lantern','Orchard','Voyage',
		              'Library','Island'])[1 + i % 11] || ' ' || i,
		       repeat('It was a long way to the end of story ' || i || '. ', 12),
		       (ARRAY['fantasy','mystery','romance','science fiction','horror'])[1 + (i / 11) % 5],
		       i % 13 <> 0,
		       CASE WHEN i % 13 <> 0 THEN now() - i * interval '7 minutes' END,
		       (i * 7919) % 10007,
		       now() - i * interval '7 minutes' - interval '1 day'
		FROM generate_series(1, $1::bigint) AS i`,
		func(n Size) []any { return []any{n.Stories, n.Users} }},
	{"tags", `
		INSERT INTO tags (id, name)
		SELECT i, name
		FROM unnest(ARRAY['sea','love','war','ghosts','family','travel','robots','dragons','city','winter','summer',
		                  'short','epic']) WITH ORDINALITY AS tag(name, i)`,
		func(Size) []any { return nil }},
	{"story_tags", `
		INSERT INTO story_tags (story_id, tag_id)
		SELECT i, 1 + (i * 3 + k * 5) % 13
		FROM generate_series(1, $1::bigint) AS i, generate_series(0, 2) AS k
		WHERE k <= i % 3`,
		func(n Size) []any { return []any{n.Stories} }},
	{"comments", `
		INSERT INTO comments (id, story_id, author_id, body, created_at)
		SELECT i, 1 + (i * 17) % $2::bigint, 1 + (i * 13) % $3::bigint,
		       'Comment ' || i || ': I could not put it down.',
		       now() - interval '1 day' + i * interval '1 second'
		FROM generate_series(1, $1::bigint) AS i`,
		func(n Size) []any { return []any{n.Comments, n.Stories, n.Users} }},
	{"follows", `
		INSERT INTO follows (follower_id, followed_id)
		SELECT i, 1 + (i + k * k) % $1::bigint
		FROM generate_series(1, $1::bigint) AS i, generate_series(1, $2::bigint) AS k
		WHERE i <> 1 + (i + k * k) % $1::bigint
		ON CONFLICT DO NOTHING`,
		func(n Size) []any { return []any{n.Users, n.Follows} }},
	// Rows came with their own identifiers: the next INSERT must continue after them.
	{"identities", `
		SELECT setval(pg_get_serial_sequence('users', 'id'), (SELECT max(id) FROM users)),
		       setval(pg_get_serial_sequence('stories', 'id'), (SELECT max(id) FROM stories)),
		       setval(pg_get_serial_sequence('tags', 'id'), (SELECT max(id) FROM tags)),
		       setval(pg_get_serial_sequence('comments', 'id'), (SELECT max(id) FROM comments))`,
		func(Size) []any { return nil }},
	// Without statistics the first queries would be planned for tables a thousand times smaller.
	{"statistics", `ANALYZE users, stories, tags, story_tags, comments, follows`,
		func(Size) []any { return nil }},
}

// Seed fills the empty tables that Create made. It is deterministic: see Size.
func (s *Site) Seed(ctx context.Context, size Size) error {
	for _, seed := range seeds {
		if _, err := s.DB.ExecContext(ctx, seed.sql, seed.args(size)...); err != nil {
			return fmt.Errorf("seed %s: %w", seed.what, err)
		}
	}
	return nil
}
