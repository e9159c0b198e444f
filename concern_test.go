package pgsplit_test

import (
	"database/sql"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
	"github.com/pgsplit/pgsplit/pgsplittest"
)

// concernSchema has what ties relations to one another. The application owns it, as it does in real life.
const concernSchema = `
create table a (id int primary key, v int default 0);
create table b (id int primary key, a int references a on delete cascade on update cascade);
create table c (id int, b int references b on delete set null);
create table d (id int);
create table e (id int);
create view v as select * from a;
create view vv as select v.id, v.v from v join d using (id);
create materialized view m as select * from e;
create table p (id int, v int) partition by list (id);
create table p1 partition of p for values in (1);
create table p2 partition of p for values in (2);
create table up (id int);
create table down () inherits (up);
create table log (id int);
create function log() returns trigger language plpgsql as 'begin insert into log values (new.id); return new; end';
create table logged (id int);
create trigger t after insert on logged for each row execute function log();
create table late (id int);
create constraint trigger t after insert on late deferrable initially deferred for each row execute function log();
create table wild (id int);
create function wild() returns trigger language plpgsql as
 'begin execute ''insert into e values (1)''; return new; end';
create trigger t after insert on wild for each row execute function wild();
create table ruled (id int);
create rule r as on insert to ruled do also insert into log values (new.id);
create table hidden (id int);
alter table hidden enable row level security;
alter table hidden force row level security;
create policy p on hidden using (id in (select id from d));
create function reads_a() returns bigint language sql stable as 'select count(*) from a';
create function writes_d() returns int language sql as 'insert into d values (7) returning id';
create function moves() returns int language plpgsql as 'begin insert into e select id from d; return 1; end';
create procedure writes_e() language plpgsql as 'begin insert into e values (1); end';
create schema other;
create table other.d (id int);
insert into a select g from generate_series(1, 100) g;
insert into b select g, g from generate_series(1, 100) g;
insert into c select g, g from generate_series(1, 100) g;
`

var concernCluster = lazyCluster{opts: pgsplittest.Options{Replicas: 2}}

// concernDefine has a cluster of its own hold a schema and nothing else.
func concernDefine(t testing.TB, schema string) *pgsplittest.Cluster {
	t.Helper()
	c := concernCluster.get(t)
	require.NoError(t, c.Primary.Exec("alter schema public owner to app")) // as from PostgreSQL 15 on it may say of itself
	execAll(t, plain(t, c.Primary.DSN()), "drop schema public cascade; drop schema if exists other cascade; create schema public; "+schema)
	require.NoError(t, c.WaitForCatchUp())
	return c
}

// concernHandle is a handle on a cluster of its own with that schema.
func concernHandle(t testing.TB, params ...string) (*pgsplittest.Cluster, *sql.DB) {
	t.Helper()
	c := concernDefine(t, concernSchema)
	t.Cleanup(func() { concernResume(t, c) })
	db := handle(t, c, append(params, "max_lag=0")...)
	db.SetMaxIdleConns(-1) // what is pinned by what cannot be read goes away
	require.NoError(t, pgsplit.ClusterOf(db).LoadCatalog(t.Context()))
	return c, db
}

func concernPause(t testing.TB, c *pgsplittest.Cluster) {
	t.Helper()
	require.NoError(t, c.WaitForCatchUp())
	for _, r := range c.Replicas {
		require.NoError(t, r.PauseReplay())
	}
}

func concernResume(t testing.TB, c *pgsplittest.Cluster) {
	t.Helper()
	for _, r := range c.Replicas {
		require.NoError(t, r.ResumeReplay())
	}
	require.NoError(t, c.WaitForCatchUp())
}

// onReplica says where a query went.
func onReplica(t testing.TB, db querier, query string) bool {
	t.Helper()
	ctx, tr := follow(t.Context())
	firstValue(t, ctx, db, query)
	routes, _ := tr.take()
	require.NotEmpty(t, routes)
	last := routes[len(routes)-1]
	if last.Reason != pgsplit.ReasonReplica {
		assert.Equal(t, pgsplit.ReasonNotCaughtUp, last.Reason, query)
	}
	return last.Reason == pgsplit.ReasonReplica
}

