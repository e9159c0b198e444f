package pgsplit_test

import (
	"context"
	"database/sql"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
	"github.com/pgsplit/pgsplit/pgsplittest"
)

// Tokens where there are several handles: of one system and of others, with one server, never reached.

// resumes is a session that a process with these handles has resumed from the token of a context's session.
func resumes(t testing.TB, ctx context.Context, dbs ...*sql.DB) context.Context {
	t.Helper()
	s, err := pgsplit.ResumeSession(t.Context(), pgsplit.SessionOf(ctx).Token(), dbs...)
	require.NoError(t, err)
	return pgsplit.WithSession(t.Context(), s)
}

// foreignCluster is another database system than the others, which are copies of one.
var foreignCluster = lazyCluster{opts: pgsplittest.Options{FreshSystem: true, Replicas: 1}}

func foreigner(t testing.TB) *sql.DB { return handle(t, foreignCluster.get(t), "max_lag=0") }

const (
	readRow  = "select v from a where id = 50"
	writeRow = "update a set v = v + 1 where id = 50"
)

// What a process has no use for, the next may need.
func TestATokenGoesThroughAProcessThatCannotTakeItIn(t *testing.T) {
	c, db := concernHandle(t)
	there := handle(t, c, "max_lag=0")
	foreign := foreigner(t)
	alone := open(t, c.Primary.DSN())
	concernPause(t, c)
	mine := withSession(t)
	firstValue(t, mine, foreign, "select 1")
	require.NoError(t, writeByExec.run(mine, db, writeRow))
	want := firstValue(t, mine, db, readRow)
	for name, way := range map[string][]*sql.DB{"of another system": {foreign}, "of one server": {alone}, "of either": {foreign, alone}} {
		theirs := resumes(t, mine, way...)
		assert.Equal(t, want, firstValue(t, resumes(t, theirs, there), there, readRow), "a handle %s, not used", name)
		for range 5 {
			for _, db := range way {
				firstValue(t, theirs, db, "select 1")
			}
			theirs = resumes(t, theirs, way...)
		}
		require.LessOrEqual(t, len(pgsplit.SessionOf(theirs).Token()), pgsplit.MaxTokenLen)
		assert.Equal(t, want, firstValue(t, resumes(t, theirs, there), there, readRow), "a handle %s, used", name)
	}
	_, err := pgsplit.ResumeSession(t.Context(), pgsplit.SessionOf(resumes(t, mine, db)).Token(), foreign)
	require.NoError(t, err, "a part of it is of that system")
	only := withSession(t)
	require.NoError(t, writeByExec.run(only, db, writeRow))
	_, err = pgsplit.ResumeSession(t.Context(), pgsplit.SessionOf(only).Token(), foreign)
	require.ErrorIs(t, err, pgsplit.ErrToken)
}

// Further handles are no reason to ask for more, whether they have one server, or lead to the same ones.
func TestASessionIsNotKeptFromReplicasByAnotherHandle(t *testing.T) {
	c, db := concernHandle(t)
	for name, other := range map[string]*sql.DB{"of one server": open(t, calm(t).Primary.DSN()), "of the same": handle(t, c, "max_lag=0"), "of others": foreigner(t)} {
		mine := withSession(t)
		require.NoError(t, writeByExec.run(mine, db, writeRow))
		require.NoError(t, c.WaitForCatchUp())
		replicas := 0
		for range 20 {
			mine = resumes(t, mine, db, other)
			if _, replica := readsOnReplica(t, mine, db, readRow); replica {
				replicas++
			}
			require.NoError(t, pgsplit.SessionOf(mine).Settle(t.Context()))
		}
		assert.Greater(t, replicas, 15, name)
	}
}

