package pgsplittest_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit/pgsplittest"
)

func TestPowerKnobs(t *testing.T) {
	c := pgsplittest.Start(t, pgsplittest.Options{Replicas: 1, SetupSQL: itemsTable})
	replica := c.Replicas[0]

	for name, end := range map[string]func(*pgsplittest.Server) error{
		"stop":             (*pgsplittest.Server).Stop,
		"stop immediately": (*pgsplittest.Server).StopImmediate,
		"kill":             (*pgsplittest.Server).Kill,
	} {
		for _, s := range c.Servers() {
			t.Run(name+" "+s.Name+" and start it again", func(t *testing.T) {
				insertItem(t, c.Primary)
				before := countItems(t, c.Primary)
				port, children := s.Port, childrenOf(t, s.Pid())
				require.NotEmpty(t, children)

				require.NoError(t, end(s))
				require.False(t, s.Running())
				for _, pid := range children {
					require.False(t, processExists(t, pid), "process %d", pid)
				}
				_, err := pgx.Connect(context.Background(), s.DSN())
				require.ErrorContains(t, err, "connection refused")

				require.NoError(t, s.Start())
				require.Equal(t, port, s.Port)
				require.Equal(t, before, countItems(t, c.Primary), "what was committed survives")
				insertItem(t, c.Primary)
				require.NoError(t, c.WaitForCatchUp())
				require.Equal(t, countItems(t, c.Primary), countItems(t, replica))
			})
		}
	}

	t.Run("a knob of a server that is not running says so", func(t *testing.T) {
		require.NoError(t, replica.Stop())
		require.EqualError(t, replica.Kill(), "pgsplittest: replica1: kill: the server is not running")
		require.NoError(t, replica.Start())
		require.ErrorContains(t, replica.Start(), "running already")
	})

	t.Run("restart", func(t *testing.T) {
		pid := replica.Pid()
		require.NoError(t, replica.Restart())
		require.NotEqual(t, pid, replica.Pid())
	})

	t.Run("a frozen server takes connections and answers nothing until it is thawed", func(t *testing.T) {
		require.NoError(t, replica.Freeze())
		ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
		defer cancel()
		_, err := pgx.Connect(ctx, replica.DSN())
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NoError(t, replica.Thaw())
		require.NoError(t, c.WaitForCatchUp())
	})

	t.Run("a frozen server can be stopped and killed", func(t *testing.T) {
		require.NoError(t, replica.Freeze())
		require.NoError(t, replica.Stop())
		require.NoError(t, replica.Start())
		require.NoError(t, replica.Freeze())
		require.NoError(t, replica.Kill())
		require.NoError(t, replica.Start())
		require.NoError(t, c.WaitForCatchUp())
	})

	t.Run("a killed backend makes the server recover by itself", func(t *testing.T) {
		ctx := context.Background()
		conn, err := pgx.Connect(ctx, c.Primary.DSN())
		require.NoError(t, err)
		defer conn.Close(ctx)
		bystander, err := pgx.Connect(ctx, c.Primary.DSN())
		require.NoError(t, err)
		defer bystander.Close(ctx)

		postmaster := c.Primary.Pid()
		require.NoError(t, c.Primary.KillBackend(int(conn.PgConn().PID())))
		require.Eventually(t, func() bool { return bystander.Ping(ctx) != nil }, 20*time.Second, time.Millisecond)
		require.NoError(t, c.Primary.WaitReady())
		require.Equal(t, postmaster, c.Primary.Pid())
		require.ErrorContains(t, c.Primary.KillBackend(1), "not one of the server's")
		insertItem(t, c.Primary)
		require.NoError(t, c.WaitForCatchUp())
	})
}
