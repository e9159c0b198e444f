package pgsplit_test

import (
	"database/sql"
	"errors"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
)

// outcome is everything that an application can see of a statement.
type outcome struct {
	Columns []string
	Types   []string
	Rows    [][]any
	Err     string
	Pg      pgconn.PgError // filled where the error itself, unwrapped, is one
	Inner   string         // SQLSTATE of a wrapped one
}

func (o *outcome) fail(err error) {
	if err == nil {
		return
	}
	o.Err = fmt.Sprintf("%T: %v", err, err)
	if pgErr, ok := err.(*pgconn.PgError); ok {
		o.Pg = *pgErr
	}
	if pgErr := (*pgconn.PgError)(nil); errors.As(err, &pgErr) {
		o.Inner = pgErr.Code
	}
}

// query runs a query, through a prepared statement if asked to, and notes what comes.
func query(t testing.TB, db *sql.DB, prepared bool, text string, args ...any) (o outcome) {
	t.Helper()
	var rows *sql.Rows
	var err error
	if prepared {
		var stmt *sql.Stmt
		if stmt, err = db.PrepareContext(t.Context(), text); err != nil {
			o.fail(err)
			return o
		}
		defer stmt.Close()
		rows, err = stmt.QueryContext(t.Context(), args...)
	} else {
		rows, err = db.QueryContext(t.Context(), text, args...)
	}
	if err != nil {
		o.fail(err)
		return o
	}
	defer rows.Close()
	o.Columns, err = rows.Columns()
	require.NoError(t, err)
	types, err := rows.ColumnTypes()
	require.NoError(t, err)
	for _, ct := range types {
		length, hasLength := ct.Length()
		precision, scale, hasScale := ct.DecimalSize()
		nullable, hasNullable := ct.Nullable()
		o.Types = append(o.Types, fmt.Sprint(ct.Name(), ct.DatabaseTypeName(), ct.ScanType(), length, hasLength, precision, scale, hasScale, nullable, hasNullable))
	}
	for rows.Next() {
		row := make([]any, len(o.Columns))
		dest := make([]any, len(o.Columns))
		for i := range dest {
			dest[i] = &row[i]
		}
		if err := rows.Scan(dest...); err != nil {
			o.fail(err)
			return o
		}
		o.Rows = append(o.Rows, row)
	}
	o.fail(rows.Err())
	return o
}
