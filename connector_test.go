package pgsplit_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
)

func TestAnyConnectorServesAsPrimaryAndReplica(t *testing.T) {
	c := calm(t)
	for name, wrap := range map[string]func(driver.Connector) driver.Connector{
		"pgx's":   func(d driver.Connector) driver.Connector { return d },
		"showing": func(d driver.Connector) driver.Connector { return showing{d} },
		"opaque":  func(d driver.Connector) driver.Connector { return opaque{d} },
		"bare":    func(d driver.Connector) driver.Connector { return bare{d} },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := pgsplit.NewConfig()
			cfg.Primary = wrap(pgxConnector(t, c.Primary))
			for _, r := range c.Replicas {
				cfg.Replicas = append(cfg.Replicas, wrap(pgxConnector(t, r)))
			}
			cfg.ReadOnlyTx = pgsplit.RoleReplica
			cfg.MonitorTimeout = 10 * time.Second
			db, err := pgsplit.OpenDB(cfg)
			require.NoError(t, err)
			defer db.Close()
			require.NoError(t, db.PingContext(t.Context()))
			eventually(t, func() bool { return isReplica(t, db) && isReplica(t, db) && isReplica(t, db) })
			served := map[int]bool{}
			eventually(t, func() bool {
				served[who(t, db)] = true
				return len(served) == 2 // the second replica may have been found later than the first
			})
			require.Equal(t, map[int]bool{c.Replicas[0].Port: true, c.Replicas[1].Port: true}, served)

			test := unique("connector")
			require.Equal(t, "false", firstValue(t, t.Context(), db, "insert into entry (test) values ($1) returning pg_is_in_recovery()", test))
			stmt := prepare(t, db, "select pg_is_in_recovery() from item where id = $1")
			require.True(t, replicaSays(t, stmt, 1))
			tx := begin(t, t.Context(), db, nil)
			require.False(t, replicaSays(t, tx.StmtContext(t.Context(), stmt), 1))
			execAll(t, tx, "insert into entry (test) values ('"+test+"')")
			require.NoError(t, tx.Rollback())
			require.Equal(t, "1", ask(t, c.Primary, "select count(*) from entry where test = '%s'", test))
			tx = begin(t, t.Context(), db, readOnly)
			require.True(t, isReplica(t, tx))
			require.NoError(t, tx.Commit())
			require.Equal(t, "42P01", code(db.QueryRowContext(t.Context(), "select * from nowhere").Scan()))
			ctx, tr := follow(t.Context())
			firstValue(t, ctx, db, isReplicaSQL)
			route := tr.only(t)
			require.Contains(t, []string{"replica1", "replica2"}, route.Server.Name, route.Reason)
		})
	}
}

func TestAfterConnectIsCalledForEveryBackendAndToldItsServer(t *testing.T) {
	c := calm(t)
	cfg, err := pgsplit.ParseConfig(c.DSN())
	require.NoError(t, err)
	var mu sync.Mutex
	calls := map[pgsplit.ServerInfo]int{}
	cfg.AfterConnect = func(ctx context.Context, conn *pgx.Conn, server pgsplit.ServerInfo) error {
		mu.Lock()
		calls[server]++
		mu.Unlock()
		_, err := conn.Exec(ctx, "set app.hook = '"+server.Name+"'")
		return err
	}
	db, err := pgsplit.OpenDB(cfg)
	require.NoError(t, err)
	defer db.Close()
	replicasServe(t, db, 2)
	db.SetMaxIdleConns(8)
	l := startLoad(t, 8, func(ctx context.Context) error {
		var hook string
		var port int
		if err := db.QueryRowContext(ctx, "select current_setting('app.hook', true), inet_server_port() from pg_sleep(0.001)").Scan(&hook, &port); err != nil {
			return err
		}
		if hook != fmt.Sprintf("127.0.0.1:%d", port) {
			return fmt.Errorf("the hook's setting on %d is %q", port, hook)
		}
		return nil
	})
	l.more(t, 200)
	l.end(t)
	execAll(t, db, "insert into entry (v) values (1)")
	mu.Lock()
	defer mu.Unlock()
	for _, s := range pgsplit.ClusterOf(db).Stats().Servers {
		require.NotZero(t, calls[s.ServerInfo], "%v", s.ServerInfo)
		require.GreaterOrEqual(t, calls[s.ServerInfo], s.Open)
	}
	require.Len(t, calls, 3)
}

func TestAFailingAfterConnectOfAReplicaSendsReadsToThePrimary(t *testing.T) {
	c := calm(t)
	cfg, err := pgsplit.ParseConfig(c.DSN())
	require.NoError(t, err)
	failing := pgsplit.RoleReplica
	cfg.AfterConnect = func(_ context.Context, _ *pgx.Conn, server pgsplit.ServerInfo) error {
		if server.Role == failing {
			return errors.New("the hook's own error")
		}
		return nil
	}
	db, err := pgsplit.OpenDB(cfg)
	require.NoError(t, err)
	defer db.Close()
	for range 10 {
		require.False(t, isReplica(t, db))
	}
	require.NoError(t, db.Close())
	failing = pgsplit.RolePrimary
	db, err = pgsplit.OpenDB(cfg)
	require.NoError(t, err)
	defer db.Close()
	begin := time.Now()
	_, err = db.ExecContext(t.Context(), "insert into entry (v) values (1)")
	require.ErrorContains(t, err, "the hook's own error")
	require.Less(t, time.Since(begin), 10*time.Second, "it is an answer, and nothing to wait for")
}

