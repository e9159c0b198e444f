package pgsplit_test

import (
	"context"
	"database/sql"
	"flag"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit/pgsplittest"
)

const strictSchema = `create table counter (id int primary key, v bigint not null default 0);
 insert into counter select g, 0 from generate_series(1, 64) g;
 create table big (id bigserial primary key, worker int, v bigint, pad text);
 grant all on all tables in schema public to public; grant all on all sequences in schema public to public;`

// freshness runs workers that each write an increasing value and read it back, on whichever pooled connections.
type freshness struct {
	reads, stale, onReplica atomic.Int64
}

// write makes v the value of row id, in one of the ways in which applications write.
func (f *freshness) write(ctx context.Context, db *sql.DB, id int, v int64) error {
	switch (v + int64(id)) % 4 {
	case 0:
		_, err := db.ExecContext(ctx, "update counter set v = $2 where id = $1", id, v)
		return err
	case 1:
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer tx.Rollback()
		if _, err := tx.ExecContext(ctx, "update counter set v = $2 where id = $1", id, v); err != nil {
			return err
		}
		return tx.Commit()
	case 2:
		var got int64
		return db.QueryRowContext(ctx, "update counter set v = $2 where id = $1 returning v", id, v).Scan(&got)
	default:
		conn, err := db.Conn(ctx)
		if err != nil {
			return err
		}
		defer conn.Close()
		for _, q := range []string{"begin", fmt.Sprintf("update counter set v = %d where id = %d", v, id), "commit"} {
			if _, err := conn.ExecContext(ctx, q); err != nil {
				return err
			}
		}
		return nil
	}
}

// run goes on in rounds, until so many reads were made: a write of each worker, and reads of it from the moment when
// nobody but the primary has it to that when the replicas have.
func (f *freshness) run(t *testing.T, db *sql.DB, workers int, reads int64, first int64) {
	for v := first; f.reads.Load() < reads && !t.Failed(); v++ {
		var wg sync.WaitGroup
		for id := 1; id <= workers; id++ {
			wg.Go(func() {
				if !assert.NoError(t, f.write(t.Context(), db, id, v)) {
					return
				}
				for range 50 {
					var got int64
					var replica bool
					err := db.QueryRowContext(t.Context(), "select v, pg_is_in_recovery() from counter where id = $1", id).Scan(&got, &replica)
					if !assert.NoError(t, err) {
						return
					}
					f.reads.Add(1)
					if got != v {
						f.stale.Add(1)
					}
					if replica {
						f.onReplica.Add(1)
					}
				}
			})
		}
		wg.Wait()
	}
}

// strictReads is for each of the six conditions, so that -strict=100000 makes 600,000 reads.
var strictReads = flag.Int64("strict", 6000, "make `n` reads in each condition of the read-your-writes tests")

// conditions runs a test on replicas that keep up, that are late, and one of which stands still, each with commits that
// wait for the disk and that do not. read_your_writes is as given.
func conditions(t *testing.T, readYourWrites string, check func(t *testing.T, f *freshness, commit, state string)) {
	c := pgsplittest.Start(t, pgsplittest.Options{Replicas: 2, SetupSQL: strictSchema})
	value := int64(0)
	for _, commit := range []string{"on", "off"} {
		for _, state := range []string{"caught up", "delayed", "paused"} {
			t.Run("synchronous_commit="+commit+"/"+state, func(t *testing.T) {
				require.NoError(t, c.WaitForCatchUp())
				db := handle(t, c, "read_your_writes="+readYourWrites, "max_lag=0", "synchronous_commit="+commit)
				db.SetMaxIdleConns(64)
				r := c.Replicas[0]
				switch state {
				case "delayed":
					require.NoError(t, r.SetApplyDelay(50*time.Millisecond))
					defer func() { require.NoError(t, r.SetApplyDelay(0)) }()
				case "paused":
					require.NoError(t, r.PauseReplay())
					defer func() { require.NoError(t, r.ResumeReplay()) }()
				}
				value += 1_000_000
				var f freshness
				f.run(t, db, 64, *strictReads, value)
				t.Logf("%d reads, %d stale, %d on replicas", f.reads.Load(), f.stale.Load(), f.onReplica.Load())
				check(t, &f, commit, state)
			})
		}
	}
}

func TestStrictReadsSeeEveryCompletedWrite(t *testing.T) {
	conditions(t, "strict", func(t *testing.T, f *freshness, commit, state string) {
		require.Zero(t, f.stale.Load(), "stale reads")
		if commit == "on" && state == "caught up" {
			require.NotZero(t, f.onReplica.Load(), "nothing was served by a replica, so nothing was put to the test")
		}
	})
}

// The test above could not fail if these did not.
func TestWithoutReadYourWritesThereAreStaleReads(t *testing.T) {
	conditions(t, "off", func(t *testing.T, f *freshness, commit, state string) {
		if state != "caught up" {
			require.NotZero(t, f.stale.Load())
		}
	})
}
