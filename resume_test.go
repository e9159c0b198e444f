package pgsplit_test

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
	"github.com/pgsplit/pgsplit/pgsplittest"
)

// elsewhere is a session that another process has resumed from the token of a context's session.
func elsewhere(t testing.TB, ctx context.Context, db *sql.DB) context.Context {
	t.Helper()
	token := pgsplit.SessionOf(ctx).Token()
	require.NotEmpty(t, token)
	require.LessOrEqual(t, len(token), pgsplit.MaxTokenLen)
	return resumes(t, ctx, db)
}

func TestATokenCarriesASessionToAnotherProcess(t *testing.T) {
	c, db := concernHandle(t)
	other := handle(t, c, "max_lag=0")
	worker := plainSplit(t, c.Primary.DSN()) // has one server only
	read := "select v from a where id = 50"
	write := "update a set v = v + 1 where id = 50"

	for name, settle := range map[string]bool{"settled": true, "pending": false} {
		t.Run(name, func(t *testing.T) {
			concernResume(t, c)
			mine := withSession(t)
			assert.Empty(t, pgsplit.SessionOf(mine).Token(), "nothing has happened")
			concernPause(t, c)
			require.NoError(t, writeByExec.run(mine, db, write))
			want := firstValue(t, mine, db, read)
			if settle {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				require.NoError(t, pgsplit.SessionOf(mine).Settle(ctx))
			}
			theirs := elsewhere(t, mine, other)
			assert.Equal(t, want, firstValue(t, theirs, other, read))
			back := elsewhere(t, theirs, db)
			assert.Equal(t, want, firstValue(t, back, db, read))
			passing := elsewhere(t, mine, worker)
			assert.Equal(t, want, firstValue(t, elsewhere(t, passing, other), other, read), "by one that has done nothing with it")
			assert.Equal(t, want, firstValue(t, passing, worker, read))
			_, replica := readsOnReplica(t, withSession(t), other, read)
			assert.True(t, replica, "it concerns nobody else")
			concernResume(t, c)
			for _, ctx := range []context.Context{theirs, elsewhere(t, mine, other)} {
				eventually(t, func() bool { _, replica := readsOnReplica(t, ctx, other, read); return replica }, "it stays on the primary")
			}
		})
	}

	// A process that knows the primary only has no positions.
	theirs := withSession(t)
	concernPause(t, c)
	require.NoError(t, writeByExec.run(theirs, worker, write))
	want := firstValue(t, theirs, worker, read)
	assert.Equal(t, want, firstValue(t, elsewhere(t, theirs, db), db, read))
}

func plainSplit(t testing.TB, dsn string) *sql.DB {
	t.Helper()
	return open(t, dsn)
}

func TestATokenThatHasReadCarriesThat(t *testing.T) {
	c, db := concernHandle(t)
	other := handle(t, c, "max_lag=0")
	read := "select v from a where id = 50"
	concernPause(t, c)
	require.NoError(t, writeByExec.run(t.Context(), db, "update a set v = 7 where id = 50"))
	require.NoError(t, c.Replicas[0].ResumeReplay())
	mine := withSession(t)
	eventually(t, func() bool {
		mine = withSession(t)
		return firstValue(t, mine, db, read) == "7"
	})
	for range 20 {
		require.Equal(t, "7", firstValue(t, elsewhere(t, mine, other), other, read))
	}
}

// forge makes a token by the format of version 1.
func forge(system uint64, timeline, lsn uint64) string {
	b := append(binary.BigEndian.AppendUint64([]byte{1, 1}, system), 0)
	b = binary.AppendUvarint(binary.AppendUvarint(b, timeline), lsn)
	return base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b)))
}

func TestForeignAndHostileTokensAreErrorsAndHurtNobody(t *testing.T) {
	c, db := concernHandle(t, "read_your_writes=on")
	system, err := c.Primary.QueryString("select system_identifier from pg_control_system()")
	require.NoError(t, err)
	id := uint64(atoi(t, system))
	resume := func(token string) error {
		_, err := pgsplit.ResumeSession(t.Context(), token, db)
		return err
	}
	require.NoError(t, resume(forge(id, 1, 1)))
	require.NoError(t, resume(""))
	for name, token := range map[string]string{
		"of another system":      forge(id+1, 1, 1),
		"far ahead":              forge(id, 1, 1<<63),
		"a little ahead":         forge(id, 1, lsnOf(t, c.Primary)+1<<30),
		"of a timeline to come":  forge(id, 2, 1),
		"of the last timeline":   forge(id, 1<<32-1, 1<<64-1),
		"damaged":                "AQEAAAA",
		"with an impossible one": forge(id, 1<<40, 1),
	} {
		for range 20 {
			err := resume(token)
			require.ErrorIs(t, err, pgsplit.ErrToken, name)
		}
		assert.True(t, onReplica(t, db, "table a"), "%s: others read on replicas", name)
		s, err := pgsplit.ResumeSession(t.Context(), forge(id, 1, 1), db)
		require.NoError(t, err)
		_, replica := readsOnReplica(t, pgsplit.WithSession(t.Context(), s), db, "table a")
		assert.True(t, replica, name)
	}
}

