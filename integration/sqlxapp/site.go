// Package sqlxapp is the stories site written for sqlx. It knows nothing of pgsplit: which driver serves it is the
// business of whoever opens the handle.
package sqlxapp

import (
	"context"
	_ "embed"
	"time"

	"github.com/jmoiron/sqlx"
)

//go:embed schema.sql
var schema string

// Site is the application.
type Site struct {
	db *sqlx.DB

	// now is the application's clock. Rows carry its readings, so that two runs can be compared.
	now func() time.Time
}

// New makes the application over db. Without a clock it uses time.Now.
func New(db *sqlx.DB, now func() time.Time) *Site {
	if now == nil {
		now = time.Now
	}
	return &Site{db: db, now: now}
}

// Install creates the tables. The text holds many statements, which only a call without arguments may send.
func (s *Site) Install(ctx context.Context) error {
	_, err := s.db.ExecContext(ctx, schema)
	return err
}

// inTx runs f in a transaction: committed when f returns nil, else rolled back.
func (s *Site) inTx(ctx context.Context, f func(*sqlx.Tx) error) error {
	tx, err := s.db.BeginTxx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	if err := f(tx); err != nil {
		return err
	}
	return tx.Commit()
}
