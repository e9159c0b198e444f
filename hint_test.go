package pgsplit_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
	"github.com/pgsplit/pgsplit/internal/statement/corpus"
)

const isReplicaSQL = "select pg_is_in_recovery()"

func TestWithPrimarySendsAReadToThePrimary(t *testing.T) {
	db := handle(t, calm(t))
	ctx, tr := follow(pgsplit.WithPrimary(t.Context()))
	require.Equal(t, "false", firstValue(t, ctx, db, isReplicaSQL))
	require.Equal(t, pgsplit.ReasonForced.String(), tr.only(t).Reason.String())
	require.Equal(t, "true", firstValue(t, pgsplit.WithReplica(ctx), db, isReplicaSQL), "the inner directive counts")
	require.Equal(t, "false", firstValue(t, pgsplit.WithPrimary(pgsplit.WithReplica(ctx)), db, isReplicaSQL))
	require.Equal(t, "true", firstValue(t, t.Context(), db, isReplicaSQL), "another context")
}

func TestWithReplicaTakesNoWriteLockOrTransactionToAReplica(t *testing.T) {
	db := handle(t, calm(t))
	ctx, tr := follow(pgsplit.WithReplica(t.Context()))
	for _, q := range []string{
		"insert into entry (v) values (1) returning pg_is_in_recovery()",
		"select pg_is_in_recovery() from item where id = 1 for update",
		"select pg_is_in_recovery(), pg_try_advisory_xact_lock(1)",
	} {
		require.Equal(t, "false", firstValue(t, ctx, db, q))
		require.Equal(t, pgsplit.RolePrimary, tr.only(t).Server.Role)
	}
	tx, err := db.BeginTx(ctx, nil)
	require.NoError(t, err)
	require.Equal(t, "false", firstValue(t, ctx, tx, isReplicaSQL))
	require.NoError(t, tx.Rollback())

	conn, err := db.Conn(ctx)
	require.NoError(t, err)
	defer conn.Close()
	_, err = conn.ExecContext(ctx, "insert into entry (v) values (1)")
	require.NoError(t, err)
	require.Equal(t, "false", firstValue(t, ctx, conn, isReplicaSQL), "after a write on the same connection")
}

func TestReplicaReadsOffKeepsReadsOnThePrimaryButForWithReplica(t *testing.T) {
	c := calm(t)
	db := handle(t, c, "replica_reads=off")
	ctx, tr := follow(t.Context())
	require.Equal(t, "false", firstValue(t, ctx, db, isReplicaSQL))
	require.Equal(t, pgsplit.ReasonReplicaReadsOff.String(), tr.only(t).Reason.String())
	require.Equal(t, "true", firstValue(t, pgsplit.WithReplica(ctx), db, isReplicaSQL))
	require.Equal(t, "true", firstValue(t, ctx, db, "/* pgsplit: replica */ "+isReplicaSQL))
	require.Equal(t, "false", firstValue(t, pgsplit.WithPrimary(ctx), db, "/* pgsplit: replica */ "+isReplicaSQL), "the careful one counts")
}

func TestReplicaReadsAreSwitchedWhileTheHandleIsInUse(t *testing.T) {
	db := handle(t, calm(t))
	require.True(t, isReplica(t, db))
	for range 3 {
		pgsplit.ClusterOf(db).SetReplicaReads(false)
		for range 10 {
			require.False(t, isReplica(t, db))
		}
		pgsplit.ClusterOf(db).SetReplicaReads(true)
		for range 10 {
			require.True(t, isReplica(t, db))
		}
	}
}

func TestAHintCommentSendsAReadToThePrimary(t *testing.T) {
	db := handle(t, calm(t))
	ctx, tr := follow(t.Context())
	for _, q := range []string{
		"/* pgsplit: primary */ " + isReplicaSQL,
		"/*pgsplit:primary*/" + isReplicaSQL,
		"-- pgsplit: primary\n" + isReplicaSQL,
		isReplicaSQL + " /* pgsplit: primary */",
	} {
		require.Equal(t, "false", firstValue(t, ctx, db, q), q)
		require.Equal(t, pgsplit.ReasonForced.String(), tr.only(t).Reason.String(), q)
	}
	for _, q := range []string{
		isReplicaSQL + " where '/* pgsplit: primary */' <> ''",
		"/* primary */ " + isReplicaSQL,
	} {
		require.Equal(t, "true", firstValue(t, ctx, db, q), "%s: that is no hint", q)
	}
}

