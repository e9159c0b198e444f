package pgsplittest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit/pgsplittest"
)

func TestReplayKnobs(t *testing.T) {
	c := pgsplittest.Start(t, pgsplittest.Options{Replicas: 2, SetupSQL: itemsTable})
	held, free := c.Replicas[0], c.Replicas[1]

	t.Run("a paused replica shows nothing new until it is resumed", func(t *testing.T) {
		require.NoError(t, held.PauseReplay())
		insertItem(t, c.Primary)
		require.NoError(t, free.WaitForCatchUp())
		require.Equal(t, "1", countItems(t, free))
		requireItemsStay(t, held, "0", 300*time.Millisecond)
		require.NoError(t, held.ResumeReplay())
		require.NoError(t, held.WaitForCatchUp())
		require.Equal(t, "1", countItems(t, held))
	})

	t.Run("a delayed replica shows a commit only after the delay", func(t *testing.T) {
		require.NoError(t, held.SetApplyDelay(time.Second))
		begin := time.Now()
		insertItem(t, c.Primary)
		require.NoError(t, held.WaitForCatchUp())
		require.GreaterOrEqual(t, time.Since(begin), 990*time.Millisecond)
		require.Equal(t, "2", countItems(t, held))
	})

	t.Run("a replica in the middle of a long delay can be paused, and freed of the delay", func(t *testing.T) {
		require.NoError(t, held.SetApplyDelay(time.Hour))
		insertItem(t, c.Primary)
		requireItemsStay(t, held, "2", 200*time.Millisecond)
		require.NoError(t, held.PauseReplay())
		require.NoError(t, held.SetApplyDelay(0))
		requireItemsStay(t, held, "2", 200*time.Millisecond)
		require.NoError(t, held.ResumeReplay())
		require.NoError(t, held.WaitForCatchUp())
		require.Equal(t, "3", countItems(t, held))
	})

	t.Run("a delay that is lowered lets the waiting commit through", func(t *testing.T) {
		require.NoError(t, held.SetApplyDelay(time.Hour))
		insertItem(t, c.Primary)
		requireItemsStay(t, held, "3", 200*time.Millisecond)
		require.NoError(t, held.SetApplyDelay(0))
		require.NoError(t, held.WaitForCatchUp())
		require.Equal(t, "4", countItems(t, held))
	})

	t.Run("a primary has no replay to pause", func(t *testing.T) {
		require.ErrorContains(t, c.Primary.PauseReplay(), "primary: pause replay: the server is a primary")
	})
}
