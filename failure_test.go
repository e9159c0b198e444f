package pgsplit_test

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
	"github.com/pgsplit/pgsplit/pgsplittest"
)

// closedPort is a port of the loopback address on which nobody listens.
func closedPort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// connections is how many connections of an application a server has, monitors included.
func connections(t testing.TB, s *pgsplittest.Server, application string) string {
	t.Helper()
	return ask(t, s, "select count(*) from pg_stat_activity where application_name like '%s%%'", application)
}

func TestASingleServerIsUsedAsPgxWouldAndNotWatched(t *testing.T) {
	c := calm(t)
	for name, dsn := range map[string]string{
		"one host":                        c.Primary.DSN(),
		"replicas points at the one host": dsnWith(c.Primary.DSN(), fmt.Sprintf("replicas=127.0.0.1:%d", c.Primary.Port)),
	} {
		application := unique("single")
		db := open(t, dsnWith(dsn, "application_name="+application))
		db.SetMaxOpenConns(1)
		ctx, tr := follow(t.Context())
		require.Equal(t, "false", firstValue(t, ctx, db, isReplicaSQL), name)
		require.Equal(t, pgsplit.ReasonNoReplica.String(), tr.only(t).Reason.String(), name)
		execAll(t, db, "insert into entry (v) values (1)")
		require.Equal(t, "1", connections(t, c.Primary, application), name)
		require.Equal(t, "0", connections(t, c.Replicas[0], application), name)
	}
}

func TestReadsGoToThePrimaryWhileNoReplicaCanBeReached(t *testing.T) {
	c := calm(t)
	db := open(t, dsnWith(c.Primary.DSN(), fmt.Sprintf("replicas=127.0.0.1:%d,127.0.0.1:%d", closedPort(t), closedPort(t))))
	require.NoError(t, pgsplit.ClusterOf(db).LoadCatalog(t.Context()))
	ctx, tr := follow(t.Context())
	begin := time.Now()
	for range 50 {
		require.Equal(t, "false", firstValue(t, ctx, db, isReplicaSQL))
	}
	require.Less(t, time.Since(begin), 10*time.Second)
	routes, retries := tr.take()
	require.Len(t, routes, 50)
	require.Empty(t, retries, "reads tried servers that are known to be down")
	require.Equal(t, pgsplit.ReasonNoHealthyReplica.String(), routes[49].Reason.String())
	execAll(t, db, "insert into entry (v) values (1)")
}

func TestOneReplicaThatIsDownLeavesTheOther(t *testing.T) {
	c := calm(t)
	db := open(t, dsnWith(c.Primary.DSN(), fmt.Sprintf("replicas=127.0.0.1:%d,127.0.0.1:%d", closedPort(t), c.Replicas[1].Port)))
	replicasServe(t, db, 1)
	within(t, db, 10*time.Second)
	for range 50 {
		require.Equal(t, c.Replicas[1].Port, who(t, db))
	}
}

func TestNoReadFailsWhenAllReplicasDieUnderLoad(t *testing.T) {
	c := rough(t)
	db := handle(t, c)
	db.SetMaxIdleConns(16)
	l := startLoad(t, 16, func(ctx context.Context) error {
		var n int
		return db.QueryRowContext(ctx, "select count(*) from item").Scan(&n)
	})
	l.more(t, 100)
	require.NoError(t, c.Replicas[0].Kill())
	l.more(t, 50)
	require.NoError(t, c.Replicas[1].Stop())
	l.more(t, 50)
	require.False(t, isReplica(t, db))
	for _, r := range c.Replicas {
		require.NoError(t, r.Start())
	}
	eventually(t, func() bool { return isReplica(t, db) }, "restarted replicas serve again")
	l.more(t, 50)
	l.end(t)
	replicasServe(t, db, 2)
	served := map[int]bool{}
	eventually(t, func() bool {
		served[who(t, db)] = true
		return served[c.Replicas[0].Port] && served[c.Replicas[1].Port]
	})
}

// Nobody closes the connections of a machine that has vanished: what waits there has to be freed.
func TestAFrozenReplicaDoesNotHoldReadsUp(t *testing.T) {
	c := rough(t)
	db := handle(t, c, "monitor_interval=100ms", "monitor_timeout=300ms")
	db.SetMaxIdleConns(8)
	l := startLoad(t, 8, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
		defer cancel()
		var n int
		return db.QueryRowContext(ctx, "select count(*) from item").Scan(&n)
	})
	l.more(t, 50)
	require.NoError(t, c.Replicas[0].Freeze())
	l.more(t, 100)
	require.NoError(t, c.Replicas[1].Freeze())
	l.more(t, 100)
	require.NoError(t, c.Replicas[0].Thaw())
	eventually(t, func() bool { return isReplica(t, db) }, "thawed")
	l.end(t)
}

