package pgsplit_test

import (
	"maps"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
)

// routedCounts are what the only server of a handle was sent, by reason, and what it must have been sent.
type routedCounts struct {
	t        *testing.T
	of       func() map[pgsplit.Reason]int64
	expected map[pgsplit.Reason]int64
}

func (r *routedCounts) add(what string, reason pgsplit.Reason, n int64) {
	r.t.Helper()
	r.expected[reason] += n
	require.Equal(r.t, r.expected, r.of(), what)
}

// Statements that go the short way are counted like any other.
func TestWhatGoesTheShortWayIsCounted(t *testing.T) {
	const read, write, returning = "select 1 as counted", "update item set n = n where id = 2", "update item set n = n where id = 2 returning n"
	const impossible = "insert into item (id) values (1)" // there is one
	db := open(t, calm(t).Primary.DSN())
	db.SetMaxOpenConns(1)
	for range 3 {
		execAll(t, db, write)
		firstValue(t, t.Context(), db, read)
		firstValue(t, t.Context(), db, returning)
		_, err := db.ExecContext(t.Context(), impossible)
		require.Error(t, err)
		_, err = db.QueryContext(t.Context(), impossible+" returning id")
		require.Error(t, err)
	}
	r := &routedCounts{t: t, of: func() map[pgsplit.Reason]int64 { return serverStats(db, 0).Routed }}
	r.expected = maps.Clone(r.of())
	for range 3 {
		conn := known(t, db)
		execAll(t, conn, write)
		require.True(t, ranPlain(t, conn))
		require.NoError(t, conn.Close())
		r.add("Exec", pgsplit.ReasonExec, 1)

		firstValue(t, t.Context(), db, read)
		r.add("a read", pgsplit.ReasonNoReplica, 1)
		firstValue(t, t.Context(), db, returning)
		r.add("a write with rows", pgsplit.ReasonWrites, 1)

		conn = known(t, db)
		firstValue(t, t.Context(), conn, read)
		require.True(t, ranPlain(t, conn))
		r.add("its checkout is not over", pgsplit.ReasonNoReplica, 0)
		firstValue(t, t.Context(), conn, read)
		r.expected[pgsplit.ReasonNoReplica]++
		r.add("a second statement in the checkout", pgsplit.ReasonSticky, 1)
		require.NoError(t, conn.Close())
		r.add("", pgsplit.ReasonSticky, 0)

		_, err := db.ExecContext(t.Context(), impossible)
		require.Error(t, err)
		r.add("a failing Exec", pgsplit.ReasonExec, 1)
		_, err = db.QueryContext(t.Context(), impossible+" returning id")
		require.Error(t, err)
		r.add("a failing query", pgsplit.ReasonWrites, 1)

		// More than a connection's one word holds.
		const most = 1<<30 - 2
		pgsplit.ClusterOf(db).Tally(most, most)
		r.expected[pgsplit.ReasonExec] += most
		r.add("many", pgsplit.ReasonNoReplica, most)
		for range 4 {
			execAll(t, db, write)
			r.add("one more Exec", pgsplit.ReasonExec, 1)
			firstValue(t, t.Context(), db, read)
			r.add("one more read", pgsplit.ReasonNoReplica, 1)
		}
	}

	// They stay counted when their connections go.
	terminate(t, calm(t).Primary, firstValue(t, t.Context(), db, "select pg_backend_pid()"))
	r.add("any", pgsplit.ReasonServerLocal, 1)
	firstValue(t, t.Context(), db, read)
	r.expected[pgsplit.ReasonNoReplica]++
	require.Subset(t, r.of(), r.expected)
}

// Goroutines that look at the counts meanwhile never see fewer than before.
func TestCountsOfTheShortWayOnlyGrow(t *testing.T) {
	const read, write = "select 1 as growing", "update item set n = n where id = 3"
	db := open(t, calm(t).Primary.DSN())
	require.NoError(t, known(t, db, read).Close())
	pgsplit.ClusterOf(db).Tally(1<<30-100, 1<<30-100)
	before := serverStats(db, 0).Routed
	const goroutines, each = 8, 100
	var work, look sync.WaitGroup
	done := make(chan struct{})
	look.Go(func() {
		var last map[pgsplit.Reason]int64
		for {
			now := serverStats(db, 0).Routed
			for reason, n := range last {
				assert.GreaterOrEqual(t, now[reason], n, reason)
			}
			last = now
			select {
			case <-done:
				return
			default:
			}
		}
	})
	for range goroutines {
		work.Go(func() {
			for range each {
				assert.NoError(t, db.QueryRowContext(t.Context(), read).Scan(new(int)))
				_, err := db.ExecContext(t.Context(), write)
				assert.NoError(t, err)
			}
		})
	}
	work.Wait()
	close(done)
	look.Wait()
	after := serverStats(db, 0).Routed
	require.EqualValues(t, goroutines*each, after[pgsplit.ReasonExec]-before[pgsplit.ReasonExec])
	require.EqualValues(t, goroutines*each, after[pgsplit.ReasonNoReplica]-before[pgsplit.ReasonNoReplica])
}

// An empty text is no statement, and none that a connection has met before either.
func TestAnEmptyTextGoesTheLongWay(t *testing.T) {
	db := open(t, calm(t).Primary.DSN())
	for range 3 {
		execAll(t, db, "")
		conn := known(t, db)
		rows, err := conn.QueryContext(t.Context(), "")
		require.NoError(t, err)
		require.NoError(t, rows.Close())
		require.False(t, ranPlain(t, conn))
		require.NoError(t, conn.Close())
	}
	require.Equal(t, map[pgsplit.Reason]int64{pgsplit.ReasonExec: 3, pgsplit.ReasonNotUnderstood: 3}, serverStats(db, 0).Routed)
}