func TestAReplicaHintSendsNoWriteToAReplica(t *testing.T) {
	db := handle(t, calm(t))
	ctx, tr := follow(t.Context())
	require.Equal(t, "false", firstValue(t, ctx, db, "/* pgsplit: replica */ insert into entry (v) values (1) returning pg_is_in_recovery()"))
	require.Equal(t, pgsplit.RolePrimary, tr.only(t).Server.Role)
}

func TestTheTraceOfTheHandleAndThatOfTheContextAreBothTold(t *testing.T) {
	var all trail
	cfg, err := pgsplit.ParseConfig(dsnWith(calm(t).DSN(), "monitor_timeout=10s"))
	require.NoError(t, err)
	cfg.Trace = all.trace()
	db, err := pgsplit.OpenDB(cfg)
	require.NoError(t, err)
	defer db.Close()
	replicasServe(t, db, 2)
	all.take()

	ctx, mine := follow(context.WithoutCancel(t.Context()))
	firstValue(t, ctx, db, isReplicaSQL)
	firstValue(t, t.Context(), db, "select 2")
	require.Equal(t, isReplicaSQL, mine.only(t).SQL)
	routes, _ := all.take()
	require.Len(t, routes, 2)
	require.Equal(t, "select 2", routes[1].SQL)
}

// No hint moves anything to a replica that does not go there without one, whatever the text is; the careful hint wins.
func TestHintsOnlyMakeStatementsMoreCareful(t *testing.T) {
	db := handle(t, corpusCluster(t), "max_lag=0")
	cluster := pgsplit.ClusterOf(db)
	defer cluster.SetReplicaReads(true)
	replicas, off := 0, 0
	for _, cs := range corpus.All() {
		if strings.Contains(cs.SQL, "pgsplit:") {
			continue // it has a hint of its own
		}
		cluster.SetReplicaReads(true)
		target := cluster.Explain(cs.SQL).Target
		if target == pgsplit.RoleReplica {
			replicas++
		}
		cluster.SetReplicaReads(false)
		require.Equal(t, pgsplit.RolePrimary, cluster.Explain(cs.SQL).Target, cs.SQL)
		for _, hinted := range []string{"/* pgsplit: replica */ " + cs.SQL, "-- pgsplit: replica\n" + cs.SQL, cs.SQL + "\n/* x, pgsplit: replica */"} {
			switch got := cluster.Explain(hinted).Target; {
			case got == pgsplit.RoleReplica:
				require.Equal(t, pgsplit.RoleReplica, target, "the hint has moved it: %s", hinted)
				off++
			case !cs.Check: // in a text that is broken a comment may be a part of a string
				require.Equal(t, target, got, "the hint does not count: %s", hinted)
			}
		}
		cluster.SetReplicaReads(true)
		for _, hinted := range []string{"/* pgsplit: primary */ " + cs.SQL, cs.SQL + "\n-- pgsplit: primary", "/* pgsplit: replica */ -- pgsplit: primary\n" + cs.SQL} {
			require.Equal(t, pgsplit.RolePrimary, cluster.Explain(hinted).Target, hinted)
		}
	}
	require.Greater(t, replicas, 4000)
	require.Greater(t, off, 3*4000)
}

func TestFunctionsAreSafeOrUnsafeAsTheApplicationSays(t *testing.T) {
	c := calm(t)
	own := unique("own")
	require.NoError(t, c.Primary.Exec(fmt.Sprintf("create function %s() returns bool language sql volatile as 'select pg_is_in_recovery()'; create function %[1]s_too() returns bool language sql stable as 'select pg_is_in_recovery()'", own)))
	require.NoError(t, c.WaitForCatchUp())
	db := handle(t, c, "safe_functions="+own, "unsafe_functions=lower,"+own+"_too")
	ctx, tr := follow(t.Context())
	for text, replica := range map[string]string{
		"select " + own + "()":                           "true",
		"select " + own + "_too()":                       "false",
		"select pg_is_in_recovery(), lower('X')":         "false",
		"select pg_is_in_recovery(), upper('x')":         "true",
		"select pg_is_in_recovery(), whoami()":           "false",
		"select " + own + "(), name from item for share": "false",
	} {
		require.Equal(t, replica, firstValue(t, ctx, db, text), text)
		route := tr.only(t)
		require.Equal(t, replica == "true", route.Server.Role == pgsplit.RoleReplica, text)
	}
	plain := handle(t, c)
	require.Equal(t, "false", firstValue(t, t.Context(), plain, "select "+own+"()"), "nothing is declared")
	require.Equal(t, "true", firstValue(t, t.Context(), plain, "select "+own+"_too()"))
}
