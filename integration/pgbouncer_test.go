package integration

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pgsplit/pgsplit"
	"github.com/pgsplit/pgsplit/pgsplittest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// envPgBouncer names PgBouncer's program where it is not in PATH.
const envPgBouncer = "PGSPLIT_TEST_PGBOUNCER"

// pooledINI has a PgBouncer pool transactions in front of a server, with two connections to it at the most.
const pooledINI = `[databases]
%[1]s = host=127.0.0.1 port=%[2]d dbname=%[1]s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %[3]d
unix_socket_dir =
auth_type = plain
auth_file = %[4]s/users.txt
pool_mode = transaction
default_pool_size = 2
logfile = %[4]s/log
`

// startPgBouncer returns the address at which PgBouncer listens.
func startPgBouncer(t *testing.T, program string, server *pgsplittest.Server) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "pgbouncer")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o777)) // root's PgBouncer changes to another account
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	write("users.txt", fmt.Sprintf("%q %q\n", cluster.User, cluster.Password))
	var log []byte
	for range 5 { // somebody may take the port before it does
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		addr := l.Addr().String()
		write("ini", fmt.Sprintf(pooledINI, cluster.Database, server.Port, l.Addr().(*net.TCPAddr).Port, dir))
		require.NoError(t, l.Close())
		args := []string{filepath.Join(dir, "ini")}
		if os.Geteuid() == 0 {
			args = append([]string{"-u", "nobody"}, args...)
		}
		cmd := exec.Command(program, args...)
		require.NoError(t, cmd.Start())
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
			if len(ended) > 0 {
				break
			}
			if conn, err := net.Dial("tcp", addr); err == nil {
				conn.Close()
				t.Cleanup(func() {
					cmd.Process.Kill()
					<-ended
				})
				return addr
			}
		}
		cmd.Process.Kill()
		log, _ = os.ReadFile(filepath.Join(dir, "log"))
	}
	require.Fail(t, "PgBouncer does not start", "%s", log)
	return ""
}

// The exec modes that pgx documents for transaction pooling without support of prepared statements. With cache_statement, as
// with database/sql's Prepare, plain pgx itself needs a PgBouncer of version 1.21 with max_prepared_statements.
func TestBehindPgBouncerInTransactionMode(t *testing.T) {
	program := os.Getenv(envPgBouncer)
	if program == "" {
		var err error
		if program, err = exec.LookPath("pgbouncer"); err != nil {
			program = "/usr/sbin/pgbouncer" // Debian's place, which ordinary users do not search
		}
		if _, err := os.Stat(program); err != nil {
			t.Skipf("the exec modes behind PgBouncer are NOT tested here: install pgbouncer, or name its program in %s", envPgBouncer)
		}
	}
	var addrs []string
	for _, s := range cluster.Servers() {
		addrs = append(addrs, startPgBouncer(t, program, s))
	}
	dsnOf := func(hosts, mode string) string {
		return fmt.Sprintf("postgres://%s:%s@%s/%s?sslmode=disable&default_query_exec_mode=%s", cluster.User, cluster.Password, hosts, cluster.Database, mode)
	}
	cluster.emptySchema(t)
	_, err := cluster.conns[0].Exec(t.Context(), "create table site.pooled (id serial primary key, worker int, v int); grant all on site.pooled, site.pooled_id_seq to public; grant usage on schema site to public")
	require.NoError(t, err)
	cluster.catchUp(t)

	for _, mode := range []string{"exec", "cache_describe", "simple_protocol"} {
		for _, driver := range []string{"pgx", "pgsplit"} {
			t.Run(mode+"/"+driver, func(t *testing.T) {
				dsn := dsnOf(addrs[0], mode)
				if driver == "pgsplit" {
					dsn = dsnOf(strings.Join(addrs, ","), mode) + "&read_your_writes=strict&monitor_timeout=20s&max_lag=0"
				}
				db, err := sql.Open(driver, dsn)
				require.NoError(t, err)
				defer func() { require.NoError(t, db.Close()) }()
				db.SetMaxIdleConns(16)
				knowTables(t, db)
				var wg sync.WaitGroup
				for worker := range 8 {
					wg.Go(func() { usePooled(t, db, mode, worker) })
				}
				wg.Wait()
				if driver == "pgsplit" {
					knowTables(t, db)
					replicaAnswers(t, db)
				}
				var n int
				require.NoError(t, cluster.conns[0].QueryRow(t.Context(), "select count(*) from pg_stat_activity where usename = $1 and backend_type = 'client backend' and client_port is not null", cluster.User).Scan(&n))
				require.NotZero(t, n)
				require.LessOrEqual(t, n, 2, "PgBouncer shares two connections among all")
			})
		}
	}
}

// usePooled is what one goroutine of an application does.
func usePooled(t *testing.T, db *sql.DB, mode string, worker int) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for i := range 20 {
		var a int
		var b int64
		var text string
		if !assert.NoError(t, db.QueryRowContext(ctx, "select $1::int, $2::bigint, $3::text", worker, int64(i), mode).Scan(&a, &b, &text)) {
			return
		}
		assert.Equal(t, []any{worker, int64(i), mode}, []any{a, b, text}, "another client's answer")

		var id, v int
		if !assert.NoError(t, db.QueryRowContext(ctx, "insert into site.pooled (worker, v) values ($1, $2) returning id, v", worker, i).Scan(&id, &v)) {
			return
		}
		assert.Equal(t, i, v)
		assert.NoError(t, db.QueryRowContext(ctx, "select worker, v from site.pooled where id = $1", id).Scan(&a, &v), "its own write")
		assert.Equal(t, []int{worker, i}, []int{a, v})

		tx, err := db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead})
		if !assert.NoError(t, err) {
			return
		}
		_, err = tx.ExecContext(ctx, "update site.pooled set v = v + $1 where id = $2", 1, id)
		assert.NoError(t, err)
		assert.NoError(t, tx.QueryRowContext(ctx, "select v from site.pooled where id = $1", id).Scan(&v))
		assert.Equal(t, i+1, v)
		if i%2 == 0 {
			assert.NoError(t, tx.Commit())
			_, err = db.ExecContext(ctx, "delete from site.pooled where id = $1", id)
			assert.NoError(t, err)
		} else {
			assert.NoError(t, tx.Rollback())
			assert.NoError(t, db.QueryRowContext(ctx, "select v from site.pooled where id = $1", id).Scan(&v))
			assert.Equal(t, i, v)
		}
		assert.ErrorContains(t, db.QueryRowContext(ctx, "select 1 / ($1::int - 1)", 1).Scan(&v), "22012")
	}
}

// replicaAnswers waits until reads are served by replicas, through their poolers.
func replicaAnswers(t *testing.T, db *sql.DB) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		var replica bool
		require.NoError(t, db.QueryRowContext(t.Context(), "select pg_is_in_recovery()").Scan(&replica))
		if replica {
			return
		}
		require.True(t, time.Now().Before(deadline), "no replica serves: %+v", pgsplit.ClusterOf(db).Stats().Servers)
	}
}
