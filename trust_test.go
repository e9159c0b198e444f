package pgsplit_test

import (
	"database/sql"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
	"github.com/pgsplit/pgsplit/pgsplittest"
)

// beyondDoubt has the handle read the catalog until there is no doubt about it.
func beyondDoubt(t testing.TB, cluster *pgsplit.Cluster) {
	t.Helper()
	eventually(t, func() bool {
		require.NoError(t, cluster.LoadCatalog(t.Context()))
		return cluster.TrustsCatalog()
	})
}

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

func TestWhatMayHaveChangedDefinitionsBringsDoubt(t *testing.T) {
	_, db := concernHandle(t, "read_your_writes=on", "monitor_interval=1h")
	cluster := pgsplit.ClusterOf(db)
	for text, doubt := range map[string]bool{
		"select 1":                        false, // run by Exec, for an effect that it may have
		"select count(*) from a":          false,
		"update a set v = 1 where id = 1": false,
		"insert into logged values (1)":   false,
		"select writes_d()":               false,
		"refresh materialized view m":     false,
		"lock table d":                    false,
		"notify n":                        false,
		"set local work_mem = '1MB'":      false,
		"insert into wild values (1)":     true,
		"select 1; select 2":              true,
		"do 'begin end'":                  true,
		"call writes_e()":                 true,
		"truncate log":                    true,
		"create table another ()":         true,
		"alter table d add x int":         true,
	} {
		beyondDoubt(t, cluster)
		read := cluster.IgnoreSchema()
		tx, err := db.BeginTx(t.Context(), nil)
		require.NoError(t, err)
		execAll(t, tx, text)
		require.NoError(t, tx.Commit())
		assert.Equal(t, doubt, !cluster.TrustsCatalog(), text)
		read()
	}
}

// setOffLater makes a write to d make a trigger, which makes a write to e one to log.
const setOffLater = `do $do$ begin
		create function sets_off() returns trigger language plpgsql as
			'begin execute ''create trigger set_off after insert on e for each row execute function log()''; return new; end';
		create trigger sets_off after insert on d for each row execute function sets_off();
	end $do$`

// Of a trigger that nobody has heard of, in a transaction that commits when the catalog has been read again.
func TestWhatWasGuessedByAnOldCatalogMayHaveChangedDefinitions(t *testing.T) {
	c, db := concernHandle(t, "read_your_writes=on", "monitor_interval=1h")
	cluster, ctx := pgsplit.ClusterOf(db), t.Context()
	read := cluster.IgnoreSchema()
	execAll(t, db, setOffLater)
	tx, err := db.BeginTx(ctx, nil)
	require.NoError(t, err)
	defer tx.Rollback()
	execAll(t, tx, "insert into d values (1)")
	read()
	beyondDoubt(t, cluster)
	defer cluster.IgnoreSchema()()
	require.NoError(t, tx.Commit())
	requireSetOff(t, c, db)
}

// Of a function, which a transaction has called that commits when there is no such function any more: the catalog is as it was.
func TestWhatWasGuessedWhileDefinitionsCameAndWentMayHaveChangedThem(t *testing.T) {
	c, db := concernHandle(t, "read_your_writes=on", "monitor_interval=1h")
	cluster, ctx := pgsplit.ClusterOf(db), t.Context()
	execAll(t, db, "create function poke(text) returns int language sql as 'select 1'")
	beyondDoubt(t, cluster)
	read := cluster.IgnoreSchema()
	execAll(t, db, `do $do$ begin
		create function poke(int) returns int language plpgsql as
			'begin execute ''create trigger set_off after insert on e for each row execute function log()''; return 1; end';
	end $do$`)
	tx, err := db.BeginTx(ctx, nil)
	require.NoError(t, err)
	defer tx.Rollback()
	firstValue(t, ctx, tx, "select poke(1)")
	execAll(t, db, "do 'begin drop function poke(int); end'")
	read()
	beyondDoubt(t, cluster)
	defer cluster.IgnoreSchema()()
	require.NoError(t, tx.Commit())
	requireSetOff(t, c, db)
}

// requireSetOff requires that the handle counts a write to e as one to log, which the catalog that it has does not tell.
func requireSetOff(t *testing.T, c *pgsplittest.Cluster, db *sql.DB) {
	t.Helper()
	eventually(t, func() bool { return onReplica(t, db, "table log") }, "the replicas have the trigger")
	concernPause(t, c)
	execAll(t, db, "insert into e values (4711)")
	assert.False(t, onReplica(t, db, "table log"), "the trigger has written to it")
	assert.Equal(t, "4711", firstValue(t, t.Context(), db, "select max(id) from log"))
}

