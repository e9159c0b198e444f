package pgsplit_test

import (
	"context"
	"database/sql"

	"github.com/jackc/pgx/v5"
)

// write runs a text in one of the ways in which a write can reach the primary.
type write struct {
	name string
	run  func(ctx context.Context, db *sql.DB, text string) error
}

var writeByExec = write{"Exec", func(ctx context.Context, db *sql.DB, text string) error {
	_, err := db.ExecContext(ctx, text)
	return err
}}

var writeByTx = write{"Tx", func(ctx context.Context, db *sql.DB, text string) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for _, q := range []string{text, "savepoint s", "rollback to s"} {
		if _, err := tx.ExecContext(ctx, q); err != nil {
			return err
		}
	}
	return tx.Commit()
}}

var writeByRaw = write{"Raw", func(ctx context.Context, db *sql.DB, text string) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.Raw(func(dc any) error {
		_, err := dc.(interface{ Conn() *pgx.Conn }).Conn().Exec(ctx, text)
		return err
	})
}}

var writes = []write{
	writeByExec,
	{"Query", func(ctx context.Context, db *sql.DB, text string) error {
		rows, err := db.QueryContext(ctx, text)
		if err != nil {
			return err
		}
		for rows.Next() {
		}
		return rows.Close()
	}},
	{"prepared", func(ctx context.Context, db *sql.DB, text string) error {
		st, err := db.PrepareContext(ctx, text)
		if err != nil {
			return err
		}
		defer st.Close()
		_, err = st.ExecContext(ctx)
		return err
	}},
	writeByTx,
	{"BEGIN", func(ctx context.Context, db *sql.DB, text string) error {
		conn, err := db.Conn(ctx)
		if err != nil {
			return err
		}
		defer conn.Close()
		for _, q := range []string{"begin", text, "commit"} {
			if _, err := conn.ExecContext(ctx, q); err != nil {
				return err
			}
		}
		return nil
	}},
	writeByRaw,
}
