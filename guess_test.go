package pgsplit_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
)

// While the catalog is in doubt a write counts as one to anything. If that were all, the next check would always come upon writes
// that are later than it, and no read would go to a replica any more.
func TestWritesThatNeverPauseDoNotKeepTheCatalogInDoubt(t *testing.T) {
	for name, change := range map[string]string{
		"DDL": "create table another ()",
		"DO":  "do 'begin perform 1; end'",
	} {
		t.Run(name, func(t *testing.T) {
			_, db := concernHandle(t, "read_your_writes=on")
			var writers sync.WaitGroup
			var written atomic.Int64
			var over atomic.Bool
			defer writers.Wait()
			defer over.Store(true)
			for i := range 8 {
				writers.Go(func() {
					for !over.Load() && !t.Failed() {
						_, err := db.ExecContext(t.Context(), "update a set v = v + 1 where id = $1", i+1)
						assert.NoError(t, err)
						written.Add(1)
					}
				})
			}
			elsewhere := func() bool { // a single read finds a replica that has everything, once in a while
				for range 20 {
					ctx, tr := follow(t.Context())
					firstValue(t, ctx, db, "table d")
					if routes, _ := tr.take(); routes[len(routes)-1].Reason != pgsplit.ReasonReplica {
						return false
					}
				}
				return true
			}
			eventually(t, elsewhere, "before")
			before := written.Load()
			execAll(t, db, change)
			eventually(t, func() bool { return written.Load() > before+100 })
			eventually(t, elsewhere, "nothing has written to it")
		})
	}
}

// A trigger that nobody has heard of changes definitions, in a transaction that commits after the catalog has been read again.
func TestWhatWasGuessedByAnOldCatalogMayHaveChangedDefinitions(t *testing.T) {
	c, db := concernHandle(t, "read_your_writes=on", "monitor_interval=50ms")
	cluster, ctx := pgsplit.ClusterOf(db), t.Context()
	read := cluster.IgnoreSchema()
	execAll(t, db, `do $do$ begin
		create function sets_off() returns trigger language plpgsql as
			'begin execute ''create trigger set_off after insert on e for each row execute function log()''; return new; end';
		create trigger sets_off after insert on d for each row execute function sets_off();
	end $do$`)
	tx, err := db.BeginTx(ctx, nil)
	require.NoError(t, err)
	defer tx.Rollback()
	execAll(t, tx, "insert into d values (1)")
	read()
	require.NoError(t, cluster.LoadCatalog(ctx))
	defer cluster.IgnoreSchema()()
	require.NoError(t, tx.Commit())
	eventually(t, func() bool { return onReplica(t, db, "table log") }, "the replicas have the trigger")

	concernPause(t, c)
	execAll(t, db, "insert into e values (4711)")
	assert.False(t, onReplica(t, db, "table log"), "the trigger has written to it")
	assert.Equal(t, "4711", firstValue(t, ctx, db, "select max(id) from log"))
}
