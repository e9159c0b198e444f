package pgsplit_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
	"github.com/pgsplit/pgsplit/internal/broken"
	"github.com/pgsplit/pgsplit/pgsplittest"
)

// goBack has a replica begin again at its last restartpoint, and stay there: it lacks commits that it had replayed.
func goBack(r *pgsplittest.Server, how func(*pgsplittest.Server) error) error {
	if err := r.SetApplyDelay(time.Hour); err != nil { // which holds for what comes after the restart, too
		return err
	}
	return how(r)
}

// immediately restarts a replica without a checkpoint.
func immediately(r *pgsplittest.Server) error {
	if err := r.StopImmediate(); err != nil {
		return err
	}
	return r.Start()
}

// crashed has one process of a replica die, and waits until the replica has recovered from it.
func crashed(r *pgsplittest.Server) error {
	if err := crashBackend(r); err != nil {
		return err
	}
	return r.WaitReady()
}

// A replica that was restarted, or one of whose processes has crashed, has less than it had. What was known of its position
// does not hold for connections that were opened since: without that rule (design: incarnations) reads are stale.
func TestAReplicaThatWentBackServesNoStaleRead(t *testing.T) {
	c := separate(t, 1)
	r := c.Replicas[0]
	const commits, reads = 2000, 10
	value, writer := 0, direct(t, c.Primary)
	for name, how := range map[string]func(*pgsplittest.Server) error{"restarted immediately": immediately, "a process crashed": crashed} {
		for _, without := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, rule broken: %t", name, without), func(t *testing.T) {
				require.NoError(t, c.WaitForCatchUp())
				require.NoError(t, r.Exec("checkpoint")) // a restartpoint
				// No read meets a connection of before, whose end would have the monitor look: the first new one decides.
				db := handle(t, c, "read_your_writes=strict", "monitor_interval=1h", "max_lag=0", "pool_max_conn_lifetime=1ms")
				session := pgsplit.WithSession(t.Context(), pgsplit.NewSession())
				for range commits {
					value++
					_, err := writer.Exec(t.Context(), "insert into entry (test, v) values ('back', $1)", value)
					require.NoError(t, err)
				}
				for _, ctx := range []context.Context{t.Context(), session} {
					value++
					_, err := db.ExecContext(ctx, "insert into entry (test, v) values ('back', $1)", value)
					require.NoError(t, err)
				}
				const query = "select coalesce(max(v), 0), pg_is_in_recovery() from entry where test = 'back'"
				read := func(ctx context.Context) (got int, replica bool) {
					require.NoError(t, db.QueryRowContext(ctx, query).Scan(&got, &replica))
					return got, replica
				}
				for _, ctx := range []context.Context{t.Context(), session} {
					eventually(t, func() bool {
						got, replica := read(ctx)
						return replica && got == value
					}, "the replica is known to have everything")
				}

				broken.OldSample.Store(without)
				defer broken.OldSample.Store(false)
				defer func() { require.NoError(t, r.SetApplyDelay(0)) }()
				require.NoError(t, goBack(r, how))
				has := atoi(t, ask(t, r, "select coalesce(max(v), 0) from entry where test = 'back'"))
				require.Less(t, has, value, "the replica has not gone back, so nothing is put to the test")
				stale, byReplica := 0, 0
				for i := range reads {
					ctx := t.Context()
					if i%2 == 1 {
						ctx = session
					}
					got, replica := read(ctx)
					if got < value {
						stale++
					}
					if replica {
						byReplica++
					}
				}
				t.Logf("of %d commits the replica has come back with %d; %d of %d reads were stale, %d served by the replica",
					value, has, stale, reads, byReplica)
				if without {
					require.NotZero(t, stale)
				} else {
					require.Zero(t, stale)
				}
			})
		}
	}
}
