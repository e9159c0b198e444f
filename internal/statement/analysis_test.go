package statement_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/pgsplit/pgsplit/internal/statement"
)

// describe writes names as a test lists them: schema.name, with ! for a written relation, ? for one that may be a WITH
// query, @ for an operator.
func describe(names []statement.Name) string {
	var list []string
	for _, n := range names {
		s := n.Name
		if n.Schema != "" {
			s = n.Schema + "." + s
		}
		if n.Write {
			s += "!"
		}
		if n.CTE {
			s += "?"
		}
		if n.Operator {
			s = "@" + s
		}
		list = append(list, s)
	}
	return strings.Join(list, " ")
}

func TestRelationsAreFoundWhereverTheyStand(t *testing.T) {
	var a statement.Analysis
	for _, c := range []struct{ sql, want string }{
		{"select 1", ""},
		{"select * from t", "t"},
		{"SELECT * FROM Users AS u, Public.Orders o", "users public.orders"},
		{`select * from "Users" u join "My Schema"."Or""ders" on true`, `Users My Schema.Or"ders`},
		{`select * from U&"d\0061t\+000061"`, "data"},
		{`select * from U&"d!0061ta" uescape '!' x join b on true`, "data b"},
		{"select * from only t, only (u), v *", "t u v"},
		{"select * from db.s.t", "s.t"},
		{"select * from a join b using (x) left join c on a.x = c.x, d cross join e natural full outer join f", "a b c d e f"},
		{"select * from (a join (b join c on true) on true) x", "a b c"},
		{"select * from a join b join c on b.x = c.x on a.x = b.x, d", "a b c d"},
		{"select * from a join b on f(1, 2) = 1 and (a.x, b.x) in ((1, 2)), c", "a b c"},
		{"select * from a join b on array[1, 2] = x, c", "a b c"},
		{"select * from a join b on case when a.x then 1 end = 2, c join d on left(a.x, 1) = 'b' left join e on true", "a b c d e"},
		{"select (select x from a), array(select y from b) from c where exists (select from d) order by (select 1 from e)", "a b c d e"},
		{"select * from (select * from a) s, lateral (select * from b where b.x = s.x) t, (values (1)) v, (table c) w", "a b c"},
		{"select * from a union (select * from b except table c) intersect select * from d", "a b c d"},
		{"table s.t", "s.t"},
		{"with c as (select * from a) select * from c join b on true", "a c? b"},
		{"with recursive c(n) as (select 1 union all select n from c, a) select * from c", "c? a c?"},
		{"with c as (select 1) select * from s.c", "s.c"},
		{"with c as (select 1) insert into c select * from c", "c! c?"},
		{"select extract(epoch from x), trim(both from y), substring(z from 1), a is distinct from b, overlay(q placing w from 2) from t", "t"},
		{"select * from generate_series(1, 2) g, f(1) as (a int), rows from (f(), g()) r, unnest(x) with ordinality, t", "t"},
		{"select * from xmltable('/a' passing x columns y int path 'z', n for ordinality) x, t", "t"},
		{"select * from json_table(x, '$' columns (a int, nested path '$' columns (b int))) j, t", "t"},
		{"select * from t tablesample system (10) repeatable (1), u tablesample bernoulli (1)", "t u"},
		{"select * from t as x (a, b), u y (c)", "t u"},
		{"select * from t for update of t", "t"},
		{"insert into s.t as x (a, b) values (1, 2) on conflict (a) do update set b = (select c from u)", "s.t! u"},
		{"insert into t select * from u join v on u.a = v.a on conflict do nothing returning (select 1 from w)", "t! u v w"},
		{"insert into t with c as (select * from u) select * from c", "t! u c?"},
		{"update only t set a = u.b from u join v on true where t.x = u.x returning (select 1 from w)", "t! u v w"},
		{"delete from t using u, v where exists (select from w)", "t! u v w"},
		{"merge into t using u on t.a = u.a when matched and exists (select from v) then delete when not matched then insert (a) values ((select 1 from w))", "t! u v w"},
		{"with x as (delete from a returning *), y as (insert into b select * from x) select * from c", "a! b! x? c"},
		{"truncate table only a, b.c *, d cascade", "a! b.c! d!"},
		{"copy s.t (a, b) from stdin", "s.t!"},
		{"copy t to stdout", "t"},
		{"copy (select * from t join u on true) to stdout", "t u"},
		{"select a, b into temp n from t", "n! t"},
		{"create table n as select * from t", "n! t"},
		{"create temp table if not exists n on commit drop as with c as (select * from t) select * from c with no data", "n! t c?"},
		{"create or replace view v as select * from t", "v! t"},
		{"create materialized view s.v as (select * from t)", "s.v! t"},
		{"alter table if exists only s.t add column x int", "s.t!"},
		{"drop table if exists a, s.b cascade", "a! s.b!"},
		{"drop materialized view a", "a!"},
		{"refresh materialized view concurrently s.v", "s.v!"},
		{"lock table a, only s.b in share mode", "a s.b"},
		{"declare c cursor with hold for select * from t", "t"},
		{"explain (analyze) select * from t", "t"},
		{"select * from t; delete from u", "t u!"},
		{"select query_to_xml('select * from t', true, true, '')", "t"},
		{"select " + strings.Repeat("x", 70) + ".a from " + strings.Repeat("y", 70), strings.Repeat("y", 63)},
		{"select * from " + strings.Repeat("é", 32), strings.Repeat("é", 31)},
	} {
		a.Analyze(c.sql)
		assert.Equal(t, c.want, describe(a.Relations()), c.sql)
	}
}

