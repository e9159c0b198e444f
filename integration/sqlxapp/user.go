package sqlxapp

import (
	"context"
	"database/sql"
	"time"

	"github.com/jmoiron/sqlx"
)

// User is a profile.
type User struct {
	ID        int64          `db:"id"`
	Name      string         `db:"name"`
	Bio       string         `db:"bio"`
	Avatar    sql.NullString `db:"avatar"`
	CreatedAt time.Time      `db:"created_at"`
}

// UserStats counts what a user wrote and who listens.
type UserStats struct {
	Stories   int64 `db:"stories"`
	Followers int64 `db:"followers"`
}

// CreateUser adds a profile; its id comes back from the server.
func (s *Site) CreateUser(ctx context.Context, name, bio string) (User, error) {
	var u User
	err := s.db.QueryRowxContext(ctx,
		`INSERT INTO users (name, bio, created_at) VALUES ($1, $2, $3) RETURNING *`, name, bio, s.now()).StructScan(&u)
	return u, err
}

// CreateUsers adds many profiles with one statement, which sqlx builds from the slice.
func (s *Site) CreateUsers(ctx context.Context, users []User) (int64, error) {
	res, err := s.db.NamedExecContext(ctx,
		`INSERT INTO users (name, bio, avatar, created_at) VALUES (:name, :bio, :avatar, :created_at)`, users)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// User is one profile.
func (s *Site) User(ctx context.Context, id int64) (User, error) {
	var u User
	err := s.db.GetContext(ctx, &u, `SELECT * FROM users WHERE id = $1`, id)
	return u, err
}

// UsersByName finds profiles by name, with a list that In expands and Rebind numbers.
func (s *Site) UsersByName(ctx context.Context, names ...string) ([]User, error) {
	query, args, err := sqlx.In(`SELECT * FROM users WHERE name IN (?) ORDER BY name`, names)
	if err != nil {
		return nil, err
	}
	var users []User
	err = s.db.SelectContext(ctx, &users, s.db.Rebind(query), args...)
	return users, err
}

// UserStats counts stories and followers of a user.
func (s *Site) UserStats(ctx context.Context, id int64) (UserStats, error) {
	var stats UserStats
	err := s.db.GetContext(ctx, &stats, `
		SELECT (SELECT count(*) FROM stories WHERE author_id = $1)   AS stories,
		       (SELECT count(*) FROM follows WHERE followed_id = $1) AS followers`, id)
	return stats, err
}

// UpdateProfile changes what users say of themselves and reports whether there was such a user.
func (s *Site) UpdateProfile(ctx context.Context, u User) (bool, error) {
	res, err := s.db.NamedExecContext(ctx, `UPDATE users SET bio = :bio, avatar = :avatar WHERE id = :id`, u)
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

// Follow is idempotent: it reports whether anything changed.
func (s *Site) Follow(ctx context.Context, follower, followed int64) (bool, error) {
	res, err := s.db.NamedExecContext(ctx, `
		INSERT INTO follows (follower_id, followed_id, created_at) VALUES (:follower, :followed, :now)
		ON CONFLICT DO NOTHING`,
		map[string]any{"follower": follower, "followed": followed, "now": s.now()})
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n == 1, err
}
