package pgsplit_test

import (
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
	"github.com/pgsplit/pgsplit/pgsplittest"
)

// Which of two primaries answers first is chance: with a DSN that names both, no statement may run on either. (One that
// takes longer than a moment to answer comes too late for that, and gets nothing.)
func TestTwoPrimariesAtTheStartAreAnErrorThatNamesBoth(t *testing.T) {
	c := calm(t)
	for name, other := range map[string]*pgsplittest.Cluster{
		"of one system":        pgsplittest.Start(t, pgsplittest.Options{}), // made from the same folder
		"of different systems": pgsplittest.Start(t, pgsplittest.Options{FreshSystem: true}),
	} {
		t.Run(name, func(t *testing.T) {
			for range 20 {
				db := open(t, dsnWith(c.DSN(), "monitor_timeout=5s", "replicas="+url.QueryEscape(other.Primary.DSN())))
				pgsplit.ClusterOf(db).Health(t.Context()) // both have answered
				err := db.QueryRowContext(t.Context(), "select 1").Scan(new(int))
				require.ErrorContains(t, err, fmt.Sprintf("127.0.0.1:%d", c.Primary.Port))
				require.ErrorContains(t, err, fmt.Sprintf("127.0.0.1:%d", other.Primary.Port))
				_, err = db.ExecContext(t.Context(), "create table nowhere ()")
				require.ErrorContains(t, err, "primar")
				require.Equal(t, "two_primaries", string(pgsplit.ClusterOf(db).Health(t.Context()).Alerts[0].Kind))
			}
			for _, s := range []*pgsplittest.Server{c.Primary, other.Primary} {
				require.Equal(t, "0", ask(t, s, "select count(*) from pg_class where relname = 'nowhere'"))
			}
		})
	}
}

// A handle that works goes on with the primary that it has when another one claims the role later; see also
// TestHealthSaysWhatIsWrongAndWhenItIsMended for the one that was promoted.
func TestAPrimaryThatComesUpLaterChangesNothing(t *testing.T) {
	c := calm(t)
	other := pgsplittest.Start(t, pgsplittest.Options{})
	require.NoError(t, other.Primary.Stop())
	db := open(t, dsnWith(c.Primary.DSN(), "monitor_interval=50ms", "monitor_timeout=5s", "replicas="+url.QueryEscape(other.Primary.DSN())))
	require.Equal(t, c.Primary.Port, who(t, db))
	require.NoError(t, other.Primary.Start())
	eventually(t, func() bool {
		return pgsplit.ClusterOf(db).Health(t.Context()).Alerts[0].Kind == pgsplit.AlertTwoPrimaries
	})
	for end := time.Now().Add(300 * time.Millisecond); time.Now().Before(end); {
		require.Equal(t, c.Primary.Port, who(t, db))
	}
}