// Reads that a write concerns leave replicas which have stopped replaying, the others stay.
func TestOnReadsOfWhatWasWrittenLeaveReplicasThatAreBehind(t *testing.T) {
	c, db := concernHandle(t, "read_your_writes=on")
	concerned := func(reads ...string) []string { return reads }
	for _, test := range []struct {
		write     string
		concerned []string
		others    []string
	}{
		{"insert into a values (1001)", concerned("select count(*) from a", "select count(*) from v", "table vv", "select reads_a()",
			"select count(*) from d join a using (id)", "select exists (select from v)", "with x as (select * from public.a) select count(*) from x"),
			[]string{"select count(*) from d", "table m", "select 1", "select count(*) from p", "table c"}},
		{"update a set id = -id where id = 90", concerned("table a", "table b"), []string{"table e"}},
		{"delete from a where id = 1", concerned("select count(*) from a", "select count(*) from b", "select count(b) from c"), []string{"table e"}},
		{"update b set a = a where id = 5", concerned("table b"), []string{"table a", "table v", "table c"}},
		{"insert into d values (3)", concerned("table d", "table vv", "table hidden", "table other.d"), []string{"table a", "table m", "select reads_a()"}},
		{"insert into other.d values (3)", concerned("table other.d", "table d"), []string{"table a"}},
		{"insert into e values (1)", concerned("table e"), []string{"table m", "table a"}},
		{"insert into p values (1, 1)", concerned("table p", "table p1", "table p2"), []string{"table a"}},
		{"insert into p2 values (2, 1)", concerned("table p", "table p1"), []string{"table up"}},
		{"insert into down values (1)", concerned("table up", "table down"), []string{"table p"}},
		{"insert into up values (1)", concerned("table up", "table down"), []string{"table p"}},
		{"insert into logged values (1)", concerned("table log", "table logged"), []string{"table late"}},
		{"insert into late values (1)", concerned("table log", "table late"), []string{"table logged"}},
		{"insert into ruled values (1)", concerned("table log", "table ruled"), []string{"table logged"}},
		{"insert into wild values (1)", concerned("table e", "table a", "select reads_a()"), nil},
		{"with x as (insert into d values (8) returning id) select * from x", concerned("table d"), []string{"table e"}},
		{"truncate log", concerned("table log", "table e"), nil},
		{"select writes_d()", concerned("table d", "table vv"), []string{"table e", "table a"}},
		{"select moves()", concerned("table e", "table d"), []string{"table a"}},
		{"call writes_e()", concerned("table e", "table a"), nil},
		{"do 'begin insert into e values (5); end'", concerned("table e", "table a"), nil},
	} {
		t.Run(test.write, func(t *testing.T) {
			// What nobody can read may have changed the schema: it counts for everything until the catalog is verified.
			require.NoError(t, pgsplit.ClusterOf(db).LoadCatalog(t.Context()))
			concernPause(t, c)
			require.NoError(t, writeByExec.run(t.Context(), db, test.write))
			for _, q := range test.concerned {
				assert.False(t, onReplica(t, db, q), "%s missed it", q)
			}
			for _, q := range test.others {
				assert.True(t, onReplica(t, db, q), "%s does not read it", q)
			}
			concernResume(t, c)
			for _, q := range test.concerned {
				eventually(t, func() bool { return onReplica(t, db, q) }, "%s stays on the primary for ever", q)
			}
		})
	}
}

func TestOnEveryWayToWriteLeavesAMark(t *testing.T) {
	c, db := concernHandle(t, "read_your_writes=on")
	for i, w := range writes {
		t.Run(w.name, func(t *testing.T) {
			concernPause(t, c)
			require.NoError(t, w.run(t.Context(), db, fmt.Sprintf("update a set v = %d where id = 50", i+1)))
			assert.Equal(t, fmt.Sprint(i+1), firstValue(t, t.Context(), db, "select v from a where id = 50"))
			assert.Equal(t, w.name != "Raw", onReplica(t, db, "table d"), "what was handed out may have written anything")
			concernResume(t, c)
			eventually(t, func() bool { return onReplica(t, db, "table d") && onReplica(t, db, "table a") })
		})
	}
}

func TestOnWhatKeepsNothingLeavesNoMark(t *testing.T) {
	c, db := concernHandle(t, "read_your_writes=on")
	concernPause(t, c)
	ctx := t.Context()
	tx, err := db.BeginTx(ctx, nil)
	require.NoError(t, err)
	_, err = tx.ExecContext(ctx, "update a set v = 9")
	require.NoError(t, err)
	require.NoError(t, tx.Rollback())
	_, err = db.ExecContext(ctx, "insert into a values (1)")
	require.Equal(t, "23505", code(err))
	conn, err := db.Conn(ctx)
	require.NoError(t, err)
	for _, q := range []string{"begin", "update a set v = 9", "rollback", "begin", "select id from a for update", "commit", "set local work_mem = '1MB'"} {
		_, err := conn.ExecContext(ctx, q)
		require.NoError(t, err, q)
	}
	require.NoError(t, conn.Close())
	assert.True(t, onReplica(t, db, "table a"))
}

// The application may have seen rows of a write before it has committed.
func TestOnRowsOfAWriteThatAreOpenConcernReads(t *testing.T) {
	c, db := concernHandle(t, "read_your_writes=on")
	ctx := t.Context()
	rows, err := db.QueryContext(ctx, "update a set v = 77 where id = 50 returning v")
	require.NoError(t, err)
	require.True(t, rows.Next())
	assert.False(t, onReplica(t, db, "table a"))
	assert.True(t, onReplica(t, db, "table d"))
	concernPause(t, c)
	// So small an update is complete at its first row, so the replicas have it. This is what they lack when it is marked.
	_, err = plain(t, c.Primary.DSN()).ExecContext(ctx, "insert into e values (99)")
	require.NoError(t, err)
	require.NoError(t, rows.Close())
	assert.False(t, onReplica(t, db, "table a"))
	assert.True(t, onReplica(t, db, "table d"))
}

// A schema change through the handle counts from the moment that somebody may see it, however it was made.
func TestOnKnowsTheSchemaChangesThatItHasMade(t *testing.T) {
	for name, change := range map[string]string{
		"DDL":    "create trigger t2 after insert on d for each row execute function log()",
		"DO":     "do $$ begin create trigger t2 after insert on d for each row execute function log(); end $$",
		"view":   "create or replace view v as select id, 0 as v from d",
		"rename": "alter table log rename to journal; alter table e rename to log; create rule r2 as on insert to d do also insert into log values (1)",
	} {
		t.Run(name, func(t *testing.T) {
			c, db := concernHandle(t, "read_your_writes=on")
			ctx := t.Context()
			_, err := db.ExecContext(ctx, change)
			require.NoError(t, err)
			require.NoError(t, c.WaitForCatchUp())
			require.NoError(t, writeByExec.run(ctx, db, "insert into d values (99)"))
			primary, err := sql.Open("pgx", c.Primary.DSN())
			require.NoError(t, err)
			defer primary.Close()
			for _, q := range []string{"select count(*) from log", "select count(*) from v"} {
				assert.Equal(t, firstValue(t, ctx, primary, q), firstValue(t, ctx, db, q), q)
			}
		})
	}
}