// Two handles of one process, say of two libraries, and one session.
func TestWhatWasWrittenThroughOneHandleIsSeenThroughAnother(t *testing.T) {
	c, db := concernHandle(t)
	other := handle(t, c, "max_lag=0")
	foreign := foreigner(t)
	for _, w := range writes {
		if w.name == writeByRaw.name { // it concerns all sessions, of its own handle
			continue
		}
		t.Run(w.name, func(t *testing.T) {
			concernPause(t, c)
			mine := withSession(t)
			firstValue(t, mine, other, readRow)
			firstValue(t, mine, foreign, "select 1")
			require.NoError(t, w.run(mine, db, writeRow))
			want := ask(t, c.Primary, readRow)
			assert.Equal(t, want, firstValue(t, mine, other, readRow))
			_, replica := readsOnReplica(t, mine, foreign, "select 1")
			assert.True(t, replica, "another database system has nothing to do with it")
			concernResume(t, c)
			eventually(t, func() bool { _, replica := readsOnReplica(t, mine, other, readRow); return replica }, "it sticks to the primary")
			assert.Equal(t, want, firstValue(t, mine, other, readRow))
		})
	}
}

// The token's session may meet a handle that it was not resumed with.
func TestASessionThatWasResumedIsSeenThroughAnyHandle(t *testing.T) {
	c, db := concernHandle(t)
	there, other := handle(t, c, "max_lag=0"), handle(t, c, "max_lag=0")
	concernPause(t, c)
	mine := withSession(t)
	require.NoError(t, writeByExec.run(mine, db, writeRow))
	want := firstValue(t, mine, db, readRow)
	for _, ctx := range []context.Context{resumes(t, mine, there), resumes(t, resumes(t, mine, foreigner(t), open(t, c.Primary.DSN())), there)} {
		assert.Equal(t, want, firstValue(t, ctx, other, readRow))
	}
	concernResume(t, c)
	theirs := resumes(t, mine, there)
	eventually(t, func() bool { _, replica := readsOnReplica(t, theirs, other, readRow); return replica }, "it sticks to the primary")
}

