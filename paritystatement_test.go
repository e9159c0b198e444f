package pgsplit_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/stretchr/testify/require"
)

// celsius is a Valuer and a Scanner.
type celsius float64

func (c celsius) Value() (driver.Value, error) { return fmt.Sprintf("%g", float64(c)), nil }

type worthless struct{}

func (worthless) Value() (driver.Value, error) { return nil, errors.New("this value has no value") }

// shouting is a query rewriter of the application's own.
type shouting struct{}

func (shouting) RewriteQuery(_ context.Context, _ *pgx.Conn, sql string, args []any) (string, []any, error) {
	return strings.ReplaceAll(sql, "quiet", "LOUD"), args, nil
}

type statementCase struct {
	sql  string
	args []any
}

var moment = time.Date(2024, 2, 29, 12, 34, 56, 789000000, time.FixedZone("", 5*3600))

// validStatements are statements that succeed; those of changes leave things as they were.
var validStatements = []statementCase{
	{"select 1 as one, 'two' as two, null as three, true, 1.5::numeric(8,3), 'abc'::varchar(7), 'x'::char(3), '101'::varbit(9)", nil},
	{"select $1::int, $2::bigint, $3::smallint", []any{1, int64(1) << 40, int16(-3)}},
	{"select $1::int", []any{"42"}},
	{"select $1::text, length($1::text)", []any{"it's \\ a \"text\" – ü"}},
	{"select $1::bytea, $2::bytea", []any{[]byte{0, 1, 255}, []byte(nil)}},
	{"select $1::timestamptz, $2::timestamp, $3::date, $4::time, $5::interval", []any{moment, moment, moment, "12:34:56.7", time.Minute}},
	{"select 'infinity'::timestamptz, '-infinity'::date, 'NaN'::float8, 'NaN'::numeric, '0001-01-01 BC'::date", nil},
	{"select $1::text is null, $2::int, $3::text", []any{nil, sql.NullInt64{}, sql.NullString{String: "s", Valid: true}}},
	{"select $1::float8, $2::float4, $3::numeric, $4::bool", []any{1.25, float32(2.5), "123456789.000000001", true}},
	{"select $1::numeric", []any{pgtype.Numeric{Valid: true, NaN: true}}},
	{"select $1::jsonb, $2::json", []any{map[string]any{"a": []int{1, 2}}, json.RawMessage(`{"b": null}`)}},
	{"select $1::jsonb->>'a', '<a/>'::text::xml", []any{`{"a": "text"}`}},
	{"select $1::int[], $2::text[], cardinality($1::int[]), '{{1,2},{3,4}}'::int[]", []any{[]int{1, 2, 3}, []string{"a", "b,c"}}},
	{"select $1::text[]", []any{pgtype.FlatArray[*string]{nil, new(string)}}},
	{"select id, name from thing where id = any($1) order by id", []any{[]int64{3, 1, 2}}},
	{"select $1::uuid, $2::inet, $3::mood, $4::oid, 'c'::\"char\"", []any{"00000000-0000-0000-0000-000000000001", netip.MustParsePrefix("10.0.0.0/8"), "happy", 7}},
	{"select $1::uuid", []any{[16]byte{1, 2, 3}}},
	{"select * from thing order by id limit 3", nil},
	{"select t, p, row(1, 'x'), m from thing t where m = $1 order by id limit 2", []any{"sad"}},
	{"select $1::pair", []any{"(1,x)"}},
	{"select $1::float8 * 2", []any{celsius(20.5)}},
	{"select $1::int4range, $2::point", []any{"[1,5)", pgtype.Point{P: pgtype.Vec2{X: 1, Y: 2}, Valid: true}}},
	{"select name, n from thing where n between @low and @high and name like @name order by n", []any{pgx.NamedArgs{"low": 3, "high": 6, "name": "thing%"}}},
	{"select @missing::text", []any{pgx.NamedArgs{}}},
	{"select 'quiet', $1::int", []any{shouting{}, 5}},
	{"select $1::int + 1", []any{pgx.QueryExecModeSimpleProtocol, 41}},
	{"select $1::int + 1, $2::text", []any{pgx.QueryExecModeExec, 41, "x"}},
	{"select $1::int + 1", []any{pgx.QueryExecModeDescribeExec, 41}},
	{"select $1::int + 1", []any{pgx.QueryExecModeCacheDescribe, 41}},
	{"select $1::int + 1", []any{pgx.QueryExecModeCacheStatement, 41}},
	{"select $1::timestamptz, 2::int8", []any{pgx.QueryResultFormats{pgx.TextFormatCode, pgx.BinaryFormatCode}, moment}},
	{"select 1::int8, 1.5::float8", []any{pgx.QueryResultFormatsByOID{pgtype.Int8OID: pgx.TextFormatCode}}},
	{"select n from thing where id = $1", []any{pgx.QueryExecModeExec, pgx.QueryResultFormats{1}, 7}},
	{"select g, g * 1.5, repeat('x', g) from generate_series(1, 30) g", nil},
	{"select * from thing where false", nil},
	{"select", nil},
	{";", nil},
	{"-- nothing", nil},
	{"show server_version_num", nil},
	{"values (1, 'a'), (2, 'b')", nil},
	{"table part", nil},
	{"explain (costs off) select 1", nil}, // of a table it would depend on statistics, which come when they like
	{"with t as (select id from thing where n > $1) select count(*), min(id) from t", []any{40}},
	{"insert into thing (name, n, m, tags, j) values ($1, $2, $3, $4, $5) on conflict (name) do update set n = excluded.n returning name, n, m, tags, j",
		[]any{"thing 1", 1, "happy", []string{"a", "b"}, map[string]int{"g": 1}}},
	{"update thing set n = n where id = 2 returning id, price, code, at", nil},
	{"update thing set n = n where id < $1", []any{10}},
	{"with changed as (update thing set n = n where id = $1 returning id) select id from changed", []any{5}},
	{"delete from thing where id = -1", nil},
	{"select id from thing where id = 9 for update", nil},
}

