package stories

import (
	"context"
	"database/sql"
)

// User is one profile.
type User struct {
	ID     int64
	Name   string
	Bio    string
	Avatar string
}

// Statistics are the two numbers under a user's name.
type Statistics struct {
	Stories   int64 // written, published or not
	Followers int64
}

// User returns one user's profile, or sql.ErrNoRows.
func (s *Site) User(ctx context.Context, id int64) (User, error) {
	u := User{ID: id}
	err := s.DB.QueryRowContext(ctx, `SELECT name, bio, avatar FROM users WHERE id = $1`, id).
		Scan(&u.Name, &u.Bio, &u.Avatar)
	return u, err
}

// Statistics counts what a user has written and who follows. A user who does not exist has written nothing.
func (s *Site) Statistics(ctx context.Context, user int64) (Statistics, error) {
	var n Statistics
	err := s.DB.QueryRowContext(ctx, `
		SELECT (SELECT count(*) FROM stories WHERE author_id = $1),
		       (SELECT count(*) FROM follows WHERE followed_id = $1)`, user).
		Scan(&n.Stories, &n.Followers)
	return n, err
}

// UpdateProfile changes what a user says about themselves; the name stays. It returns sql.ErrNoRows when there is no
// such user.
func (s *Site) UpdateProfile(ctx context.Context, user int64, bio, avatar string) error {
	return one(s.DB.ExecContext(ctx, `UPDATE users SET bio = $2, avatar = $3 WHERE id = $1`, user, bio, avatar))
}

// Follow makes follower a follower of followed. Following twice is following once.
func (s *Site) Follow(ctx context.Context, follower, followed int64) error {
	_, err := s.DB.ExecContext(ctx, `
		INSERT INTO follows (follower_id, followed_id) VALUES ($1, $2) ON CONFLICT DO NOTHING`, follower, followed)
	return err
}

// Feed returns the newest 50 published stories of the authors that a user follows.
func (s *Site) Feed(ctx context.Context, user int64) ([]Story, error) {
	rows, err := s.DB.QueryContext(ctx, selectStory+`
		JOIN follows f ON f.followed_id = s.author_id
		WHERE f.follower_id = $1 AND s.published
		ORDER BY s.published_at DESC, s.id DESC
		LIMIT 50`, user)
	return collect(rows, err, func(rows *sql.Rows) (Story, error) { return scanStory(rows) })
}
