// Package workload has the statements that the comparisons run.
package workload

import (
	"context"
	"database/sql"

	"github.com/pgsplit/pgsplit/bench/internal/servers"
)

// Runner is a *sql.DB or one of its connections.
type Runner interface {
	QueryRowContext(context.Context, string, ...any) *sql.Row
	ExecContext(context.Context, string, ...any) (sql.Result, error)
}

// Statement is one of those that are measured.
type Statement struct {
	Name    string
	Replica bool // a replica serves it, where there is one
	Run     func(ctx context.Context, db Runner, n int64) error
}

// Select reads one row by its key, n modulo their number.
var Select = Statement{"SELECT", true, func(ctx context.Context, db Runner, n int64) error {
	var name string
	return db.QueryRowContext(ctx, servers.Select, 1+n%servers.Items).Scan(&name)
}}

// Insert adds a row.
var Insert = Statement{"INSERT", false, func(ctx context.Context, db Runner, _ int64) error {
	_, err := db.ExecContext(ctx, servers.Insert, "an entry")
	return err
}}

// Mix is nine reads to each write, of another table.
var Mix = Statement{"9 SELECT, 1 INSERT", false, func(ctx context.Context, db Runner, n int64) error {
	if n%10 == 0 {
		return Insert.Run(ctx, db, n)
	}
	return Select.Run(ctx, db, n)
}}

// Statements are the single ones.
var Statements = []Statement{Select, Insert}

// Prime opens as many connections as the goroutines may need at once, lest some of them are opened while it counts.
func Prime(ctx context.Context, db *sql.DB, st Statement, goroutines int) error {
	for n := range goroutines {
		conn, err := db.Conn(ctx)
		if err != nil {
			return err
		}
		defer conn.Close()
		if err := st.Run(ctx, conn, int64(n)); err != nil {
			return err
		}
	}
	return nil
}
