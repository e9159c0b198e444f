package pgsplittest_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit/pgsplittest"
)

func TestCatchUpCoversAsynchronousCommitsAndIdleTransactions(t *testing.T) {
	ctx := context.Background()
	c := pgsplittest.Start(t, pgsplittest.Options{Replicas: 1, SetupSQL: itemsTable})
	open, err := pgx.Connect(ctx, c.Primary.DSN())
	require.NoError(t, err)
	defer open.Close(ctx)
	_, err = open.Exec(ctx, "set synchronous_commit = off; insert into items values (1)")
	require.NoError(t, err)
	require.NoError(t, c.WaitForCatchUp())
	require.Equal(t, "1", countItems(t, c.Replicas[0]))

	_, err = open.Exec(ctx, "begin; insert into items values (1)")
	require.NoError(t, err)
	begin := time.Now()
	require.NoError(t, c.WaitForCatchUp())
	require.Less(t, time.Since(begin), 14*time.Second, "not as long as the records of an open transaction may be kept back")
}

func TestCatchUpWaitsOutThePageHeader(t *testing.T) {
	c := pgsplittest.Start(t, pgsplittest.Options{Replicas: 1, SetupSQL: itemsTable})
	// Small commits until one ends with a page.
	require.NoError(t, c.Primary.Exec(`
		create procedure fill() language plpgsql as $$
		begin
			for i in 1..100000 loop
				insert into items values (i);
				commit;
				if (pg_current_wal_insert_lsn() - '0/0') % 8192 in (24, 40) then
					return;
				end if;
			end loop;
			raise 'no commit ended with a page';
		end $$`))
	require.NoError(t, c.Primary.Exec("call fill()"))
	require.NoError(t, c.WaitForCatchUp())
	require.Equal(t, countItems(t, c.Primary), countItems(t, c.Replicas[0]))
}

func TestCatchUpSaysWhyItCannot(t *testing.T) {
	c := pgsplittest.Start(t, pgsplittest.Options{Replicas: 1, SetupSQL: itemsTable})
	require.NoError(t, c.Replicas[0].PauseReplay())
	insertItem(t, c.Primary)
	c.SetTimeout(2 * time.Second)
	require.ErrorContains(t, c.WaitForCatchUp(), "and its replay is paused")
	c.SetTimeout(time.Minute)
	require.NoError(t, c.Primary.Stop())
	require.ErrorContains(t, c.WaitForCatchUp(), "primary: the server is not running")
}
