package pgsplit_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
	"github.com/pgsplit/pgsplit/pgsplittest"
)

// turncoat has a view that another process makes write, or makes harmless again, without the handle's knowing.
type turncoat struct{ c *pgsplittest.Cluster }

const changingRead = "select noted from changing where id = 1"

func newTurncoat(t *testing.T) turncoat {
	t.Helper()
	c := pgsplittest.Start(t, pgsplittest.Options{Replicas: 1, SetupSQL: `
		create table thing (id int, noted text);
		insert into thing values (1, 'one'), (2, 'two');
		create table log (t timestamptz default now());
		create function note(text) returns text language plpgsql as $$ begin insert into log default values; return $1; end $$;
		create view changing as select id, noted from thing;
		grant all on all tables in schema public to public`})
	return turncoat{c}
}

func (v turncoat) writes(t *testing.T) { v.become(t, "note(noted) as noted") }
func (v turncoat) reads(t *testing.T)  { v.become(t, "noted") }

func (v turncoat) become(t *testing.T, column string) {
	t.Helper()
	require.NoError(t, v.c.Primary.Exec("create or replace view changing as select id, "+column+" from thing"))
}

// handle is one that looks for itself at servers all the time, but never at their schema.
func (v turncoat) handle(t *testing.T) *sql.DB {
	t.Helper()
	return handle(t, v.c, "max_lag=0")
}

// settled waits until all replicas are known to have replayed the schema that the handle knows.
func settled(t *testing.T, db *sql.DB) {
	t.Helper()
	eventually(t, func() bool {
		require.NoError(t, db.PingContext(t.Context()))
		cluster := pgsplit.ClusterOf(db)
		for i, s := range cluster.Stats().Servers {
			if s.Role == pgsplit.RoleReplica && !cluster.UpToDate(i) {
				return false
			}
		}
		return true
	}, "a replica does not catch up")
}

func TestARefusalIsRememberedForTheWholeHandleAndShown(t *testing.T) {
	v := newTurncoat(t)
	db := v.handle(t)
	settled(t, db)
	unlook := pgsplit.ClusterOf(db).IgnoreSchema()
	defer unlook()
	v.writes(t)
	require.NoError(t, v.c.WaitForCatchUp())

	answer, last := healed(t, db, "25006", changingRead)
	require.Equal(t, "one", answer)
	require.Equal(t, pgsplit.RolePrimary, last.Server.Role)

	// From then on its like goes to the primary at once, on every connection, whatever the literals.
	ctx, tr := follow(t.Context())
	for i := range 5 {
		conn := connOf(t, db)
		defer conn.Close()
		firstValue(t, ctx, conn, fmt.Sprintf("SELECT noted FROM changing -- %d\n WHERE id = %d", i, i))
		require.Equal(t, pgsplit.ReasonRefused.String(), tr.only(t).Reason.String())
	}
	require.Equal(t, pgsplit.ReasonRefused, pgsplit.ClusterOf(db).Explain(changingRead).Reason)

	refusals := pgsplit.ClusterOf(db).Stats().Refusals
	require.Len(t, refusals, 1)
	r := refusals[0]
	require.Equal(t, changingRead, r.SQL)
	require.Equal(t, "25006", r.Code)
	require.GreaterOrEqual(t, r.Saved, int64(5))
	require.WithinDuration(t, time.Now().Add(10*time.Minute), r.Until, time.Minute, "use does not prolong it")
	for _, s := range pgsplit.ClusterOf(db).Stats().Servers {
		if s.Role == pgsplit.RoleReplica {
			require.EqualValues(t, 1, s.Healed)
		}
	}
	require.Empty(t, pgsplit.ClusterOf(v.handle(t)).Stats().Refusals, "another handle's memory")
}

func TestWhatAReplicaLacksForNowIsNotRemembered(t *testing.T) {
	v := newTurncoat(t)
	v.writes(t)
	require.NoError(t, v.c.WaitForCatchUp())
	db := v.handle(t)
	settled(t, db)
	require.Equal(t, pgsplit.RolePrimary, pgsplit.ClusterOf(db).Explain(changingRead).Target)

	// The schema is repaired; the replica still has the view that writes.
	require.NoError(t, v.c.Replicas[0].PauseReplay())
	v.reads(t)
	require.NoError(t, v.c.Primary.Exec("alter table thing add column later text default 'now'"))
	require.NoError(t, pgsplit.ClusterOf(db).LoadCatalog(t.Context()))
	require.Equal(t, pgsplit.RoleReplica, pgsplit.ClusterOf(db).Explain(changingRead).Target)
	for range 3 {
		answer, _ := healed(t, db, "25006", changingRead)
		require.Equal(t, "one", answer)
		answer, _ = healed(t, db, "42703", "select later from thing")
		require.Equal(t, "now", answer)
	}
	require.Empty(t, pgsplit.ClusterOf(db).Stats().Refusals)

	require.NoError(t, v.c.Replicas[0].ResumeReplay())
	require.NoError(t, v.c.WaitForCatchUp())
	ctx, tr := follow(t.Context())
	firstValue(t, ctx, db, changingRead)
	require.Equal(t, pgsplit.RoleReplica, tr.only(t).Server.Role)
	firstValue(t, ctx, db, "select later from thing")
	require.Equal(t, pgsplit.RoleReplica, tr.only(t).Server.Role)
}

func TestAnErrorThatThePrimaryConfirmsIsNotRemembered(t *testing.T) {
	db := handle(t, calm(t))
	for _, text := range []string{"select 1 / (n - n) from item", "select nosuch from item", "select pg_catalog.aclinsert('{}', '=r/postgres')"} {
		_, err := db.QueryContext(context.WithoutCancel(t.Context()), text)
		require.Error(t, err)
	}
	require.Empty(t, pgsplit.ClusterOf(db).Stats().Refusals)
}

func TestTheMemoryOfRefusalsIsBoundedAndForgets(t *testing.T) {
	cluster := pgsplit.ClusterOf(open(t, calm(t).DSN()))
	start := time.Now()
	text := func(i int) string { return fmt.Sprintf("select c%d from item", i) }
	for i := range 1500 {
		cluster.RememberRefusal(text(i), "25006", start.Add(time.Duration(i)*time.Millisecond))
	}
	require.Len(t, cluster.Stats().Refusals, 1000)
	require.False(t, cluster.RefusedAt(text(499), start), "the oldest have gone")
	require.True(t, cluster.RefusedAt(text(500), start))
	require.True(t, cluster.RefusedAt(text(1499), start.Add(10*time.Minute)))
	require.False(t, cluster.RefusedAt(text(500), start.Add(11*time.Minute)))

	cluster.RememberRefusal("select '"+strings.Repeat("ü", 300)+"'", "25006", start)
	for _, r := range cluster.Stats().Refusals {
		require.LessOrEqual(t, len(r.SQL), 200)
	}
}

func TestRefusalsAreForgottenWhenTheSchemaIsAnotherOne(t *testing.T) {
	c := calm(t)
	db := handle(t, c, "monitor_interval=1h")
	cluster := pgsplit.ClusterOf(db)
	cluster.RememberRefusal("select n from item", "25006", time.Now())
	require.Equal(t, pgsplit.ReasonRefused, cluster.Explain("select n from item").Reason)
	name := unique("passing")
	require.NoError(t, c.Primary.Exec("create table "+name+" (id int)"))
	require.NoError(t, cluster.LoadCatalog(t.Context()))
	require.Equal(t, pgsplit.ReasonReplica, cluster.Explain("select n from item").Reason)
	require.NoError(t, c.Primary.Exec("drop table "+name))
}