func TestFunctionsOperatorsColumnsAndTypesAreFound(t *testing.T) {
	var a statement.Analysis
	for _, c := range []struct{ sql, functions, columns, types string }{
		{"select f(1), S.G(2), \"H\"(3), pg_catalog.lower('x'), Upper('y')", "f s.g H pg_catalog.lower upper", "", ""},
		{"select f (1), s . g (2), f/**/(3)", "f s.g f", "", ""},
		{"select db.s.f(1)", "s.f", "", ""},
		{"select count(*), sum(x) over (partition by f(y)) from g(1), lateral h(2) as (a int)", "count sum f g h", "", ""},
		{"select u.name, u.*, (u).fullname, (u.addr).city, a[1].b, s.u.f from t", "", "u.name fullname u.addr city b u.f", ""},
		{"select left('a', 1), right(x, 2), coalesce(a, f(b)), cast(g(x) as int), greatest(h(1)), nullif(i(1), 2)", "left right f g h i", "", ""},
		{"select substring(f(x) from g(1)), extract(day from h(1)), trim(i(1)), xmlforest(j(1)), exists (select k(1))", "substring f g h i j k", "", ""},
		{"select x in (f(1)), x = any (g(1)), array[h(1)], row(i(1)), case j(1) when k(1) then l(1) else m(1) end", "f g h i j k l m", "", ""},
		{"select * from t join u on f(1) join v on g(2), h(3) where i(4) group by j(5), rollup (k(6)) having l(7) order by m(8) limit n(9) offset o(10)", "f g h i j k l m n o", "", ""},
		{"select a <=> b, a % b, a @> b, a @@@ b, a ~~~ b", "@<=> @~~~", "", ""},
		{"select a operator(public.+) b, a operator(pg_catalog.*) b, a operator(<#>) b", "@public.+ @<#>", "", ""},
		{"select x::mood, 'a'::public.mood, cast(y as app.pair), mood 'ok', int '1', z::numeric(10,2)[], now()::timestamp(3) with time zone", "now", "", "mood public.mood app.pair mood"},
		{"select f(a => 1, b := 2), g(variadic x), h(distinct y order by z), i(all q), j(*) filter (where k(1)) within group (order by l(1))", "f g h i j k l", "", ""},
		{"with c as (select f(1)) insert into t (a) select g(2) from h(3) returning i(4)", "f g h i", "", ""},
		{"update t set a = f(1), (b, c) = (g(2), h(3)) where i(4)", "f g h i", "", ""},
		{"select f(1) as g, h(2) filter, x over from t", "f h", "", ""},
		{"call p(f(1))", "p", "", ""},
		{"select query_to_xml('select upper(a.b) from a', true, true, '')", "query_to_xml upper", "a.b", ""},
	} {
		a.Analyze(c.sql)
		assert.Equal(t, c.functions, describe(a.Functions()), "functions: %s", c.sql)
		assert.Equal(t, c.columns, describe(a.Columns()), "columns: %s", c.sql)
		assert.Equal(t, c.types, describe(a.Types()), "types: %s", c.sql)
	}
}

func TestEveryCalledFunctionCarriesItsClass(t *testing.T) {
	var a statement.Analysis
	for name, want := range map[string]statement.Class{
		"lower": statement.ClassRead, "random": statement.ClassRead, "now": statement.ClassRead, "pg_is_in_recovery": statement.ClassRead,
		"pg_table_size": statement.ClassReadsUnnamed, "nextval": statement.ClassEffect, "pg_advisory_lock": statement.ClassLock,
		"set_config": statement.ClassSession, "currval": statement.ClassServerLocal, "pg_get_viewdef": statement.ClassCatalog,
		"my_function": statement.ClassUnknown, "app.lower": statement.ClassUnknown, `"LOWER"`: statement.ClassUnknown,
		"ts_stat": statement.ClassText, "pg_catalog.LOWER": statement.ClassRead,
	} {
		a.Analyze("select " + name + "(x)")
		assert.Equal(t, want, a.Functions()[0].Class, name)
	}
}

func TestNamesSurviveTheNextAnalysis(t *testing.T) {
	var a statement.Analysis
	a.Analyze(`SELECT * FROM Users, "Or""ders", U&"\0061bc"`)
	kept := append([]statement.Name(nil), a.Relations()...)
	for range 1000 {
		a.Analyze(`SELECT * FROM OTHERS, "O""ther", ABCDEF`)
	}
	assert.Equal(t, `users Or"ders abc`, describe(kept))
}
