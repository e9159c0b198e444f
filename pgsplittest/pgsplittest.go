// Package pgsplittest starts a real PostgreSQL cluster for tests: a primary and
// any number of streaming replicas, in a temporary folder, on free ports of the
// loopback address.
//
//	cluster := pgsplittest.Start(t, pgsplittest.Options{Replicas: 2})
//	db, err := sql.Open("pgsplit", cluster.DSN())
//
// The login role of the DSNs is an ordinary one that owns its database. Each
// server has knobs that do what happens to servers in real life: lag, pause,
// stop, crash, freeze, promote. A knob returns when it has taken effect, or
// with an error when it has not within [Options.Timeout].
//
// Nothing is left when the test ends, however it ends: servers and folder go
// with the test's clean-up, and with the process when it is interrupted, panics
// or is killed.
//
// Server programs must be installed (see [FindPrograms]), or come from the
// module github.com/pgsplit/pgsplit/pgsplittest/download when that is imported.
// Works for root too: the servers then run under the account "postgres", or
// "nobody" where there is none. Used with PostgreSQL 13, 14, 15 and 18 so far, on
// Linux; macOS and the BSDs go other ways in places, which have not been run.
//
// Environment variables, all optional:
//
//	PGSPLITTEST_BIN    the folder with initdb and postgres; no other place is
//	                   looked at then
//	PGSPLITTEST_DIR    where clusters are made, in place of the temporary folder;
//	                   one in memory such as /dev/shm takes half of the work
//	                   off the start
//	PGSPLITTEST_CACHE  what is kept between starts, about 50 MB a version
package pgsplittest

import "context"

// The environment variables, see above.
const (
	EnvBinDir   = "PGSPLITTEST_BIN"
	EnvDir      = "PGSPLITTEST_DIR"
	EnvCacheDir = "PGSPLITTEST_CACHE"
)

// TB is what Start needs of a *testing.T, *testing.B or *testing.F. It is an
// interface of its own so that programs which use Run do not link the testing
// package and its flags.
type TB interface {
	Helper()
	Logf(format string, args ...any)
	Fatalf(format string, args ...any)
	Failed() bool
	Cleanup(func())
}

// Start starts a cluster for a test and closes it when the test ends. It fails
// the test when the cluster does not start. When the test fails, the last lines
// of each server's log go into the test's output.
func Start(tb TB, opts Options) *Cluster {
	tb.Helper()
	cluster, err := Run(context.Background(), opts)
	if err != nil {
		tb.Fatalf("%v", err)
		return nil
	}
	tb.Cleanup(func() {
		if tb.Failed() {
			for _, s := range cluster.Servers() {
				tb.Logf("log of %s ends with:\n%s", s.Name, lastLines(s.Log(), 10))
			}
		}
		if err := cluster.Close(); err != nil {
			tb.Logf("%v", err)
		}
	})
	return cluster
}
