package pgsplittest_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit/pgsplittest"
)

func TestSwitchoverOfARunningPrimaryAndBack(t *testing.T) {
	c := pgsplittest.Start(t, pgsplittest.Options{Replicas: 2, SetupSQL: itemsTable})
	insertItem(t, c.Primary)
	require.Same(t, c.Primary, c.CurrentPrimary())

	require.NoError(t, c.Promote(c.Replicas[0]))
	require.Same(t, c.Replicas[0], c.CurrentPrimary())
	requireRoles(t, c, c.Replicas[0])
	insertItem(t, c.Replicas[0])
	requireItemsEverywhere(t, c, "2")

	require.NoError(t, c.Promote(c.Primary))
	requireRoles(t, c, c.Primary)
	insertItem(t, c.Primary)
	requireItemsEverywhere(t, c, "3")
	require.Error(t, c.Promote(c.Primary))
}

func TestFailoverAndReturnOfTheOldPrimary(t *testing.T) {
	c := pgsplittest.Start(t, pgsplittest.Options{Replicas: 2, SetupSQL: itemsTable})
	_, err := c.Primary.SetParameter("work_mem", "5MB")
	require.NoError(t, err)
	require.NoError(t, c.Primary.Exec("alter system set maintenance_work_mem = '77MB'"))
	insertItem(t, c.Primary)
	require.NoError(t, c.WaitForCatchUp())
	require.NoError(t, c.Replicas[0].PauseReplay())
	require.NoError(t, c.Primary.Kill())

	require.NoError(t, c.Promote(c.Replicas[0]))
	require.False(t, c.Primary.Running(), "who is down stays down")
	insertItem(t, c.Replicas[0])
	requireItemsEverywhere(t, c, "2")

	require.NoError(t, c.Primary.Follow(c.Replicas[0]))
	requireRoles(t, c, c.Replicas[0])
	insertItem(t, c.Replicas[0])
	requireItemsEverywhere(t, c, "3")
	for name, want := range map[string]string{"work_mem": "5MB", "maintenance_work_mem": "77MB"} {
		value, err := c.Primary.QueryString("show " + name)
		require.NoError(t, err)
		assert.Equal(t, want, value, "its own parameters stay")
	}
}

func TestTwoPrimariesUntilTheOldOneFollows(t *testing.T) {
	c := pgsplittest.Start(t, pgsplittest.Options{Replicas: 2, SetupSQL: itemsTable})
	require.NoError(t, c.Replicas[0].Promote())
	insertItem(t, c.Replicas[0])
	for range 5 {
		insertItem(t, c.Primary)
	}
	require.NoError(t, c.Replicas[1].WaitForCatchUp())
	require.Equal(t, "5", countItems(t, c.Replicas[1]), "it still follows the old primary")

	require.NoError(t, c.Replicas[1].Follow(c.Replicas[0]), "although it is beyond where the new timeline begins")
	require.NoError(t, c.Primary.Follow(c.Replicas[0]))
	requireRoles(t, c, c.Replicas[0])
	requireItemsEverywhere(t, c, "1")
}

func TestPromoteLeavesFrozenServersAlone(t *testing.T) {
	c := pgsplittest.Start(t, pgsplittest.Options{Replicas: 2, SetupSQL: itemsTable})
	require.NoError(t, c.Primary.Freeze())
	require.NoError(t, c.Replicas[1].Freeze())
	require.NoError(t, c.Promote(c.Replicas[0]))
	insertItem(t, c.Replicas[0])
	require.ErrorContains(t, c.Replicas[1].Follow(c.Replicas[0]), "frozen")

	require.NoError(t, c.Primary.Thaw())
	require.NoError(t, c.Replicas[1].Thaw())
	require.NoError(t, c.Primary.Follow(c.Replicas[0]))
	require.NoError(t, c.Replicas[1].Follow(c.Replicas[0]))
	requireRoles(t, c, c.Replicas[0])
	requireItemsEverywhere(t, c, "1")
}

func TestReplicaOfAReplica(t *testing.T) {
	c := pgsplittest.Start(t, pgsplittest.Options{Replicas: 2, SetupSQL: itemsTable})
	require.NoError(t, c.Replicas[1].Follow(c.Replicas[0]))
	require.NoError(t, c.Replicas[0].PauseReplay())
	insertItem(t, c.Primary)
	require.NoError(t, c.Replicas[0].ResumeReplay())
	requireItemsEverywhere(t, c, "1")
	require.Error(t, c.Primary.Follow(c.Primary))
}

func TestDivergedReplicaFollowsAReplica(t *testing.T) {
	c := pgsplittest.Start(t, pgsplittest.Options{Replicas: 2, SetupSQL: itemsTable})
	require.NoError(t, c.Replicas[1].Promote())
	insertItem(t, c.Replicas[1])
	require.NoError(t, c.Replicas[1].Follow(c.Replicas[0]))
	insertItem(t, c.Primary)
	insertItem(t, c.Primary)
	requireItemsEverywhere(t, c, "2")
}

func TestReplicaThatWasAwayTooLongGetsANewCopy(t *testing.T) {
	c := pgsplittest.Start(t, pgsplittest.Options{Replicas: 1, SetupSQL: itemsTable,
		InitdbArgs: []string{"--wal-segsize=1"},
		Parameters: map[string]string{"wal_keep_size": "0", "max_wal_size": "2MB", "min_wal_size": "2MB"}})
	require.NoError(t, c.Replicas[0].Stop())
	for range 4 {
		require.NoError(t, c.Primary.Exec("insert into items select generate_series(1, 10000)"))
		require.NoError(t, c.Primary.Exec("checkpoint"))
	}
	require.NoError(t, c.Replicas[0].Follow(c.Primary))
	requireItemsEverywhere(t, c, "40000")
}

// requireRoles fails unless the given server alone takes writes.
func requireRoles(t *testing.T, c *pgsplittest.Cluster, primary *pgsplittest.Server) {
	t.Helper()
	for _, s := range c.Servers() {
		if s.Running() {
			recovering, err := s.QueryString("select pg_is_in_recovery()::text")
			require.NoError(t, err)
			require.Equal(t, s != primary, recovering == "true", s.Name)
		}
	}
}

func requireItemsEverywhere(t *testing.T, c *pgsplittest.Cluster, want string) {
	t.Helper()
	require.NoError(t, c.WaitForCatchUp())
	for _, s := range c.Servers() {
		if s.Running() {
			require.Equal(t, want, countItems(t, s), s.Name)
		}
	}
}
