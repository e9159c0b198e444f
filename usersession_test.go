package pgsplit_test

import (
	"context"
	"database/sql"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
)

func withSession(t testing.TB) context.Context {
	t.Helper()
	return pgsplit.WithSession(t.Context(), pgsplit.NewSession())
}

// readsOnReplica says whether a read under a context went to a replica, and to which.
func readsOnReplica(t testing.TB, ctx context.Context, db querier, query string) (string, bool) {
	t.Helper()
	ctx, tr := follow(ctx)
	firstValue(t, ctx, db, query)
	routes, _ := tr.take()
	require.NotEmpty(t, routes)
	last := routes[len(routes)-1]
	return last.Server.Name, last.Reason == pgsplit.ReasonReplica
}

func TestASessionSeesItsOwnWritesAndLeavesOthersAlone(t *testing.T) {
	c, db := concernHandle(t) // read_your_writes=off
	for _, w := range writes {
		t.Run(w.name, func(t *testing.T) {
			concernResume(t, c)
			mine, other := withSession(t), withSession(t)
			for _, ctx := range []context.Context{mine, other} {
				eventually(t, func() bool { _, replica := readsOnReplica(t, ctx, db, "table a"); return replica })
			}
			concernPause(t, c)
			require.NoError(t, w.run(mine, db, "update a set v = v + 1 where id = 50"))
			for _, q := range []string{"table a", "table v", "table d"} {
				_, replica := readsOnReplica(t, mine, db, q)
				assert.False(t, replica, "a session's writes concern all of its reads")
				_, replica = readsOnReplica(t, other, db, q)
				assert.Equal(t, w.name != "Raw", replica, "what was handed out may have been used for any session")
				_, replica = readsOnReplica(t, t.Context(), db, q)
				assert.True(t, replica, "without a session, and read_your_writes=off")
			}
			concernResume(t, c)
			eventually(t, func() bool { _, replica := readsOnReplica(t, mine, db, "table a"); return replica }, "it stays on the primary")
		})
	}
}

func TestASessionTakesThePlaceOfTheHandlesReadYourWrites(t *testing.T) {
	c, db := concernHandle(t, "read_your_writes=strict")
	session := withSession(t)
	concernPause(t, c)
	require.NoError(t, writeByExec.run(t.Context(), db, "update a set v = v + 1 where id = 50"))
	_, replica := readsOnReplica(t, session, db, "table a")
	assert.True(t, replica)
	_, replica = readsOnReplica(t, pgsplit.WithSession(session, nil), db, "table a")
	assert.False(t, replica, "a nil session undoes it")
	_, replica = readsOnReplica(t, t.Context(), db, "table a")
	assert.False(t, replica)
}

func TestASessionNeverReadsAnOlderStateThanItHasRead(t *testing.T) {
	c, db := concernHandle(t)
	session := withSession(t)
	read := func(ctx context.Context) string { return firstValue(t, ctx, db, "select v from a where id = 50") }

	// On the primary, where it sees what somebody else has written.
	concernPause(t, c)
	require.NoError(t, writeByExec.run(t.Context(), db, "update a set v = 1 where id = 50"))
	require.Equal(t, "0", read(session))
	require.Equal(t, "1", read(pgsplit.WithPrimary(session)))
	require.Equal(t, "1", read(session))
	require.Equal(t, "0", read(withSession(t)), "the test tests nothing if replicas are not behind")

	// On one replica, which then goes away.
	session = withSession(t)
	ahead := c.Replicas[0]
	require.NoError(t, ahead.ResumeReplay())
	eventually(t, func() bool {
		session = withSession(t)
		return read(session) == "1"
	})
	for range 20 {
		require.Equal(t, "1", read(session))
	}
	first, replica := readsOnReplica(t, session, db, "table a")
	require.True(t, replica, "it stays with the replica that it has read")
	require.NoError(t, ahead.Stop())
	t.Cleanup(func() {
		if !ahead.Running() {
			require.NoError(t, ahead.Start())
		}
	})
	for range 20 {
		require.Equal(t, "1", read(session), "the other replica is behind what it has read on %s", first)
	}
	require.NoError(t, c.Replicas[1].ResumeReplay())
	eventually(t, func() bool { _, replica := readsOnReplica(t, session, db, "table a"); return replica })
}

func TestASessionMayBeUsedByManyAtOnce(t *testing.T) {
	_, db := concernHandle(t)
	session := withSession(t)
	var wg sync.WaitGroup
	for id := 1; id <= 8; id++ {
		wg.Go(func() {
			for v := 1; v <= 40; v++ {
				_, err := db.ExecContext(session, "update a set v = $2 where id = $1", id, v)
				if !assert.NoError(t, err) {
					return
				}
				var got int
				if !assert.NoError(t, db.QueryRowContext(session, "select v from a where id = $1", id).Scan(&got)) || !assert.Equal(t, v, got) {
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestAReadOnlyTransactionOnAReplicaBelongsToItsSession(t *testing.T) {
	c, db := concernHandle(t, "read_only_tx=replica")
	session := withSession(t)
	concernPause(t, c)
	begin := func(ctx context.Context) string {
		tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead})
		require.NoError(t, err)
		defer tx.Rollback()
		return firstValue(t, t.Context(), tx, "select v || ' ' || pg_is_in_recovery() from a where id = 50")
	}
	require.Equal(t, "0 true", begin(session))
	require.NoError(t, writeByExec.run(session, db, "update a set v = 1 where id = 50"))
	require.Equal(t, "1 false", begin(session))
	require.Equal(t, "0 true", begin(t.Context()))
	concernResume(t, c)
	eventually(t, func() bool { return begin(session) == "1 true" })
}
