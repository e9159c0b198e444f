package catalog

// The queries of a snapshot are one text, so that they see one state of the catalog, also through a pooler that shares
// connections between transactions. They take no lock but those on the system catalogs: expressions are looked into as
// the parse trees that are stored, since pg_get_viewdef and its like wait for whoever is changing a table. The first
// column's name tells the results apart.
//
// Temporary relations are left out: they are those of other sessions.

// snapshotBegin keeps the queries' operators and functions those of PostgreSQL, and its planner from compiling them and
// from sorting what can be hashed, which it takes for cheaper when the catalogs' statistics are old.
const snapshotBegin = `begin isolation level repeatable read, read only;
set local search_path to pg_catalog;
set local jit to off;
set local enable_mergejoin to off;
`

const relationQuery = `
select c.oid as relation, n.nspname, c.relname, c.relkind, c.relpersistence, c.reltype
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S', 'c') and c.relpersistence <> 't' and n.nspname <> 'pg_toast';
`

// functionQuery has one argument: the column of functions whose body PostgreSQL has parsed, from version 14 on.
const functionQuery = `
select p.oid as function, n.nspname, p.proname, p.prokind, p.provolatile, l.lanname, e.extname,
	case when p.pronargs > 0 and p.pronargs - p.pronargdefaults <= 1 then
		case when t.typtype in ('c', 'd', 'p') then 'r' else 's' end end,
	case when l.lanname in ('sql', 'plpgsql') then p.prosrc end,
	%s ~ ':commandType [2-5]'
from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_language l on l.oid = p.prolang
left join pg_type t on t.oid = p.proargtypes[0]
left join pg_depend d on d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e'
left join pg_extension e on e.oid = d.refobjid
where p.oid >= 16384 and n.nspname !~ '^pg_temp_';
`

const typeQuery = `
select t.oid as type, n.nspname, t.typname
from pg_type t join pg_namespace n on n.oid = t.typnamespace
where t.oid >= 16384 and t.typtype <> 'c' and t.typinput <> 'array_in'::regproc and n.nspname !~ '^pg_temp_';
`

// operatorQuery gives operators, and casts as operators without a name, with the types that they belong to.
const operatorQuery = `
select oid as operator, oprname, oprcode::oid, oprleft, oprright from pg_operator where oid >= 16384
union all
select oid, null, castfunc, castsource, casttarget from pg_cast where oid >= 16384 and castfunc <> 0;
`

// edgeQuery gives what uses what, by the letters of use, and v for a view or an ancestor, which is written as well as
// read by way of another relation. What a parse tree says of built-in objects is not in pg_depend: see treeQuery.
const edgeQuery = `
with owner (classid, objid, use, node, relations) as (
	select 'pg_rewrite'::regclass::oid, r.oid,
		case when r.ev_type <> '1' or c.relkind = 'm' then 'w' else 'v' end, r.ev_class,
		case when r.ev_type <> '1' then 'd' else 'r' end
	from pg_rewrite r join pg_class c on c.oid = r.ev_class where r.oid >= 16384
	union all
	select 'pg_policy'::regclass, oid, case when polcmd in ('r', '*') then 'r' else 'w' end, polrelid, 'r' from pg_policy
	union all
	select 'pg_trigger'::regclass, oid, 'w', tgrelid, 'r' from pg_trigger where not tgisinternal
	union all
	select 'pg_attrdef'::regclass, oid, 'w', adrelid, 'r' from pg_attrdef
	union all
	select 'pg_constraint'::regclass, oid, case when contypid <> 0 then 'c' else 'w' end,
		case when contypid <> 0 then contypid else conrelid end, 'r'
	from pg_constraint where contype = 'c'
	union all
	select 'pg_class'::regclass, indexrelid, 'w', indrelid, 'r' from pg_index where indexrelid >= 16384
	union all
	select 'pg_class'::regclass, oid, 'r', oid, 'r' from pg_class
	where oid >= 16384 and relkind in ('r', 'p', 'v', 'm', 'f', 'c')
	union all
	select 'pg_proc'::regclass, oid, 'f', oid, 'r' from pg_proc where oid >= 16384
)
select distinct o.use as edge, o.node,
	case d.refclassid
		when 'pg_proc'::regclass then 'f' when 'pg_operator'::regclass then 'o'
		when 'pg_type'::regclass then case when d.classid = 'pg_class'::regclass then 't' else 'c' end
		else o.relations
	end,
	case when t.typinput = 'array_in'::regproc then t.typelem else d.refobjid end
from pg_depend d join owner o on o.classid = d.classid and o.objid = d.objid
left join pg_type t on d.refclassid = 'pg_type'::regclass and t.oid = d.refobjid
where o.node <> d.refobjid and (
	d.refclassid in ('pg_proc'::regclass, 'pg_operator'::regclass, 'pg_type'::regclass)
	or d.refclassid = 'pg_class'::regclass
	and d.classid in ('pg_rewrite'::regclass, 'pg_policy'::regclass, 'pg_proc'::regclass))
union all
select 'i', inhparent, 'r', inhrelid from pg_inherits
union all
select distinct 'w', confrelid, 'w', conrelid from pg_constraint where contype = 'f' and confupdtype in ('c', 'n', 'd')
union all
select distinct 'd', confrelid, case confdeltype when 'c' then 'd' else 'w' end, conrelid
from pg_constraint where contype = 'f' and confdeltype in ('c', 'n', 'd')
union all
select 'c', t.oid, 'c', case when b.typinput = 'array_in'::regproc then b.typelem else b.oid end
from pg_type t join pg_type b on b.oid = t.typbasetype where t.typtype = 'd'
union all
select 'c', rngtypid, 'c', rngsubtype from pg_range where rngtypid >= 16384
union all
select 'c', rngtypid, 'f', rngcanonical::oid from pg_range where rngtypid >= 16384
union all
select 't', amproclefttype, 'f', amproc::oid from pg_amproc where amproc >= 16384
union all
select 'e', 0, 'f', evtfoid from pg_event_trigger;
`