func lsnOf(t testing.TB, s *pgsplittest.Server) uint64 {
	t.Helper()
	text, err := s.QueryString("select pg_current_wal_insert_lsn()")
	require.NoError(t, err)
	lsn, err := pgsplit.ParseLSN(text)
	require.NoError(t, err)
	return uint64(lsn)
}

// A promotion makes positions of the old timeline meaningless: 3000 rows of somebody else are further than the token's
// number soon.
func TestATokenFromBeforeAPromotion(t *testing.T) {
	c := pgsplittest.Start(t, pgsplittest.Options{Replicas: 2, SetupSQL: "create table a (id int primary key, v int); insert into a values (1, 0); grant all on a to public"})
	db := handle(t, c, "max_lag=0", "read_your_writes=on")
	mine := withSession(t)
	_, err := db.ExecContext(mine, "update a set v = 1")
	require.NoError(t, err)
	settled, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	require.NoError(t, pgsplit.SessionOf(mine).Settle(settled))
	token := pgsplit.SessionOf(mine).Token()
	require.NoError(t, c.WaitForCatchUp()) // it is replicated

	require.NoError(t, c.Primary.Kill())
	require.NoError(t, c.Replicas[0].Promote())
	behind := c.Replicas[1]
	require.NoError(t, behind.Follow(c.Replicas[0]))
	// An ordinary role sees a standby's timeline with its next restartpoint.
	require.NoError(t, c.Replicas[0].Exec("checkpoint"))
	require.NoError(t, c.WaitForCatchUp())
	require.NoError(t, behind.Exec("checkpoint"))
	for range 200 {
		var v int
		require.NoError(t, db.QueryRowContext(mine, "select v from a").Scan(&v))
		require.Equal(t, 1, v)
	}
	for _, fresh := range []*sql.DB{db, open(t, dsnWith(c.DSN(), "max_lag=0"))} {
		var theirs context.Context
		eventually(t, func() bool { // a handle that does not know of the promotion yet refuses what it cannot prove
			s, err := pgsplit.ResumeSession(t.Context(), token, fresh)
			if err == nil {
				theirs = pgsplit.WithSession(t.Context(), s)
			}
			return err == nil
		})
		require.NoError(t, behind.PauseReplay())
		_, err = fresh.ExecContext(theirs, "update a set v = v + 1")
		require.NoError(t, err)
		want := firstValue(t, theirs, fresh, "select v from a")
		again, err := pgsplit.ResumeSession(t.Context(), pgsplit.SessionOf(theirs).Token(), fresh)
		require.NoError(t, err)
		require.Equal(t, want, firstValue(t, pgsplit.WithSession(t.Context(), again), fresh, "select v from a"))
		require.NoError(t, behind.ResumeReplay())
		_, err = fresh.ExecContext(t.Context(), "update a set v = 1")
		require.NoError(t, err)
		for name, ctx := range map[string]context.Context{"the session": theirs, "the handle": t.Context(), "the one of before": mine} {
			if fresh != db && name == "the one of before" {
				continue
			}
			eventually(t, func() bool { _, replica := readsOnReplica(t, ctx, fresh, "select v from a"); return replica }, "%s sticks to the primary", name)
		}
	}
}

// A session may have seen what a crash of the primary takes: somebody else's transaction that was still open. What it has written
// itself is there, and has to be seen by who comes with its token.
func TestATokenFromJustBeforeACrashLosesNothingThatWasKept(t *testing.T) {
	c := pgsplittest.Start(t, pgsplittest.Options{
		Replicas: 2, SetupSQL: "create table a (id int primary key, v int); insert into a values (1, 0); create table b (t text); grant all on a, b to public",
		Parameters: map[string]string{"wal_writer_delay": "10s"}, // until then it is in the primary's memory only
	})
	db := handle(t, c, "max_lag=0")
	mine := withSession(t)
	concernPause(t, c)
	_, err := db.ExecContext(mine, "update a set v = 1")
	require.NoError(t, err)
	_, err = direct(t, c.Primary).Exec(t.Context(), "begin; insert into b select repeat('x', 100) from generate_series(1, 3000)")
	require.NoError(t, err)
	require.Equal(t, "1", firstValue(t, mine, db, "select v from a"))
	settled, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	require.NoError(t, pgsplit.SessionOf(mine).Settle(settled))
	token := pgsplit.SessionOf(mine).Token()

	require.NoError(t, c.Primary.Kill())
	require.NoError(t, c.Primary.Start())
	other := handle(t, c, "max_lag=0")
	ahead, err := pgsplit.ResumeSession(t.Context(), token, other)
	require.ErrorIs(t, err, pgsplit.ErrToken)
	require.NotNil(t, ahead)
	theirs := pgsplit.WithSession(t.Context(), ahead)
	require.Equal(t, "0", firstValue(t, withSession(t), other, "select v from a"), "the replicas are late")
	require.Equal(t, "1", firstValue(t, theirs, other, "select v from a"))
	require.Equal(t, "1", firstValue(t, elsewhere(t, theirs, db), db, "select v from a"), "it is a token again")
	for _, r := range c.Replicas {
		require.NoError(t, r.ResumeReplay())
	}
	eventually(t, func() bool { _, replica := readsOnReplica(t, theirs, other, "select v from a"); return replica }, "it sticks to the primary")
	require.Equal(t, "1", firstValue(t, theirs, other, "select v from a"))
}
