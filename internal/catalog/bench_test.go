package catalog_test

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit/internal/catalog"
	"github.com/pgsplit/pgsplit/internal/statement"
)

// large has 2,000 tables, 500 views, 500 functions and 50 triggers.
const large = `
do $$
begin
	for i in 1..2000 loop
		execute format('create table t%s (id bigserial primary key, a int not null default 0, b text, c timestamptz default now(),
			r bigint %s, check (a >= 0))', i, case when i % 5 = 0 then 'references t' || (i - 1) || ' on delete cascade' else '' end);
		if i % 100 = 0 then commit; end if;
	end loop;
	for i in 1..500 loop
		execute format('create view v%s as select x.id, x.a + y.a as s, lower(x.b) as b, coalesce(y.c, now()) as c,
			count(*) over (partition by x.a) from t%s x join t%s y on x.id = y.r where x.b like ''%%a'' and y.a between 1 and 100', i, i * 2, i * 3);
		if i % 100 = 0 then commit; end if;
	end loop;
	for i in 1..500 loop
		execute format('create function f%s(p int) returns bigint language plpgsql stable as $f$
			declare n bigint;
			begin
				select count(*) into n from t%s where a > p;
				if n > 10 then n := abs(n) + length(''x''); end if;
				perform lower(b) from t%s where id = n;
				return n;
			end $f$', i, i, i + 1);
		if i % 10 = 0 then
			execute format('create function trg%s() returns trigger language plpgsql as $f$ begin new.c := now(); return new; end $f$', i);
			execute format('create trigger tr before update on t%s for each row execute function trg%s()', i, i);
		end if;
	end loop;
end $$`

var largeOnce struct {
	sync.Mutex
	done bool
}

// largeDatabase is made once.
func largeDatabase(tb testing.TB) *database {
	tb.Helper()
	largeOnce.Lock()
	defer largeOnce.Unlock()
	s := server(tb).Primary
	if !largeOnce.done {
		require.NoError(tb, s.Exec("create database large"))
		super := connect(tb, s.SuperDSN(), "large")
		for _, sql := range []string{large, "analyze"} {
			_, err := super.Exec(context.Background(), sql).ReadAll()
			require.NoError(tb, err)
		}
		largeOnce.done = true
	}
	return &database{tb: tb, super: connect(tb, s.SuperDSN(), "large"), app: connect(tb, s.DSN(), "large")}
}

func BenchmarkLoad(b *testing.B) {
	d := largeDatabase(b)
	for b.Loop() {
		d.load()
	}
}

func BenchmarkFingerprint(b *testing.B) {
	d := largeDatabase(b)
	for b.Loop() {
		d.fingerprint()
	}
}

// BenchmarkPointSelect is what the others are measured against.
func BenchmarkPointSelect(b *testing.B) {
	d := largeDatabase(b)
	ctx := context.Background()
	_, err := d.super.Exec(ctx, "insert into t7 (id) values (1) on conflict do nothing").ReadAll()
	require.NoError(b, err)
	_, err = d.super.Prepare(ctx, "point", "select id, a, b from t7 where id = $1", nil)
	require.NoError(b, err)
	for b.Loop() {
		if r := d.super.ExecPrepared(ctx, "point", [][]byte{[]byte("1")}, nil, nil).Read(); r.Err != nil || len(r.Rows) != 1 {
			b.Fatal(r.Err)
		}
	}
}

var judged = map[string]string{
	"point":     "select id, a, b from t7 where id = $1",
	"join":      "select x.id, y.a, z.b from t7 x join t8 y on y.id = x.r left join t9 z on z.id = y.r where x.a = $1 order by x.id limit 10",
	"view":      "select id, s, lower(b), count(*) over () from v12 where c > now() - interval '1 day'",
	"functions": "select f1(a), f2(a), coalesce(max(f3(id)), 0) from t7 group by a",
	"insert":    "insert into t10 (a, b) values ($1, $2) returning id",
}

func BenchmarkJudge(b *testing.B) {
	c := largeDatabase(b).load()
	for name, sql := range judged {
		b.Run(name, func(b *testing.B) {
			var a statement.Analysis
			a.Analyze(sql)
			b.ReportAllocs()
			var v catalog.Verdict
			for b.Loop() {
				v = c.Judge(&a)
			}
			require.Empty(b, v.Unknown)
		})
	}
}

func BenchmarkReads(b *testing.B) {
	c := largeDatabase(b).load()
	for name, sql := range judged {
		b.Run(name, func(b *testing.B) {
			var a statement.Analysis
			a.Analyze(sql)
			b.ReportAllocs()
			var names []string
			for b.Loop() {
				names, _ = c.Reads(&a, names[:0])
			}
		})
	}
}

func TestJudgeAllocatesNothing(t *testing.T) {
	c := catalogOf(t, `
		create table t7 (id int, a int, b text, r int);
		create table t8 (like t7);
		create table t9 (like t7);
		create table t10 (like t7);
		create view v12 as select *, now() as c, 1 as s from t7;
		create function f1(int) returns int language sql stable as 'select 1';
		create function f2(int) returns int language sql stable as 'select 1';
		create function f3(int) returns int language sql volatile as 'select 1';
	`)
	var a statement.Analysis
	for name, sql := range judged {
		a.Analyze(sql)
		names := make([]string, 0, 16)
		require.Zero(t, testing.AllocsPerRun(100, func() {
			c.Judge(&a)
			names, _ = c.Reads(&a, names[:0])
			names, _ = c.Writes(&a, names[:0])
		}), name)
	}
}
