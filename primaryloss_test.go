package pgsplit_test

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"regexp"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
	"github.com/pgsplit/pgsplit/pgsplittest"
)

// What a statement meets whose primary is gone, with its outcome.
func TestStatementsWaitForAPrimaryAndTransactionsFail(t *testing.T) {
	t.Parallel()
	c := separate(t, 2)
	db := handle(t, c, "monitor_interval=100ms", "failover_timeout=30s")
	short := handle(t, c, "monitor_interval=100ms", "failover_timeout=300ms")

	// A commit that takes long, and whose answer is lost.
	require.NoError(t, c.Primary.Exec(`create function slow() returns trigger language plpgsql as 'begin perform pg_sleep(60); return null; end';
		create constraint trigger slow after insert on entry deferrable initially deferred for each row when (new.test = 'slow commit') execute function slow()`))

	conn := connOf(t, db)
	tx, err := conn.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	execAll(t, tx, "insert into entry (test) values ('lost with its transaction')")
	committing := begin(t, t.Context(), db, nil)
	execAll(t, committing, "insert into entry (test) values ('slow commit')")
	committed := make(chan error, 1)
	go func() { committed <- committing.Commit() }()
	// The same by plain pgx.
	pgx := plain(t, c.Primary.DSN())
	pgxTx, pgxCommitting, pgxCommitted := begin(t, t.Context(), pgx, nil), begin(t, t.Context(), pgx, nil), make(chan error, 1)
	execAll(t, pgxTx, "insert into entry (test) values ('lost with its transaction')")
	execAll(t, pgxCommitting, "insert into entry (test) values ('slow commit')")
	go func() { pgxCommitted <- pgxCommitting.Commit() }()
	eventually(t, func() bool {
		return ask(t, c.Primary, "select count(*) from pg_stat_activity where wait_event = 'PgSleep'") == "2"
	})
	require.NoError(t, c.Primary.Kill())

	err = <-committed
	require.Error(t, err, "a COMMIT whose answer was lost is reported")
	t.Logf("COMMIT: %v", err)
	require.Equal(t, withoutPorts((<-pgxCommitted).Error()), withoutPorts(err.Error()), "by pgx")
	_, err = tx.ExecContext(t.Context(), "insert into entry (test) values ('lost with its transaction')")
	require.Error(t, err, "a transaction in flight fails")
	t.Logf("in the transaction: %v", err)
	_, pgxErr := pgxTx.ExecContext(t.Context(), "insert into entry (test) values ('lost with its transaction')")
	require.Error(t, pgxErr)
	// Whether the server's last words are read before its end is noticed is a matter of luck, for pgx as well.
	byPgx := []string{"driver: bad connection", "FATAL: terminating connection due to unexpected postmaster exit (SQLSTATE 57P01)"}
	require.Contains(t, byPgx, pgxErr.Error())
	require.Contains(t, byPgx, err.Error())
	tx.Rollback()

	// A statement gives up with the first error, after its time or its caller's.
	begun := time.Now()
	_, err = short.ExecContext(t.Context(), "insert into entry (test) values ('short')")
	require.Error(t, err)
	require.GreaterOrEqual(t, time.Since(begun), 250*time.Millisecond)
	require.Less(t, time.Since(begun), 5*time.Second)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err = db.ExecContext(ctx, "insert into entry (test) values ('impatient')")
	require.Error(t, err)
	// A handle that has never seen a primary fails at once.
	fresh := open(t, dsnWith(c.DSN(), "failover_timeout=30s"))
	begun = time.Now()
	_, err = fresh.ExecContext(t.Context(), "insert into entry (test) values ('fresh')")
	require.Error(t, err)
	require.Less(t, time.Since(begun), 10*time.Second)

	const writers = 8
	wrote := make(chan error, writers)
	for i := range writers {
		go func() {
			_, err := db.ExecContext(context.Background(), "insert into entry (test, v) values ('waits', $1)", i)
			wrote <- err
		}()
	}
	time.Sleep(200 * time.Millisecond)
	require.Empty(t, wrote, "they wait")
	require.NoError(t, c.Promote(c.Replicas[0]))
	begun = time.Now()
	for range writers {
		require.NoError(t, <-wrote)
	}
	t.Logf("%d statements that had waited for a primary were done %v after the promotion", writers, time.Since(begun).Round(time.Millisecond))
	primary := c.CurrentPrimary()
	require.Equal(t, strconv.Itoa(writers), ask(t, primary, "select count(*) from entry where test = 'waits'"))
	require.Equal(t, "0", ask(t, primary, "select count(*) from entry where test in ('lost with its transaction', 'short', 'impatient', 'fresh', 'slow commit')"))

	// The connection whose transaction was lost is usable again.
	eventually(t, func() bool {
		_, err := db.ExecContext(t.Context(), "insert into entry (test) values ('after')")
		return err == nil
	})
	require.NoError(t, conn.Close())

	// The old primary comes back as a standby, and serves reads.
	require.NoError(t, c.Primary.Follow(primary))
	served := map[int]bool{}
	eventually(t, func() bool { served[who(t, db)] = true; return served[c.Primary.Port] })
	servers := pgsplit.ClusterOf(db).Servers()
	require.Equal(t, pgsplit.RoleReplica, servers[0].Role)
	require.True(t, servers[1].InUse)
}

var portPattern = regexp.MustCompile(`:\d+`)

func withoutPorts(s string) string { return portPattern.ReplaceAllString(s, ":…") }

