package pgsplit_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
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
	cfg, err := pgsplit.ParseConfig(calm(t).DSN())
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
