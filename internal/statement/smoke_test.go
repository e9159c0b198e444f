package statement

import (
	"fmt"
	"testing"
)

func TestSmoke(t *testing.T) {
	var a Analysis
	for _, s := range []string{
		"select 1", "select * from users u join x.orders o on o.id = u.id where lower(u.name) = 'x' and f(o.x)",
		"with x as (insert into t values (1) returning *) select * from x",
		"select a, b from t for update", "select * into temp z from t", "insert into a.b (c) select x from y on conflict (id) do update set x = excluded.x",
		"select substring(x from 1 for 2), extract(epoch from t.y), a is distinct from b from (select 1 union all table q) z, lateral f(x) as (a int, update text)",
		"update t set a=1 from b where b.id = t.id", "select 1 as into", `select "update" from t`,
		"delete from t using a, b where x", "explain analyze select 1", "select set_config('a','b', true)", "select pg_advisory_lock(1)",
		"select count(*) filter (where x > 1) over (partition by f order by g rows between 1 preceding and current row) from t",
		"select $1::status, 'x'::regclass, tableoid::regclass from t",
		`select query_to_xml('select * from t', true, false, '')`, "select a <=> b", "select a operator(pg_catalog.+) b",
		`select 'a\' or x = '\'`, `select * from t where a like 'x' escape '\'`,
		"(select 1) union (select 2 from t) order by 1 limit 1", "select 1; select 2", "/* pgsplit: primary */ select 1; -- foo",
		"select 1 -- pgsplit: replica",
	} {
		a.Analyze(s)
		fmt.Printf("%v %s %b %v hint=%v | %s\n   rel %v fn %v col %v types %v\n", a.Read(), a.Kind, a.Flags, a.Reason(), a.Hint, s, a.Relations(), a.Functions(), a.Columns(), a.Types())
	}
}
