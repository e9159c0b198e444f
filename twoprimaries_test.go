package pgsplit_test

import (
	"database/sql"
	"fmt"
	"net/url"
	"strings"
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

// Two replicas that are promoted without knowing of each other both begin timeline 2: nothing tells which one is right. See also
// TestAPrimaryThatHasHiccupsIsNotLeftForItsRival.
func TestOfTwoReplicasPromotedToOneTimelineTheOneInUseStaysUntilItIsFenced(t *testing.T) {
	t.Parallel()
	c := separate(t, 2)
	one, two := c.Replicas[0], c.Replicas[1]
	params := []string{"monitor_interval=50ms", "monitor_timeout=2s", "failover_timeout=400ms"}
	db := handle(t, c, params...)
	insert := func(v int) error {
		_, err := db.ExecContext(t.Context(), "insert into entry (test, v) values ('equal', $1)", v)
		return err
	}
	count := func(s *pgsplittest.Server) string {
		return ask(t, s, "select count(*) from entry where test = 'equal'")
	}
	serves := func(db *sql.DB, s *pgsplittest.Server) func() bool {
		return func() bool { return serverNamed(pgsplit.ClusterOf(db).Servers(), s).InUse }
	}

	require.NoError(t, c.Primary.Stop())
	require.NoError(t, one.Promote())
	eventually(t, serves(db, one))
	require.NoError(t, insert(1))
	require.NoError(t, two.Promote())
	h := alerted(t, c, db, "two_primaries, server_out primary, no_replica")
	require.EqualValues(t, 2, serverOf(h, one).Timeline)
	require.EqualValues(t, 2, serverOf(h, two).Timeline)
	require.Contains(t, h.Alerts[0].Text, fmt.Sprintf("writes go to 127.0.0.1:%d", one.Port))
	for v := range 20 {
		require.NoError(t, insert(v))
		require.Equal(t, one.Port, who(t, db))
	}
	require.Equal(t, "21", count(one))

	// A handle that begins now cannot know.
	begins := func() (*sql.DB, error) {
		other := open(t, dsnWith(c.DSN(), params...))
		pgsplit.ClusterOf(other).Health(t.Context()) // all have answered
		return other, other.PingContext(t.Context())
	}
	_, err := begins()
	require.ErrorContains(t, err, fmt.Sprintf("127.0.0.1:%d and 127.0.0.1:%d both say they are the primary", one.Port, two.Port))

	// An operator decides: the one that is fenced takes no more writes, and stays out when the fence is gone again.
	fence(t, one, "on")
	eventually(t, serves(db, two), "the fenced primary is left")
	require.NoError(t, insert(102))
	require.Equal(t, "1", count(two))
	require.Equal(t, "21", count(one))
	fresh, err := begins()
	require.NoError(t, err, "of two of which one is fenced a new handle takes the other")
	require.True(t, serves(fresh, two)())
	fence(t, one, "off")
	eventually(t, func() bool { // it is seen
		return strings.Contains(fmt.Sprint(pgsplit.ClusterOf(db).Health(t.Context()).Alerts), "2 servers say they are the primary")
	})
	for v := range 20 {
		require.NoError(t, insert(200+v))
		_, err := fresh.ExecContext(t.Context(), "insert into entry (test, v) values ('equal', 300)")
		require.NoError(t, err)
	}
	require.Equal(t, "41", count(two))
	require.Equal(t, "21", count(one))
}

// fence has a primary refuse writes, as an operator does who wants it left alone, or take them again.
func fence(t testing.TB, s *pgsplittest.Server, on string) {
	t.Helper()
	_, err := s.SetParameter("default_transaction_read_only", on)
	require.NoError(t, err)
}
