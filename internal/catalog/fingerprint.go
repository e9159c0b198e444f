package catalog

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

// fingerprintQuery hashes what a snapshot is made of. Of relations it takes what matters, not xmin, which TRUNCATE and
// REFRESH MATERIALIZED VIEW change; of the rest it takes rows by oid and xmin. What temporary relations bring along is
// left out, since they come and go. It names everything in full, since it runs with whatever search path there is.
const fingerprintQuery = `
with relation (rows, hash, temporary) as materialized (
	select count(*) filter (where relpersistence <> 't'), sum(pg_catalog.hashtextextended(relname::text,
			pg_catalog.hashcharextended(relkind, pg_catalog.hashcharextended(relpersistence,
				(oid::int8 << 16) + relnatts * 2 + relrowsecurity::int)))) filter (where relpersistence <> 't'),
		coalesce(pg_catalog.array_agg(oid) filter (where relpersistence = 't'), '{}')
	from pg_catalog.pg_class where relkind <> 'i' and relkind <> 't' and relkind <> 'I' and oid >= 16384
), state (name, rows, hash) as (
	select 'relation', rows, hash from relation
	union all
	select 'function', count(*), sum(pg_catalog.hashtextextended(xmin::text, oid::int8)) from pg_catalog.pg_proc
	where oid >= 16384 and pronamespace <> all (array(select oid from pg_catalog.pg_namespace where nspname ~ '^pg_temp_'))
	union all
	select 'constraint', count(*), sum(pg_catalog.hashtextextended(xmin::text, oid::int8)) from pg_catalog.pg_constraint
	where contype in ('c', 'f') and oid >= 16384 and conrelid <> all ((select temporary from relation)::oid[])
	union all
	select 'default', count(*), sum(pg_catalog.hashtextextended(xmin::text, oid::int8)) from pg_catalog.pg_attrdef
	where oid >= 16384 and adrelid <> all ((select temporary from relation)::oid[])
	union all
	select 'trigger', count(*), sum(pg_catalog.hashtextextended(xmin::text, oid::int8)) from pg_catalog.pg_trigger
	where not tgisinternal and tgrelid <> all ((select temporary from relation)::oid[])
	union all
	select 'rule', count(*), sum(pg_catalog.hashtextextended(xmin::text, oid::int8)) from pg_catalog.pg_rewrite
	where oid >= 16384 and ev_class <> all ((select temporary from relation)::oid[])
	union all
	select 'policy', count(*), sum(pg_catalog.hashtextextended(xmin::text, oid::int8)) from pg_catalog.pg_policy
	where polrelid <> all ((select temporary from relation)::oid[])
	union all
	select 'child', count(*), sum(pg_catalog.hashtextextended(inhparent::text, inhrelid::int8)) from pg_catalog.pg_inherits
	where inhrelid <> all ((select temporary from relation)::oid[])
	union all
	select 'operator', count(*), sum(pg_catalog.hashtextextended(xmin::text, oid::int8)) from pg_catalog.pg_operator
	where oid >= 16384
	union all
	select 'cast', count(*), sum(pg_catalog.hashtextextended(xmin::text, oid::int8)) from pg_catalog.pg_cast where oid >= 16384
	union all
	select 'event', count(*), sum(pg_catalog.hashtextextended(xmin::text, oid::int8)) from pg_catalog.pg_event_trigger
)
select pg_catalog.md5(pg_catalog.string_agg(pg_catalog.concat_ws(' ', name, rows, hash), ',' order by name)) as fingerprint
from state`

// Fingerprint asks the server for the state that its catalog is in, as far as a [Catalog] depends on it: equal
// fingerprints mean that loading anew brings nothing. Not seen are a column whose type is changed, and a new
// type: what these bring along mostly is. It is one statement, without parameters, and reads only system catalogs.
func Fingerprint(ctx context.Context, conn *pgconn.PgConn) (string, error) {
	results, err := conn.Exec(ctx, fingerprintQuery).ReadAll()
	if err != nil {
		return "", fmt.Errorf("catalog fingerprint: %w", err)
	}
	if len(results) != 1 || len(results[0].Rows) != 1 || len(results[0].Rows[0]) != 1 {
		return "", errors.New("catalog fingerprint: no answer")
	}
	return string(results[0].Rows[0][0]), nil
}
