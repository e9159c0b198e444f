package pgsplit_test

import (
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
)

var execModes = []string{"cache_statement", "cache_describe", "describe_exec", "exec", "simple_protocol"}

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

// celsius is a Valuer and a Scanner.
type celsius float64

func (c celsius) Value() (driver.Value, error) { return fmt.Sprintf("%g", float64(c)), nil }

type broken struct{}

func (broken) Value() (driver.Value, error) { return nil, errors.New("this value has no value") }

type statementCase struct {
	sql  string
	args []any
}

var moment = time.Date(2024, 2, 29, 12, 34, 56, 789000000, time.FixedZone("", 5*3600))

// statementCases run with equal results through pgx and through us.
var statementCases = []statementCase{
	{"select 1 as one, 'two' as two, null as three, true, 1.5::numeric(8,3), 'abc'::varchar(7), 'x'::char(3)", nil},
	{"select $1::int, $2::bigint, $3::smallint", []any{1, int64(1) << 40, int16(-3)}},
	{"select $1::int", []any{"42"}},
	{"select $1::text, length($1::text)", []any{"it's \\ a \"text\" – ü"}},
	{"select $1::bytea, $2::bytea", []any{[]byte{0, 1, 255}, []byte(nil)}},
	{"select $1::timestamptz, $2::timestamp, $3::date", []any{moment, moment, moment}},
	{"select $1::text is null, $2::int", []any{nil, sql.NullInt64{}}},
	{"select $1::float8, $2::float4, $3::numeric, $4::bool", []any{1.25, float32(2.5), "123456789.000000001", true}},
	{"select $1::jsonb, $2::json", []any{map[string]any{"a": []int{1, 2}}, json.RawMessage(`{"b": null}`)}},
	{"select $1::jsonb->>'a'", []any{`{"a": "text"}`}},
	{"select $1::int[], $2::text[], cardinality($1::int[])", []any{[]int{1, 2, 3}, []string{"a", "b,c"}}},
	{"select id, name from item where id = any($1) order by id", []any{[]int64{3, 1, 2}}},
	{"select $1::uuid, $2::inet, $3::interval", []any{"00000000-0000-0000-0000-000000000001", netip.MustParsePrefix("10.0.0.0/8"), time.Minute}},
	{"select $1::float8 * 2", []any{celsius(20.5)}},
	{"select $1::text", []any{broken{}}},
	{"select $1::int4range, $2::point", []any{"[1,5)", pgtype.Point{P: pgtype.Vec2{X: 1, Y: 2}, Valid: true}}},
	{"select name, n from item where n between @low and @high and name like @name order by n", []any{pgx.NamedArgs{"low": 3, "high": 6, "name": "item%"}}},
	{"select @missing::text", []any{pgx.NamedArgs{}}},
	{"select $1::int + 1", []any{pgx.QueryExecModeSimpleProtocol, 41}},
	{"select $1::int + 1, $2::text", []any{pgx.QueryExecModeExec, 41, "x"}},
	{"select $1::int + 1", []any{pgx.QueryExecModeDescribeExec, 41}},
	{"select $1::timestamptz, 2::int8", []any{pgx.QueryResultFormats{pgx.TextFormatCode, pgx.BinaryFormatCode}, moment}},
	{"select 1::int8, 1.5::float8", []any{pgx.QueryResultFormatsByOID{pgtype.Int8OID: pgx.TextFormatCode}}},
	{"select g, g * 1.5, repeat('x', g) from generate_series(1, 50) g", nil},
	{"select * from item where false", nil},
	{"select", nil},
	{"", nil},
	{";", nil},
	{"-- nothing", nil},
	{"show server_version_num", nil},
	{"values (1, 'a'), (2, 'b')", nil},
	{"insert into entry (test, v) values ($1, $2) returning test, v", []any{"modes", 7}},
	{"update entry set v = v + 1 where test = $1 and false returning v", []any{"modes"}},
	{"insert into entry (test, v) values ('modes', 8)", nil},
	{"delete from entry where test = 'modes'", nil},
	// What fails.
	{"select $1::int, $2::int", []any{1}},
	{"select $1::int", []any{1, 2}},
	{"select 1", []any{1}},
	{"selec 1", nil},
	{"select 'open", nil},
	{"select * from nowhere", nil},
	{"select nothing from item", nil},
	{"select no_function(1)", nil},
	{"select 1/0", nil},
	{"select 1/(3 - g) from generate_series(1, 5) g", nil},
	{"select 'x'::int", nil},
	{"select $1::int", []any{"x"}},
	{"select $1::int", []any{struct{}{}}},
	{"select $1::date", []any{"2024-13-01"}},
	{"select $1::int", []any{int64(1) << 40}},
	{"insert into item (id) values (1)", nil},
	{"insert into item (id) values (1) returning id", nil},
	{"select 1; select 2", nil},
	{"select $1", []any{func() {}}},
	{"select id from item where name = $1", []any{[]string{"a"}}},
}

func TestEveryStatementAnswersAsPgxDoesInEveryExecMode(t *testing.T) {
	c := calm(t)
	for _, mode := range execModes {
		t.Run(mode, func(t *testing.T) {
			split := handle(t, c, "default_query_exec_mode="+mode)
			direct := plain(t, c.Primary.DSN(), "default_query_exec_mode="+mode)
			for _, sc := range statementCases {
				for _, prepared := range []bool{false, true} {
					if sc.sql == "" && prepared {
						continue // pgx itself can do that only once on a connection
					}
					want := query(t, direct, prepared, sc.sql, sc.args...)
					for range 2 { // the second time from pgx's cache
						got := query(t, split, prepared, sc.sql, sc.args...)
						require.Equal(t, want, got, "%s %v, prepared: %v", sc.sql, sc.args, prepared)
					}
				}
				wantRows, wantErr := affected(t, direct, sc)
				gotRows, gotErr := affected(t, split, sc)
				require.Equal(t, wantRows, gotRows, "Exec: %s", sc.sql)
				require.Equal(t, reflect.TypeOf(wantErr), reflect.TypeOf(gotErr), "Exec: %s", sc.sql)
				require.Equal(t, fmt.Sprint(wantErr), fmt.Sprint(gotErr), "Exec: %s", sc.sql)
			}
			for _, s := range pgsplit.ClusterOf(split).Stats().Servers {
				require.Greater(t, s.Total(), int64(20), "%s was hardly put to the test", s.Name)
			}
		})
	}
}

func affected(t testing.TB, db *sql.DB, sc statementCase) (n int64, err error) {
	t.Helper()
	res, err := db.ExecContext(t.Context(), sc.sql, sc.args...)
	if err == nil {
		n, err = res.RowsAffected()
		require.NoError(t, err)
		_, err = res.LastInsertId()
	}
	return n, err
}

// GORM and golang-migrate use a type assertion where errors.As would do.
func TestErrorsOfTheServerCanBeHadByTypeAssertion(t *testing.T) {
	db := handle(t, calm(t), "default_query_exec_mode=exec")
	for text, code := range map[string]string{"select 1/0": "22012", "insert into item (id) values (1) returning id": "23505", "select * from nowhere": "42P01"} {
		_, err := db.QueryContext(t.Context(), text)
		pgErr, ok := err.(*pgconn.PgError)
		require.True(t, ok, "%s: %T", text, err)
		require.Equal(t, code, pgErr.Code)
	}
}