func TestServersOfOtherCredentialsAreNamedByWholeDSNs(t *testing.T) {
	c := calm(t)
	reader := as(t, c.Replicas[0].DSN(), "reader", "reader")
	db := open(t, dsnWith(c.Primary.DSN(), "replicas="+url.QueryEscape(reader)))
	replicasServe(t, db, 1)
	within(t, db, 10*time.Second)
	require.Equal(t, "reader", firstValue(t, t.Context(), db, "select current_user"))
	require.Equal(t, "app", firstValue(t, pgsplit.WithPrimary(t.Context()), db, "select current_user"))
}

// A service file, a password file, and a password full of characters that mean something in a DSN: for every server.
func TestServiceAndPasswordFilesServeEveryServer(t *testing.T) {
	c := calm(t)
	const odd = `p@s:s/w,o'r\d %41#?&=+`
	define(t, c, "create role odd login password '"+strings.ReplaceAll(odd, "'", "''")+"'", "drop role odd")
	file := func(text string) string {
		path := filepath.Join(t.TempDir(), "file")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	const name = "monitor_timeout=10s sslmode=disable application_name=odd"
	replicas := fmt.Sprintf("127.0.0.1:%d,postgres://127.0.0.1:%d", c.Replicas[0].Port, c.Replicas[1].Port)
	passwords := file("127.0.0.1:*:" + c.Database + ":odd:" + strings.NewReplacer(`\`, `\\`, ":", `\:`).Replace(odd) + "\n")
	services := file(fmt.Sprintf("[stories]\nhost=127.0.0.1\nport=%d\ndbname=%s\nuser=odd\npassfile=%s\nreplicas=%s\nsslmode=disable\n",
		c.Primary.Port, c.Database, passwords, replicas))
	whole := func(port int) string {
		return fmt.Sprintf("postgres://odd:%s@127.0.0.1:%d/%s?sslmode=disable", strings.ReplaceAll(url.QueryEscape(odd), "+", "%20"), port, c.Database)
	}
	for _, dsn := range []string{
		"service=stories servicefile=" + services + " monitor_timeout=10s",
		fmt.Sprintf("host=127.0.0.1 port=%d user=odd dbname=%s passfile=%s replicas='%s' %s", c.Primary.Port, c.Database, passwords, replicas, name),
		dsnWith(whole(c.Primary.Port), "monitor_timeout=10s", "replicas="+url.QueryEscape(whole(c.Replicas[0].Port)+","+whole(c.Replicas[1].Port))),
	} {
		db := open(t, dsn)
		replicasServe(t, db, 2)
		served := map[int]bool{}
		eventually(t, func() bool {
			served[who(t, db)] = true
			return served[c.Replicas[0].Port] && served[c.Replicas[1].Port]
		})
		require.Equal(t, c.Primary.Port, who2(t, db, pgsplit.WithPrimary(t.Context())))
		require.Equal(t, "odd", firstValue(t, t.Context(), db, "select current_user"))
	}
}

func TestTheEnvironmentStandsInForTheDSN(t *testing.T) {
	c := calm(t)
	t.Setenv("PGSPLIT_REPLICAS", fmt.Sprintf("127.0.0.1:%d", c.Replicas[0].Port))
	t.Setenv("PGSPLIT_REPLICA_READS", "off")
	db := open(t, c.Primary.DSN())
	replicasServe(t, db, 1)
	within(t, db, 10*time.Second)
	require.False(t, isReplica(t, db))
	require.Equal(t, c.Replicas[0].Port, atoi(t, firstValue(t, pgsplit.WithReplica(t.Context()), db, "select inet_server_port()")))
	db = open(t, dsnWith(c.Primary.DSN(), "replica_reads=on"))
	replicasServe(t, db, 1)
	within(t, db, 10*time.Second)
	require.True(t, isReplica(t, db), "the DSN outranks the environment")
}

func TestADSNWithTargetSessionAttrsKeepsWorking(t *testing.T) {
	c := calm(t)
	// The replicas first: pgx would look for the primary.
	dsn, err := url.Parse(c.DSN())
	require.NoError(t, err)
	dsn.Host = fmt.Sprintf("127.0.0.1:%d,127.0.0.1:%d,127.0.0.1:%d", c.Replicas[0].Port, c.Replicas[1].Port, c.Primary.Port)
	for i, attrs := range []string{"read-write", "primary", "any", "prefer-standby", "read-write"} {
		text := dsnWith(dsn.String(), "target_session_attrs="+attrs)
		if i == 4 {
			text = dsn.String()
			t.Setenv("PGTARGETSESSIONATTRS", attrs)
		}
		db := open(t, text)
		replicasServe(t, db, 2)
		within(t, db, 10*time.Second)
		require.True(t, isReplica(t, db))
		require.Equal(t, c.Primary.Port, atoi(t, firstValue(t, t.Context(), db, "insert into entry (v) values (1) returning inet_server_port()")))
	}
}

func TestClusterOfKnowsItsHandleOnly(t *testing.T) {
	c := calm(t)
	db := handle(t, c)
	other := handle(t, c)
	require.NotNil(t, pgsplit.ClusterOf(db))
	require.NotSame(t, pgsplit.ClusterOf(db), pgsplit.ClusterOf(other))
	require.Nil(t, pgsplit.ClusterOf(plain(t, c.Primary.DSN())))
	require.True(t, slices.Contains(sql.Drivers(), "pgsplit"))

	for range 10 {
		require.True(t, isReplica(t, db))
	}
	execAll(t, db, "insert into entry (v) values (1)")
	stats := pgsplit.ClusterOf(db).Stats().Servers
	require.Len(t, stats, 3)
	for i, s := range c.Servers() {
		require.Equal(t, fmt.Sprintf("127.0.0.1:%d", s.Port), stats[i].Name)
		require.True(t, stats[i].Healthy)
		require.NoError(t, stats[i].Err)
	}
	require.Equal(t, map[pgsplit.Reason]int64{pgsplit.ReasonPing: 1, pgsplit.ReasonExec: 1}, stats[0].Routed)
	require.EqualValues(t, 10, stats[1].Routed[pgsplit.ReasonReplica]+stats[2].Routed[pgsplit.ReasonReplica])
	require.EqualValues(t, 2, stats[0].Total())
	for _, s := range stats {
		require.Zero(t, s.InFlight)
		require.Equal(t, s.Open, s.Idle)
		require.Equal(t, s.Role == pgsplit.RoleReplica, s.LagKnown)
	}
	require.Zero(t, pgsplit.ClusterOf(other).Stats().Servers[1].Total())
}

func TestADriverConnectionCanBeOpenedWithoutDatabaseSQL(t *testing.T) {
	c := calm(t)
	application := unique("sole")
	conn, err := new(pgsplit.Driver).Open(dsnWith(c.DSN(), "application_name="+application))
	require.NoError(t, err)
	rows, err := conn.(driver.QueryerContext).QueryContext(t.Context(), "select 1", nil)
	require.NoError(t, err)
	require.NoError(t, rows.Close())
	require.NoError(t, conn.Close())
	gone(t, c, application)
}

func TestAMistakeInTheDSNIsReportedBySQLOpen(t *testing.T) {
	for dsn, says := range map[string]string{
		"postgres://app:secret@h/app?read_your_writes=maybe":    `read_your_writes`,
		"postgres://app:secret@h/app?read_you_writes=on":        `did you mean read_your_writes`,
		"postgres://app:secret@h:port/app":                      ``,
		"postgres://app:secret@h/app?max_lag=10":                `max_lag`,
		"host=h password=secret balancer=fair":                  `balancer`,
		"host=h password=secret replicas=r:99999":               `replicas`,
		"host=h password=secret target_session_attrs=standby":   `target_session_attrs "standby": there would be no server for writes; leave it out`,
		"host=h password=secret target_session_attrs=read-only": `target_session_attrs "read-only": there would be no server for writes; leave it out`,
		"host=h password=secret target_session_attrs=rw":        `target_session_attrs "rw": write "read-write", "primary", "any" or "prefer-standby"`,
		"host=h password=secret sslmode=on":                     `sslmode "on": write "disable", "allow"`,
		"host='h password=secret":                               ``,
	} {
		db, err := sql.Open("pgsplit", dsn)
		require.Error(t, err, dsn)
		require.Nil(t, db)
		require.ErrorContains(t, err, says)
		require.NotContains(t, err.Error(), "secret")
	}
}

// A connection whose transaction status cannot be asked.
func TestARawTransactionOnAnOpaqueConnectionStaysThere(t *testing.T) {
	c := calm(t)
	cfg := pgsplit.NewConfig()
	cfg.Primary = opaque{pgxConnector(t, c.Primary)}
	cfg.Replicas = []driver.Connector{opaque{pgxConnector(t, c.Replicas[0])}}
	db, err := pgsplit.OpenDB(cfg)
	require.NoError(t, err)
	defer db.Close()
	eventually(t, func() bool { return isReplica(t, db) })
	test := unique("opaque")
	for range 3 {
		conn := connOf(t, db)
		execAll(t, conn, "begin", "insert into entry (test) values ('"+test+"')")
		require.Equal(t, "1", firstValue(t, t.Context(), conn, "select count(*) from entry where test = '"+test+"'"))
		require.NoError(t, conn.Close())
		execAll(t, db, "insert into entry (test) values ('after "+test+"')")
	}
	require.Equal(t, "0", ask(t, c.Primary, "select count(*) from entry where test = '%s'", test))
	require.Equal(t, "3", ask(t, c.Primary, "select count(*) from entry where test = 'after %s'", test))
}