// openRaw hands a pgx connection out for as long as the test lasts.
func openRaw(t testing.TB, db *sql.DB) {
	t.Helper()
	conn, err := db.Conn(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	onPgx(t, conn, func(*pgx.Conn) error { return nil })
}

func TestAConnectionThatIsHandedOutConcernsReadsThroughItsOwnHandle(t *testing.T) {
	c, db := concernHandle(t)
	other := handle(t, c, "max_lag=0")
	require.NoError(t, writeByRaw.run(t.Context(), other, writeRow))
	require.NoError(t, c.WaitForCatchUp())
	openRaw(t, other)
	mine := resumes(t, withSession(t), db, other)
	_, replica := readsOnReplica(t, mine, other, readRow)
	assert.False(t, replica)
	_, replica = readsOnReplica(t, mine, db, readRow)
	assert.True(t, replica)
}

// A token that cannot be judged now is kept for the next who can.
func TestATokenThatNobodyCouldJudgeGoesOn(t *testing.T) {
	c, db := concernHandle(t)
	there := handle(t, c, "max_lag=0")
	away := open(t, "postgres://app:app@127.0.0.1:1,127.0.0.1:2/app?sslmode=disable")
	concernPause(t, c)
	mine := withSession(t)
	require.NoError(t, writeByExec.run(mine, db, writeRow))
	want := firstValue(t, mine, db, readRow)
	for _, settle := range []bool{false, true} {
		if settle {
			require.NoError(t, pgsplit.SessionOf(mine).Settle(t.Context()))
		}
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		s, err := pgsplit.ResumeSession(ctx, pgsplit.SessionOf(mine).Token(), away)
		cancel()
		require.NotErrorIs(t, err, pgsplit.ErrToken)
		require.Equal(t, settle, err != nil, "a position has to be judged")
		theirs := pgsplit.WithSession(t.Context(), s)
		assert.Equal(t, want, firstValue(t, resumes(t, theirs, there), there, readRow))
		foreign := resumes(t, theirs, foreigner(t))
		assert.Equal(t, want, firstValue(t, resumes(t, foreign, there), there, readRow))
	}
}

// What it stands for is not lost with a handle, nor waited for in vain.
func TestWhatWasWrittenThroughAHandleThatIsClosedIsSeenThroughAnother(t *testing.T) {
	c, db := concernHandle(t)
	other, gone := handle(t, c, "max_lag=0"), handle(t, c, "max_lag=0")
	foreign := foreigner(t)
	concernPause(t, c)
	mine := withSession(t)
	require.NoError(t, writeByExec.run(mine, gone, writeRow))
	require.NoError(t, gone.Close())
	want := ask(t, c.Primary, readRow)
	for range 3 {
		_, replica := readsOnReplica(t, mine, foreign, "select 1")
		assert.True(t, replica, "another database system has nothing to do with it")
		assert.Equal(t, want, firstValue(t, mine, other, readRow))
		assert.Equal(t, want, firstValue(t, mine, db, readRow))
	}
	concernResume(t, c)
	for _, db := range []*sql.DB{db, other} {
		eventually(t, func() bool { _, replica := readsOnReplica(t, mine, db, readRow); return replica }, "it sticks to the primary")
		assert.Equal(t, want, firstValue(t, mine, db, readRow))
	}
}

func TestWhatRawDoesIsInTheTokensOfSessionsMadeWithItsHandle(t *testing.T) {
	c, db := concernHandle(t)
	there := handle(t, c, "max_lag=0")
	concernPause(t, c)
	mine := resumes(t, withSession(t), db)
	require.Empty(t, pgsplit.SessionOf(mine).Token())
	require.NoError(t, writeByRaw.run(mine, db, writeRow))
	require.False(t, pgsplit.SessionOf(mine).Used())
	theirs := elsewhere(t, mine, there)
	assert.Equal(t, ask(t, c.Primary, readRow), firstValue(t, theirs, there, readRow))
	require.True(t, pgsplit.SessionOf(theirs).Used())
}

// Nobody waits for a database that has been away since the process began, if it is not needed to judge a token.
func TestADatabaseThatWasNeverReachedHoldsUpNoSession(t *testing.T) {
	c, db := concernHandle(t)
	away := open(t, "postgres://app:app@127.0.0.1:1,127.0.0.1:2/app?sslmode=disable")
	mine := withSession(t)
	require.NoError(t, writeByExec.run(mine, db, writeRow))
	require.NoError(t, pgsplit.SessionOf(mine).Settle(t.Context()))
	there := handle(t, c, "max_lag=0")
	concernPause(t, c)
	for _, dbs := range [][]*sql.DB{{there, away}, {away, there}} {
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second) // it used to wait for 5 s
		s, err := pgsplit.ResumeSession(ctx, pgsplit.SessionOf(mine).Token(), dbs...)
		cancel()
		require.NoError(t, err)
		firstValue(t, pgsplit.WithSession(t.Context(), s), there, readRow)
	}
}

// A process may go on for a while with a primary that answers, but has a successor.
func TestATokenTellsAHandleOfAPromotion(t *testing.T) {
	c := pgsplittest.Start(t, pgsplittest.Options{Replicas: 2, SetupSQL: "create table a (id int primary key, v int); insert into a values (50, 0); grant all on a to public"})
	late := handle(t, c, "max_lag=0", "monitor_interval=1h")
	require.NoError(t, c.Replicas[0].Promote()) // tells nobody
	early := open(t, dsnWith(c.DSN(), "max_lag=0"))
	mine := withSession(t)
	require.NoError(t, writeByExec.run(mine, early, writeRow))
	require.NoError(t, pgsplit.SessionOf(mine).Settle(t.Context()))
	require.Equal(t, "0", ask(t, c.Primary, readRow))
	require.Equal(t, "1", ask(t, c.Replicas[0], readRow))
	assert.Equal(t, "1", firstValue(t, resumes(t, mine, late), late, readRow))
}