// treeQuery gives the built-in functions and relations that expressions name: b with a function's name, s with a
// relation's oid, l for row locks. Where only writes are concerned, only what may touch the session matters. Its
// argument is the column as in functionQuery.
const treeQuery = `
with builtin (oid, proname, provolatile) as materialized (
	select oid, proname, case proname when 'nextval' then 's' else provolatile end
	from pg_proc where oid < 16384 and provolatile <> 'i'
), mention (use, node, kind, oid) as (
	select t.use, t.node, m.kind, m.oid
	from (
		select case when r.ev_type <> '1' or c.relkind = 'm' then 'w' else 'r' end, r.ev_class,
			concat(r.ev_action::text, r.ev_qual::text)
		from pg_rewrite r join pg_class c on c.oid = r.ev_class where r.oid >= 16384
		union all
		select case when polcmd in ('r', '*') then 'r' else 'w' end, polrelid, concat(polqual::text, polwithcheck::text)
		from pg_policy
		union all
		select 'f', p.oid, concat(%[1]s, p.proargdefaults::text) from pg_proc p
		where p.oid >= 16384 and (p.proargdefaults is not null or %[1]s is not null)
		union all
		select case when contypid <> 0 then 'c' else 'w' end, case when contypid <> 0 then contypid else conrelid end,
			conbin::text
		from pg_constraint where contype = 'c'
		union all
		select 'w', adrelid, adbin::text from pg_attrdef
		union all
		select 'w', tgrelid, tgqual::text from pg_trigger where tgqual is not null
	) t (use, node, tree), lateral (
		select 'b', split_part(f, ' ', 1)::oid from unnest((string_to_array(t.tree, ':funcid '))[2:]) f
		union all
		select 's', split_part(r, ' ', 1)::oid from unnest((string_to_array(t.tree, ':relid '))[2:]) r where t.use <> 'w'
		union all
		select 'l', 0 where t.use <> 'w' and strpos(t.tree, ':hasForUpdate true') > 0
	) m (kind, oid)
	union all
	select 'f', a.aggfnoid, 'b', f
	from pg_aggregate a, unnest(array[aggtransfn, aggfinalfn, aggcombinefn, aggmtransfn, aggminvtransfn, aggmfinalfn]::oid[]) f
	where a.aggfnoid >= 16384
	union all
	select 'o', oid, 'b', oprcode from pg_operator where oid >= 16384
)
select m.use as tree, m.node, m.kind, b.proname from mention m join builtin b on b.oid = m.oid
where m.kind = 'b' and (m.use <> 'w' or b.provolatile = 'v')
union all
select use, node, kind, oid::text from mention where kind = 's' and oid < 16384 or kind = 'l';
`
