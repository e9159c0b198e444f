package pgsplit_test

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
	"github.com/pgsplit/pgsplit/pgsplittest"
)

// envPrograms names a folder with PostgreSQL's programs of several versions, as testdata/versions.sh makes it: 14/bin, 16/bin, ….
// What is installed needs no folder.
const envPrograms = "PGSPLIT_TEST_PROGRAMS"

// What samples say, and what is made of it, on every version that is supported: as an ordinary role, through a promotion.
func TestSamplesOfEveryVersion(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"14", "15", "16", "17", "18"} {
		t.Run(version, func(t *testing.T) {
			opts := pgsplittest.Options{Replicas: 1, SetupSQL: behaviourSchema, Version: version}
			if dir := os.Getenv(envPrograms); dir != "" {
				if bin := filepath.Join(dir, version, "bin"); isDir(bin) {
					opts.BinDir = bin
				}
			}
			programs, err := pgsplittest.FindPrograms(t.Context(), opts)
			if err != nil {
				t.Skipf("PostgreSQL %s is NOT tested here: run testdata/versions.sh and name its folder in %s (%v)", version, envPrograms, err)
			}
			c := pgsplittest.Start(t, opts)
			db := handle(t, c, "monitor_interval=100ms", "read_your_writes=strict")
			cluster := pgsplit.ClusterOf(db)
			p, r := c.Primary, c.Replicas[0]

			servers := cluster.Servers()
			require.Equal(t, []pgsplit.Role{pgsplit.RolePrimary, pgsplit.RoleReplica}, []pgsplit.Role{servers[0].Role, servers[1].Role})
			require.EqualValues(t, []uint32{1, 1}, []uint32{servers[0].Timeline, servers[1].Timeline})
			execAll(t, db, "insert into entry (test) values ('version')")
			require.Equal(t, "1", firstValue(t, t.Context(), db, "select count(*) from entry where test = 'version'"))
			eventually(t, func() bool { return isReplica(t, db) })
			eventually(t, func() bool { return cluster.Servers()[1].Lag < time.Second })
			h := cluster.Health(t.Context())
			require.True(t, h.Healthy, "%v", h.Alerts)
			require.NotZero(t, h.Servers[1].MaxConnections)

			// Lag grows while replay stands still, and the write of before is not missed.
			require.NoError(t, r.PauseReplay())
			execAll(t, db, "insert into entry (test) values ('version')")
			require.Equal(t, "2", firstValue(t, t.Context(), db, "select count(*) from entry where test = 'version'"))
			eventually(t, func() bool { return cluster.Servers()[1].Lag > 300*time.Millisecond })
			require.NoError(t, r.ResumeReplay())
			eventually(t, func() bool { return isReplica(t, db) })

			require.NoError(t, c.Promote(r))
			eventually(t, func() bool {
				_, err := db.ExecContext(t.Context(), "insert into entry (test) values ('version')")
				return err == nil
			})
			require.EqualValues(t, 2, cluster.Servers()[1].Timeline)
			require.Equal(t, strconv.Itoa(r.Port), firstValue(t, t.Context(), db, "insert into entry (test) values ('where') returning inet_server_port()"))
			eventually(t, func() bool { return cluster.Servers()[0].Role == pgsplit.RoleReplica })
			require.NoError(t, c.WaitForCatchUp())
			require.NoError(t, r.Exec("checkpoint"))
			require.NoError(t, c.WaitForCatchUp())
			require.NoError(t, p.Exec("checkpoint"))
			eventually(t, func() bool { return isReplica(t, db) }, "the old primary serves reads that need a mark")
			t.Logf("PostgreSQL %s: roles, positions, timelines, lag and a promotion as an ordinary role", programs.Version)
		})
	}
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