// An old primary that is still there, on its old timeline, gets nothing; nor does the standby that follows it serve a read.
func TestWhatIsLeftOnTheOldTimelineServesNothing(t *testing.T) {
	t.Parallel()
	c := separate(t, 2)
	handles := []*sql.DB{
		handle(t, c, "monitor_interval=100ms", "read_your_writes=off"), handle(t, c, "monitor_interval=100ms", "read_your_writes=strict"),
	}
	require.NoError(t, c.Replicas[0].Promote())                                    // tells nobody
	handles = append(handles, open(t, dsnWith(c.DSN(), "monitor_interval=100ms"))) // knows of no change
	for _, db := range handles {
		require.NoError(t, db.PingContext(t.Context()))
		eventually(t, func() bool { return pgsplit.ClusterOf(db).Servers()[1].InUse })
		for i := range 50 {
			require.NoError(t, c.Primary.Exec(fmt.Sprintf("insert into entry (test, v) values ('old timeline', %d)", i)))
			execAll(t, db, "insert into entry (test) values ('new timeline')")
			require.Equal(t, "0", firstValue(t, t.Context(), db, "select count(*) from entry where test = 'old timeline'"))
			require.Equal(t, c.Replicas[0].Port, who(t, db), "the standby of the old primary has served a read")
		}
	}
}

// pgx asks for a host's address at each connection attempt: a name that is moved to the new primary is enough.
func TestAHostNameIsResolvedAgainAtEachConnection(t *testing.T) {
	c := separate(t, 1)
	cfg, err := pgsplit.ParseConfig(c.Primary.DSN())
	require.NoError(t, err)
	var lookups atomic.Int64
	var port atomic.Int64
	port.Store(int64(c.Primary.Port))
	named := cfg.Servers[0]
	named.Host, named.Port = "primary.db", 5432
	named.Fallbacks = nil
	named.LookupFunc = func(_ context.Context, host string) ([]string, error) {
		lookups.Add(1)
		if host != "primary.db" {
			return nil, fmt.Errorf("no such host: %s", host)
		}
		return []string{net.JoinHostPort("127.0.0.1", strconv.FormatInt(port.Load(), 10))}, nil
	}
	two, err := pgsplit.ParseConfig(c.Replicas[0].DSN())
	require.NoError(t, err)
	cfg.Servers = append(cfg.Servers, two.Servers...)
	cfg.Roles, cfg.MonitorInterval = pgsplit.RolesStatic, 100*time.Millisecond
	cfg.Original = nil
	db, err := pgsplit.OpenDB(cfg)
	require.NoError(t, err)
	defer db.Close()
	execAll(t, db, "insert into entry (test) values ('before')")
	before := lookups.Load()
	require.NoError(t, c.Promote(c.Replicas[0]))
	require.NoError(t, c.Primary.Stop())
	port.Store(int64(c.Replicas[0].Port))
	require.Equal(t, c.Replicas[0].Port, atoi(t, firstValue(t, t.Context(), db, "insert into entry (test) values ('after') returning inet_server_port()")))
	require.Greater(t, lookups.Load(), before)
}

// From the moment at which the monitor must have noticed on, a replica that was cut off without a word gets no reads, and what had
// been caught on it has moved.
func TestASilentReplicaIsLeftInTime(t *testing.T) {
	c := pgsplittest.Start(t, pgsplittest.Options{Replicas: 2, SetupSQL: behaviourSchema, Proxy: true})
	const interval, timeout = 500 * time.Millisecond, 400 * time.Millisecond
	db := handle(t, c, "monitor_interval=500ms", "monitor_timeout=400ms")
	db.SetMaxIdleConns(8)
	var cut atomic.Int64 // Unix nanoseconds
	var slowest, caught atomic.Int64
	l := startLoad(t, 8, func(ctx context.Context) error {
		start := time.Now()
		var port int
		if err := db.QueryRowContext(ctx, "select inet_server_port()").Scan(&port); err != nil {
			return err
		}
		if d := int64(time.Since(start)); d > slowest.Load() {
			slowest.Store(d)
		}
		if at := cut.Load(); at != 0 && time.Since(start) > 50*time.Millisecond {
			caught.Add(1)
		}
		return nil
	})
	l.more(t, 200)
	stalls := stallMeter(t)
	slowest.Store(0)
	c.Replicas[0].Proxy().BlackHole()
	cut.Store(time.Now().UnixNano())
	before := time.Now()
	eventually(t, func() bool { return !pgsplit.ClusterOf(db).Servers()[1].Healthy })
	noticed := time.Since(before)
	eventually(t, func() bool { return pgsplit.ClusterOf(db).Servers()[1].InFlight == 0 }, "reads are left on the silent replica")
	freed := time.Since(before)
	sent := pgsplit.ClusterOf(db).Servers()[1].Total()
	l.more(t, 400)
	require.Equal(t, sent, pgsplit.ClusterOf(db).Servers()[1].Total(), "new reads on a replica that was found silent")
	l.end(t)
	withheld := stalls.since(before)
	t.Logf("noticed after %v, all reads moved after %v (interval %v + timeout %v, stalls %v); %d were caught, the longest for %v", noticed.Round(time.Millisecond),
		freed.Round(time.Millisecond), interval, timeout, withheld.Round(time.Millisecond),
		caught.Load(), time.Duration(slowest.Load()).Round(time.Millisecond))
	const busy = 250 * time.Millisecond // a machine with much else to do
	// A look comes a quarter of the interval late when it waits for a beat of the primary's that does not come.
	bound := interval*5/4 + timeout + busy + withheld
	require.Less(t, freed, bound)
	require.Less(t, time.Duration(slowest.Load()), bound)
	require.NoError(t, c.Replicas[0].Proxy().Heal())
	eventually(t, func() bool { return who(t, db) != 0 && pgsplit.ClusterOf(db).Servers()[1].Healthy })
}