func TestAFunctionThatMayBeAnotherByNowMayWrite(t *testing.T) {
	for name, call := range map[string]string{"named": "select reads_a()", "behind a view": "table calling", "behind another view": "table bare"} {
		t.Run(name, func(t *testing.T) {
			c, db := concernHandle(t, "read_your_writes=on", "monitor_interval=1h")
			cluster, ctx := pgsplit.ClusterOf(db), t.Context()
			execAll(t, db, "create view calling as select reads_a(); create view bare as select 1::bigint as n")
			beyondDoubt(t, cluster)
			defer cluster.IgnoreSchema()()
			execAll(t, db, `do $do$ begin
				create or replace function reads_a() returns bigint language sql as 'insert into d values (77) returning 1::bigint';
				create or replace view bare as select reads_a() as n;
			end $do$`)
			eventually(t, func() bool { return onReplica(t, db, "table d") })
			concernPause(t, c)
			tx, err := db.BeginTx(ctx, nil)
			require.NoError(t, err)
			defer tx.Rollback()
			firstValue(t, ctx, tx, call)
			require.NoError(t, tx.Commit())
			assert.Equal(t, "77", firstValue(t, ctx, db, "select max(id) from d"))
		})
	}
}

// A write may wait for its connection while a trigger is made that it sets off, and the catalog read again.
func TestWhatHasWaitedWhileTheCatalogWasReadMayHaveChangedDefinitions(t *testing.T) {
	c, db := concernHandle(t, "read_your_writes=on", "monitor_interval=1h", "max_conns_per_server=2")
	cluster, ctx := pgsplit.ClusterOf(db), t.Context()
	var held []*sql.Conn
	for range 2 {
		conn := connOf(t, db)
		execAll(t, conn, "notify n") // takes a connection to the primary until it is given back
		held = append(held, conn)
	}
	var waiting sync.WaitGroup
	waiting.Go(func() {
		_, err := db.ExecContext(ctx, "insert into d values (1)")
		assert.NoError(t, err)
	})
	eventually(t, func() bool { return cluster.Stats().Servers[0].Waiting == 1 })
	execAll(t, held[0], setOffLater)
	beyondDoubt(t, cluster)
	defer cluster.IgnoreSchema()()
	require.NoError(t, held[1].Close())
	waiting.Wait()
	require.NoError(t, held[0].Close())
	requireSetOff(t, c, db)
}

// Schema changes of other processes are met all the time, and they are no reason for doubt; one that there is anyway ends.
func TestSchemaChangesOfOthersDoNotKeepTheCatalogInDoubt(t *testing.T) {
	c, db := concernHandle(t, "read_your_writes=on", "monitor_interval=50ms")
	cluster := pgsplit.ClusterOf(db)
	var all sync.WaitGroup
	var over atomic.Bool
	defer all.Wait()
	defer over.Store(true)
	for i := range 8 {
		all.Go(func() {
			for !over.Load() && !t.Failed() {
				tx, err := db.BeginTx(t.Context(), nil)
				if !assert.NoError(t, err) {
					return
				}
				_, err = tx.ExecContext(t.Context(), "update a set v = v + 1 where id = $1", i+1)
				assert.NoError(t, err)
				time.Sleep(20 * time.Millisecond)
				assert.NoError(t, tx.Commit())
			}
		})
	}
	all.Go(func() {
		for i := 0; !over.Load() && !t.Failed(); i++ {
			assert.NoError(t, c.Primary.Exec("create or replace view others as select "+strconv.Itoa(i)))
			begin := time.Now()
			assert.NoError(t, cluster.LoadCatalog(t.Context()))
			time.Sleep(max(200*time.Millisecond, 20*time.Since(begin))) // with less the handle would rest longer than that
		}
	})
	certain := func() (share float64) {
		const looks = 1000
		for range looks {
			if cluster.TrustsCatalog() {
				share += 1. / looks
			}
			time.Sleep(time.Millisecond)
		}
		return share
	}
	eventually(t, func() bool { return certain() > .9 }, "they alone bring doubt only if a write begins while the catalog is replaced")
	execAll(t, db, "do 'begin perform 1; end'")
	eventually(t, func() bool { return certain() > .5 })
}

func TestACatalogThatCannotBeReadIsNotAskedForAllTheTime(t *testing.T) {
	c := pgsplittest.Start(t, pgsplittest.Options{Replicas: 1, SetupSQL: "create table thing (id int); alter table thing owner to app"})
	dsn := dsnWith(c.DSN(), "read_your_writes=on", "monitor_interval=1h")
	knowing := open(t, dsn)
	require.NoError(t, pgsplit.ClusterOf(knowing).LoadCatalog(t.Context()))
	require.NoError(t, c.Primary.Exec("revoke select on pg_catalog.pg_proc from public"))
	execAll(t, knowing, "alter table thing add x int")
	unknowing := open(t, dsn)
	require.NoError(t, unknowing.PingContext(t.Context()))
	for name, db := range map[string]*sql.DB{"any more": knowing, "at all": unknowing} {
		t.Run(name, func(t *testing.T) {
			denied := func() int { return strings.Count(c.Primary.Log(), "permission denied for table pg_proc") }
			eventually(t, func() bool { return denied() > 0 })
			before := denied()
			begin := time.Now()
			for time.Since(begin) < 2*time.Second {
				execAll(t, db, "insert into thing values (1)") // which may have changed definitions, for all that anybody knows
			}
			assert.Less(t, float64(denied()-before), 4+2*time.Since(begin).Seconds(), "once a second, in two statements")
		})
	}
}