// invalidStatements fail.
var invalidStatements = []statementCase{
	{"select $1::int, $2::int", []any{1}},
	{"select $1::int", []any{1, 2}},
	{"select 1", []any{1}},
	{"update thing set n = n where id = $1", nil},
	{"selec 1", nil},
	{"select 'open", nil},
	{"select * from nowhere", nil},
	{"select nothing from thing", nil},
	{"select no_function(1)", nil},
	{"select 1/0", nil},
	{"select 1/(3 - g) from generate_series(1, 5) g", nil},
	{"select 'x'::int", nil},
	{"select $1::int", []any{"x"}},
	{"select $1::int", []any{struct{}{}}},
	{"select $1::date", []any{"2024-13-01"}},
	{"select $1::int", []any{int64(1) << 40}},
	{"select $1::text", []any{worthless{}}},
	{"select $1::mood", []any{"angry"}},
	{"select $1", []any{func() {}}},
	{"select id from thing where name = $1", []any{[]string{"a"}}},
	{"select 1; select 2", nil},
	{"select $1::int; select $1::int", []any{1}},
	{"insert into thing (id) values (1)", nil},
	{"insert into thing (name) values ('thing 1') returning id", nil},
	{"insert into thing (n) values (-1)", nil},
	{"insert into thing (n) values (null) returning id", nil},
	{"insert into part values (10, 999)", nil},
	{"insert into part (id, span) values (11, '[2,3)')", nil},
	{"update thing set code = 'much too long' where id = 1", nil},
	{"select $1::int", []any{pgx.QueryExecMode(77), 1}},
	{"do $$ begin raise exception 'own %', 1 using errcode = 'P0123', detail = 'd', hint = 'h', column = 'c', constraint = 'k', datatype = 't', schema = 's', table = 'u'; end $$", nil},
	{"create table thing (x int)", nil},
	{"select pg_terminate_backend(pg_backend_pid())", nil},
}

// everyWay runs a statement in all the ways in which an application can.
func everyWay(s *script, sc statementCase, valid bool) {
	s.query(s.db, sc.sql, sc.args...)
	s.query(s.db, sc.sql, sc.args...) // from pgx's cache
	s.exec(s.db, sc.sql, sc.args...)
	s.prepared(s.db, sc.sql, sc.args...)

	for _, opts := range []*sql.TxOptions{nil, {ReadOnly: true}} {
		for _, run := range []func(conversation, string, ...any){s.query, s.exec, s.prepared} {
			s.note("in a transaction, %v", opts)
			tx, err := s.db.BeginTx(s.Context(), opts)
			require.NoError(s, err)
			if !valid {
				run(tx, sc.sql, sc.args...) // it decides by itself where the transaction runs
			} else {
				s.query(tx, "select n from thing where id = $1", 1)
				run(tx, sc.sql, sc.args...)
			}
			s.query(tx, s.fresh("select 1"))
			s.err("commit", tx.Commit())
			s.err("again", tx.Commit())
		}
	}

	conn := s.conn()
	s.query(conn, sc.sql, sc.args...)
	s.query(conn, "select n from thing where id = $1", 2)
	s.leave(conn)
}

var statementParity = func() (all []parityCase) {
	for i, list := range [][]statementCase{validStatements, invalidStatements} {
		for _, sc := range list {
			all = append(all, parityCase{fmt.Sprintf("%s %v", sc.sql, sc.args), func(s *script) { everyWay(s, sc, i == 0) }})
		}
	}
	return all
}()