func TestPrimaryRestartIsSurvivedByReadsAndAwaitedByWrites(t *testing.T) {
	c := pgsplittest.Start(t, pgsplittest.Options{Replicas: 1, SetupSQL: behaviourSchema})
	db := handle(t, c)
	require.NoError(t, c.Primary.Stop())
	for range 20 {
		require.True(t, isReplica(t, db), "without a primary")
	}
	eventually(t, func() bool { return !pgsplit.ClusterOf(db).Stats().Servers[0].Healthy }, "the stop is noticed")
	begin := time.Now()
	require.Equal(t, "22012", code(db.QueryRowContext(t.Context(), "select 1/0").Scan(new(int))), "nobody else can be asked")
	require.Less(t, time.Since(begin), 10*time.Second)
	wrote := make(chan error, 1)
	go func() {
		_, err := db.ExecContext(context.Background(), "insert into entry (test) values ('meanwhile')")
		wrote <- err
	}()
	require.NoError(t, c.Primary.Start())
	require.NoError(t, <-wrote, "a statement waits for the primary (failover_timeout)")
	require.Equal(t, "1", ask(t, c.Primary, "select count(*) from entry where test = 'meanwhile'"))
}

// sameFailure compares what our driver and pgx's say to the first use of a DSN.
func sameFailure(t *testing.T, dsn, pgxDSN string) error {
	t.Helper()
	split := open(t, dsn)
	direct, err := sql.Open("pgx", pgxDSN)
	require.NoError(t, err)
	defer direct.Close()

	begin := time.Now()
	want := direct.QueryRowContext(t.Context(), "select 1").Scan(new(int))
	took := time.Since(begin)
	require.Error(t, want)
	begin = time.Now()
	got := split.QueryRowContext(t.Context(), "select 1").Scan(new(int))
	require.Less(t, time.Since(begin), took+3*time.Second, "at once")
	require.Equal(t, want.Error(), got.Error())
	require.IsType(t, want, got)
	_, got = split.ExecContext(t.Context(), "insert into entry (v) values (1)")
	require.Equal(t, want.Error(), got.Error())
	require.Equal(t, want.Error(), split.PingContext(t.Context()).Error())
	_, got = split.BeginTx(t.Context(), nil)
	require.Equal(t, want.Error(), got.Error())
	return got
}

func TestWithoutAnyServerTheErrorIsPgxsOwn(t *testing.T) {
	one, two, three := closedPort(t), closedPort(t), closedPort(t)
	for _, hosts := range []string{
		fmt.Sprintf("127.0.0.1:%d", one),
		fmt.Sprintf("127.0.0.1:%d,127.0.0.1:%d,127.0.0.1:%d", one, two, three),
		fmt.Sprintf("127.0.0.1:%d,localhost:%d", one, two),
	} {
		t.Run(hosts, func(t *testing.T) {
			for _, params := range []string{"", "?sslmode=disable", "?sslmode=prefer&connect_timeout=5"} {
				dsn := "postgres://app:secret@" + hosts + "/app" + params
				err := sameFailure(t, dsn, dsn)
				var connectErr *pgconn.ConnectError
				require.ErrorAs(t, err, &connectErr)
				require.NotContains(t, err.Error(), "secret")
			}
		})
	}
	dsn := fmt.Sprintf("postgres://app:secret@127.0.0.1:%d/app?sslmode=disable", one)
	sameFailure(t, fmt.Sprintf("%s&replicas=127.0.0.1:%d", dsn, two), dsn)
}

func TestARefusedLoginIsPgxsOwnError(t *testing.T) {
	c := calm(t)
	for code, change := range map[string]func(dsn string) string{
		"28P01": func(dsn string) string { return as(t, dsn, "app", "wrong") },
		"28000": func(dsn string) string { return as(t, dsn, "nobody_of_this_name", c.Password) },
		"3D000": func(dsn string) string { return strings.Replace(dsn, "/app?", "/no_such_database?", 1) },
		"42704": func(dsn string) string { return dsnWith(dsn, "no_such_parameter=1") },
		"22023": func(dsn string) string { return dsnWith(dsn, "statement_timeout=never") },
	} {
		for _, dsn := range []string{c.Primary.DSN(), c.DSN()} {
			if dsn == c.DSN() && code != "28P01" {
				continue
			}
			err := sameFailure(t, change(dsn), change(dsn))
			var pgErr *pgconn.PgError
			require.ErrorAs(t, err, &pgErr)
			if code != "28000" { // answered by 28P01 where the method is a password
				require.Equal(t, code, pgErr.Code)
			}
			require.NotContains(t, err.Error(), c.Password)
		}
	}
}
