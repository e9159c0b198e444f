package verify_test

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit/internal/verify"
	"github.com/pgsplit/pgsplit/pgsplittest"
)

// duration is how long each run of the matrix goes on: PGSPLIT_VERIFY=60s, say, for a thorough one.
func duration(t testing.TB) time.Duration {
	if s := os.Getenv("PGSPLIT_VERIFY"); s != "" {
		d, err := time.ParseDuration(s)
		require.NoError(t, err)
		return d
	}
	return 5 * time.Second
}

func check(t *testing.T, opts verify.Options) *verify.Report {
	t.Helper()
	report, err := verify.Run(t.Context(), opts)
	require.NoError(t, err)
	t.Log(report, report.Reasons, report.Example)
	require.NotZero(t, report.Reads)
	require.NotZero(t, report.Writes)
	return report
}

func TestWhatIsPromisedIsKept(t *testing.T) {
	// With synchronous_commit=off replicas get what is written when the WAL writer gets to it.
	c := pgsplittest.Start(t, pgsplittest.Options{Replicas: 2, Parameters: map[string]string{"wal_writer_delay": "10ms"}})
	for _, mode := range []string{verify.On, verify.Strict, verify.Session} {
		for _, commit := range []string{"on", "off"} {
			t.Run(mode+"/synchronous_commit="+commit, func(t *testing.T) {
				report := check(t, verify.Options{
					DSN: c.DSN(), Mode: mode, Params: "&synchronous_commit=" + commit, Duration: duration(t), Workers: 16, Think: 4 * time.Millisecond,
					Disturb: &verify.Disturber{Cluster: c, Logf: t.Logf, Crash: commit == "on"},
				})
				assert.Zero(t, report.Violations(), report.Example)
				assert.NotZero(t, report.Replica, "nothing was put to the test")
			})
		}
	}
}

func TestWithoutAPromiseThereAreViolations(t *testing.T) {
	c := pgsplittest.Start(t, pgsplittest.Options{Replicas: 2})
	report := check(t, verify.Options{
		DSN: c.DSN(), Mode: verify.Off, Duration: 3 * time.Second, Workers: 12, Think: 4 * time.Millisecond,
		Disturb: &verify.Disturber{Cluster: c, Only: []string{"delay", "pause", "resume"}, Logf: t.Logf},
	})
	require.NotZero(t, report.Stale, "the test above could not fail")
}
