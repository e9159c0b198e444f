package pgsplit_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
)

func TestAKnownTextIsJudgedAnewWhenTheCatalogIsAnotherOne(t *testing.T) {
	c := calm(t)
	db := handle(t, c, "monitor_interval=1h")
	cluster := pgsplit.ClusterOf(db)
	name := unique("moody")
	define := func(volatility string) {
		t.Helper()
		require.NoError(t, c.Primary.Exec(fmt.Sprintf("create or replace function %s() returns int language sql %s as 'select 1'", name, volatility)))
		require.NoError(t, cluster.LoadCatalog(t.Context()))
	}
	text := "select " + name + "()"
	target := func() pgsplit.Role {
		t.Helper()
		first := cluster.Explain(text)
		for range 3 {
			require.Equal(t, first, cluster.Explain(text))
		}
		return first.Target
	}
	require.Equal(t, pgsplit.RolePrimary, target(), "nobody knows it")
	for range 2 {
		define("stable")
		require.Equal(t, pgsplit.RoleReplica, target())
		define("volatile")
		require.Equal(t, pgsplit.RolePrimary, target())
	}
	require.NoError(t, c.Primary.Exec("drop function "+name+"()"))
}

func TestTextsThatComeOnceOrAreLongAreNotKept(t *testing.T) {
	cluster := pgsplit.ClusterOf(handle(t, calm(t)))
	before := cluster.KnownTexts()
	for i := range 5000 {
		cluster.Explain(fmt.Sprintf("select %d, 'an argument in the text'", i))
	}
	long := "select '" + strings.Repeat("x", 10<<10) + "'"
	for range 3 {
		require.Equal(t, pgsplit.RoleReplica, cluster.Explain(long).Target)
	}
	require.Less(t, cluster.KnownTexts(), before+10, "a few may share a hash")
	for i := range 20_000 {
		text := fmt.Sprintf("select %d", i)
		cluster.Explain(text)
		cluster.Explain(text)
	}
	require.LessOrEqual(t, cluster.KnownTexts(), 2048)
	require.Greater(t, cluster.KnownTexts(), 1024)
}

func TestKnownTextsAreSharedWithoutMixingThemUp(t *testing.T) {
	cluster := pgsplit.ClusterOf(handle(t, calm(t)))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			decide := cluster.Decider(t.Context())
			for i := range 4000 {
				n := i % 37
				read, write := fmt.Sprintf("select %d from item where n = %d", n, n), fmt.Sprintf("insert into entry (v) values (%d)", n)
				if decide(read) == "" {
					t.Errorf("to the primary: %s", read)
				}
				if decide(write) != "" {
					t.Errorf("to a replica: %s", write)
				}
			}
		})
	}
	wg.Wait()
	e := cluster.Explain("select 5 from item where n = 5")
	require.Equal(t, []string{"item"}, e.Relations)
}
