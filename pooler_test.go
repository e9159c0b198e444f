package pgsplit_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
	"github.com/pgsplit/pgsplit/pgsplittest"
)

// envPgBouncer names PgBouncer's program where it is not in PATH.
const envPgBouncer = "PGSPLIT_TEST_PGBOUNCER"

// bounced puts a PgBouncer before each server of a cluster, and returns a DSN of all of them and the port of each.
func bounced(t *testing.T, c *pgsplittest.Cluster, mode string) (dsn string, ports []int) {
	t.Helper()
	program := os.Getenv(envPgBouncer)
	if program == "" {
		var err error
		if program, err = exec.LookPath("pgbouncer"); err != nil {
			program = "/usr/sbin/pgbouncer" // Debian's place, which ordinary users do not search
		}
		if _, err := os.Stat(program); err != nil {
			t.Skipf("samples behind PgBouncer are NOT tested here: install pgbouncer, or name its program in %s", envPgBouncer)
		}
	}
	dsn = c.DSN()
	for _, s := range c.Servers() {
		dir, err := os.MkdirTemp("", "pgsplit-bouncer-") // not the test's own folder, which only root may enter
		require.NoError(t, err)
		t.Cleanup(func() { os.RemoveAll(dir) })
		require.NoError(t, os.Chmod(dir, 0o755))
		write := func(name, text string) string {
			path := filepath.Join(dir, name)
			require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
			return path
		}
		users := write("users.txt", fmt.Sprintf("%q %q\n", c.User, c.Password))
		listens := func() (port int, ok bool) {
			port = closedPort(t)
			conf := fmt.Sprintf("[databases]\n%s = host=127.0.0.1 port=%d dbname=%s\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = %d\nunix_socket_dir =\n"+
				"auth_type = plain\nauth_file = %s\npool_mode = %s\nserver_login_retry = 0\nignore_startup_parameters = extra_float_digits\n", c.Database, s.Port, c.Database, port, users, mode)
			if os.Getuid() == 0 {
				conf += "user = nobody\n" // it does not run as root
			}
			cmd := exec.Command(program, write("pgbouncer.ini", conf))
			var log strings.Builder
			cmd.Stdout, cmd.Stderr = &log, &log
			require.NoError(t, cmd.Start())
			ended := make(chan error, 1)
			go func() { ended <- cmd.Wait(); close(ended) }()
			t.Cleanup(func() {
				cmd.Process.Kill()
				<-ended
				if t.Failed() {
					t.Log(log.String())
				}
			})
			eventually(t, func() bool {
				if len(ended) > 0 {
					return true
				}
				conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
				if ok = err == nil; ok {
					conn.Close()
				}
				return ok
			}, "PgBouncer listens")
			return port, ok
		}
		port, ok := listens()
		for range 4 { // somebody may take the port before it does
			if !ok {
				port, ok = listens()
			}
		}
		require.True(t, ok, "PgBouncer does not start")
		ports = append(ports, port)
		dsn = strings.Replace(dsn, fmt.Sprintf("127.0.0.1:%d", s.Port), fmt.Sprintf("127.0.0.1:%d", port), 1)
	}
	return dsn, ports
}

// A PgBouncer hands out in_hot_standby as it was when it asked; who is what is known from samples, through a promotion too.
func TestRolesAndLagAreKnownBehindPgBouncer(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"session", "transaction"} {
		t.Run(mode, func(t *testing.T) {
			c := separate(t, 1)
			dsn, _ := bounced(t, c, mode)
			db := open(t, dsnWith(dsn, "monitor_interval=100ms", "monitor_timeout=10s", "read_your_writes=strict", "default_query_exec_mode=exec"))
			replicasServe(t, db, 1)
			cluster := pgsplit.ClusterOf(db)
			eventually(t, func() bool { return isReplica(t, db) })
			execAll(t, db, "insert into entry (test) values ('bounced')")
			require.Equal(t, "1", firstValue(t, t.Context(), db, "select count(*) from entry where test = 'bounced'"))
			require.NoError(t, c.Replicas[0].PauseReplay())
			execAll(t, db, "insert into entry (test) values ('bounced')")
			require.Equal(t, "2", firstValue(t, t.Context(), db, "select count(*) from entry where test = 'bounced'"))
			eventually(t, func() bool { return cluster.Servers()[1].Lag > 300*time.Millisecond })
			require.NoError(t, c.Replicas[0].ResumeReplay())
			eventually(t, func() bool { return isReplica(t, db) })

			require.NoError(t, c.Promote(c.Replicas[0]))
			eventually(t, func() bool {
				_, err := db.ExecContext(t.Context(), "insert into entry (test) values ('promoted')")
				return err == nil
			})
			require.Equal(t, c.Replicas[0].Port, atoi(t, firstValue(t, t.Context(), db, "insert into entry (test) values ('promoted') returning inet_server_port()")))
			eventually(t, func() bool { return cluster.Servers()[0].Role == pgsplit.RoleReplica && cluster.Servers()[1].InUse })
			require.NoError(t, c.Replicas[0].Exec("checkpoint"))
			require.NoError(t, c.WaitForCatchUp())
			require.NoError(t, c.Primary.Exec("checkpoint"))
			eventually(t, func() bool { return isReplica(t, db) }, "the old primary serves reads")
		})
	}
}
