package pgsplit_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
)

// samples are values of the types that built-in functions take.
var samples = map[string]string{
	"bool": "true", "int2": "'1'", "int4": "'1'", "int8": "'1'", "float4": "'0.5'", "float8": "'0.5'", "numeric": "'1.5'", "money": "'1'",
	"text": "'tree'", "name": "'tree'", "varchar": "'tree'", "bpchar": "'tree'", "char": "'t'", "cstring": "'1'", "bytea": `'\x3c612f3e'`, "oid": "'1259'", "xid": "'3'", "xid8": "'3'",
	"date": "'2020-01-01'", "time": "'10:00'", "timetz": "'10:00+00'", "timestamp": "'2020-01-01'", "timestamptz": "'2020-01-01 00:00+00'", "interval": "'0 s'",
	"json": `'{"a": 1}'`, "jsonb": `'{"a": 1}'`, "jsonpath": "'$.a'", "xml": "'<a/>'", "uuid": "'00000000-0000-4000-8000-000000000000'", "pg_lsn": "'0/1000000'",
	"inet": "'10.0.0.1'", "cidr": "'10.0.0.0/8'", "macaddr": "'08:00:2b:01:02:03'", "macaddr8": "'08:00:2b:01:02:03:04:05'", "bit": "'1'", "varbit": "'1'", "tid": "'(0,1)'",
	"point": "'1,1'", "box": "'1,1,0,0'", "circle": "'1,1,1'", "line": "'1,1,1'", "lseg": "'1,1,0,0'", "path": "'1,1,0,0'", "polygon": "'1,1,0,0'",
	"tsvector": "'a'", "tsquery": "'a'", "int4range": "'[1,2)'", "int8range": "'[1,2)'", "numrange": "'[1,2)'", "daterange": "'[2020-01-01,)'", "tsrange": "'empty'", "tstzrange": "'empty'",
	"_text": "'{a}'", "_int4": "'{1}'", "_int2": "'{1}'", "_int8": "'{1}'", "_float8": "'{1}'", "_oid": "'{1}'", "_bool": "'{t}'", "int2vector": "'1'", "oidvector": "'1'",
	"any": "1", "anyelement": "1", "anycompatible": "1", "anyarray": "array[1]", "anycompatiblearray": "array[1]", "anynonarray": "1", "anycompatiblenonarray": "1",
	"anyrange": "int4range(1, 2)", "anycompatiblerange": "int4range(1, 2)", "anymultirange": "'{[1,2)}'::int4multirange", "int4multirange": "'{[1,2)}'", "record": "row(1)",
	"txid_snapshot": "'1:1:'", "pg_snapshot": "'1:1:'", "aclitem": "'=r/postgres'", "_aclitem": "'{=r/postgres}'", "anyenum": "'ok'::mood",
}

// answeredByEach are the reads whose answer is each server's, or each moment's, own.
var answeredByEach = set(`clock_timestamp now statement_timestamp transaction_timestamp timeofday random random_normal
	gen_random_uuid uuidv4 uuidv7 array_sample array_shuffle age
	pg_is_in_recovery inet_server_addr inet_server_port pg_postmaster_start_time`)

func set(words string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(words) {
		m[w] = true
	}
	return m
}

// TestEveryBuiltInFunctionThatGoesToAReplicaAnswersThereAsOnThePrimary calls all functions of pg_catalog that this server
// has, those of other versions than the tables were made from included.
func TestEveryBuiltInFunctionThatGoesToAReplicaAnswersThereAsOnThePrimary(t *testing.T) {
	c := corpusCluster(t)
	var tr trail
	db := traced(t, c, &tr)
	cluster := pgsplit.ClusterOf(db)
	primary := plain(t, c.Primary.DSN())
	rows, err := primary.QueryContext(t.Context(), `
		select p.proname, coalesce((select string_agg(t.typname, ' ' order by n)
			from unnest(p.proargtypes) with ordinality a(type, n) join pg_type t on t.oid = a.type), '')
		from pg_proc p where pronamespace = 'pg_catalog'::regnamespace and prokind in ('f', 'a', 'w') and prorettype not in
			('trigger'::regtype, 'event_trigger'::regtype, 'internal'::regtype) and not 'internal'::regtype = any(proargtypes)
		order by 1, 2`)
	require.NoError(t, err)
	defer rows.Close()
	calls := map[string]string{} // text: name
	var order []string
	skipped := map[string]int{}
	for rows.Next() {
		var name, types string
		require.NoError(t, rows.Scan(&name, &types))
		args := []string{}
		for _, typ := range strings.Fields(types) {
			sample, ok := samples[typ]
			if !ok {
				skipped[typ]++
				args = nil
				break
			}
			if strings.HasPrefix(sample, "'") && !strings.Contains(sample, "::") && typ != "cstring" {
				sample += fmt.Sprintf(`::pg_catalog."%s"`, typ)
			}
			args = append(args, sample)
		}
		if args != nil || types == "" {
			text := fmt.Sprintf(`select pg_catalog."%s"(%s)`, name, strings.Join(args, ", "))
			calls[text] = name
			order = append(order, text)
		}
	}
	require.NoError(t, rows.Err())

	kept, alikes, failed := 0, 0, 0
	for _, text := range order {
		if cluster.Explain(text).Target != pgsplit.RoleReplica {
			kept++
			continue
		}
		tr.take()
		here, there := query(t, primary, false, text), query(t, db, false, text)
		_, retries := tr.take()
		switch {
		case !alike(here, there, answeredByEach[calls[text]]):
			t.Errorf("another answer: %s\nthe primary: %.300v\nthrough us: %.300v", text, here, there)
		case here.Err != "":
			failed++
		case len(retries) > 0:
			t.Errorf("only the primary answers: %v: %s", retries[0].Err, text)
		default:
			alikes++
		}
	}
	t.Logf("%d calls: %d answered alike by the replica, %d with the same error, %d kept from it; not called for want of a value: %v",
		len(order), alikes, failed, kept, skipped)
	require.Greater(t, alikes, 1500)
}
