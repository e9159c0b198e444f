package pgsplit_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
)

// Each case of the table runs through plain pgx on the primary and through pgsplit on the whole cluster, and writes down
// everything that it can see. The two accounts must be equal, to the letter.

// execModes are pgx's ways to run statements, as a DSN names them.
var execModes = []string{"cache_statement", "cache_describe", "describe_exec", "exec", "simple_protocol"}

type parityCase struct {
	name string
	run  func(*script)
}

// parityCases is the whole table.
var parityCases = [][]parityCase{statementParity, txParity, contextParity, connParity}

const paritySchema = `
create schema parity;
create type parity.mood as enum ('sad', 'happy');
create type parity.pair as (a int, b text);
create table parity.thing (id serial primary key, name text unique, n int not null default 0 check (n >= 0), m parity.mood,
 p parity.pair, u uuid, tags text[], j jsonb, b bytea, at timestamptz, price numeric(12,3), code varchar(7));
create table parity.part (id int primary key, thing int references parity.thing deferrable initially immediate,
 span int4range, exclude using gist (span with &&));
create function parity.noisy(x int) returns int stable language plpgsql as $$ begin raise notice 'noise %', x using detail = 'd', hint = 'h'; return x; end $$;
grant usage on schema parity to public;
grant all on all tables in schema parity to public;
grant all on all sequences in schema parity to public;
`

const parityReset = `
truncate parity.thing, parity.part restart identity;
insert into parity.thing (name, n, m, p, u, tags, j, b, at, price, code)
 select 'thing ' || g, g, case g % 2 when 0 then 'sad' else 'happy' end::parity.mood, row(g, 'pair'::text)::parity.pair, ('00000000-0000-0000-0000-' || lpad(g::text, 12, '0'))::uuid,
 array['a', null, g::text], jsonb_build_object('g', g), decode(lpad(to_hex(g), 4, '0'), 'hex'), '2024-02-29 12:00+00'::timestamptz + g * interval '1 hour', g * 1.25, 'c' || g
 from generate_series(1, 50) g;
insert into parity.part values (1, 1, '[1,5)'), (2, null, null);
`

// hasTimeouts says whether a machine that stands still can change what a case gives: it may be over before its statement has begun.
func hasTimeouts(name string) bool {
	return slices.ContainsFunc(contextParity, func(pc parityCase) bool { return pc.name == name })
}

// once runs one case once more on the same handle.
func (s script) once(name string, try int) []string {
	s.only, s.texts = name, 1000*try // what was fresh is so once
	return s.run()[name]
}

func TestEverythingIsAsWithPgxInEveryExecMode(t *testing.T) {
	c := calm(t)
	define(t, c, paritySchema, "drop schema parity cascade")
	for _, mode := range execModes {
		t.Run(mode, func(t *testing.T) {
			params := []string{"default_query_exec_mode=" + mode, "search_path=parity,public", "timezone=UTC"}
			primary := dsnWith(c.Primary.DSN(), params...)
			direct := script{TB: t, db: plain(t, primary), dsn: primary, mode: mode, c: c}
			want := direct.run()
			again := want
			handles := map[string]string{
				"cluster": dsnWith(c.DSN(), append(params, "read_your_writes=strict", "read_only_tx=replica", "monitor_timeout=10s")...),
			}
			if mode == execModes[0] { // what does not hang on the mode is shown once
				again = (&script{TB: t, db: plain(t, primary), dsn: primary, mode: mode, c: c}).run()
				handles["one server"] = primary
			}
			for _, kind := range slices.Sorted(maps.Keys(handles)) {
				db := open(t, handles[kind])
				if kind == "cluster" {
					replicasServe(t, db, len(c.Replicas))
				}
				runs := 1
				if kind == "one server" {
					runs = 2 // texts that the handle knows go a shorter way, see plain.go
				}
				for n := range runs {
					ours := script{TB: t, db: db, dsn: handles[kind], mode: mode, split: true, c: c}
					got := ours.run()
					for _, name := range slices.Sorted(maps.Keys(want)) {
						want, again, got := want[name], again[name], got[name]
						for try := 1; try < 3 && hasTimeouts(name) && (!slices.Equal(want, again) || !slices.Equal(want, got)); try++ {
							from := max(0, difference(want, got), difference(want, again))
							t.Logf("%s, on %s, run %d, line %d: pgx has %q and %q, we have %q; once more", name, kind, n, from,
								line(want, from), line(again, from), line(got, from))
							want, got = direct.once(name, try), ours.once(name, try)
							again = want
						}
						if assert.Equal(t, want, again, "%s: two runs with plain pgx differ", name) {
							assert.Equal(t, want, got, "%s, on %s, run %d", name, kind, n)
						}
					}
				}
				if kind == "cluster" {
					for _, server := range pgsplit.ClusterOf(db).Stats().Servers {
						require.Greater(t, server.Total(), int64(20), "%s was hardly put to the test", server.Name)
					}
				}
			}
		})
	}
}
