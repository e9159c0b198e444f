// Package stories is a small site where people publish and read stories: few writes, very many reads. It is the
// application that the demo, the examples and the integration tests run, written against plain database/sql as an
// application would be: nothing in it knows pgsplit.
//
//	site := stories.New(db)
//	err := site.Create(ctx)                      // the tables
//	err = site.Seed(ctx, stories.Small)          // people and their stories
//	list, err := site.Published(ctx)             // a read
//	id, err := site.Write(ctx, stories.Draft{})  // a write
//
// Operations lists every read and write of the site with the same signature, for callers that want to run them all.
package stories

import (
	"context"
	"database/sql"
	"fmt"
)

// DB is what the site needs of database/sql. A *sql.DB, *sql.Conn and *sql.Tx all do, so the same code serves a page
// from the pool, from one connection or inside a transaction.
type DB interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

var (
	_ DB = (*sql.DB)(nil)
	_ DB = (*sql.Conn)(nil)
	_ DB = (*sql.Tx)(nil)
)

// Site runs the site's queries on DB. It holds no state: the zero value with DB set is ready, and it may be used from
// as many goroutines as DB allows.
type Site struct {
	DB DB
}

// New returns a Site on db.
func New(db DB) *Site { return &Site{DB: db} }

// collect reads all rows of a query, one value a row, and closes them. The error of the iteration counts: a
// connection that dies between two rows ends Next like the last row does.
func collect[T any](rows *sql.Rows, err error, scan func(*sql.Rows) (T, error)) ([]T, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	if err := rows.Err(); err != nil {
		if len(all) > 0 {
			err = &BrokenError{Rows: len(all), Err: err}
		}
		return nil, err
	}
	return all, rows.Close()
}

// BrokenError says that a query had delivered some of its rows when its connection failed. No driver can run it again on
// another server without the application's knowledge: what has been delivered might not come back the same.
type BrokenError struct {
	Rows int // delivered so far
	Err  error
}

func (e *BrokenError) Error() string { return fmt.Sprintf("after %d rows: %v", e.Rows, e.Err) }

// Unwrap returns the failure itself.
func (e *BrokenError) Unwrap() error { return e.Err }

// one turns an UPDATE that met no row into sql.ErrNoRows, as a query for that row would have answered.
func one(result sql.Result, err error) error {
	if err != nil {
		return err
	}
	n, err := result.RowsAffected()
	if err != nil {
		return err
	}
	if n == 0 {
		return sql.ErrNoRows
	}
	return nil
}
