package pgsplittest_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit/pgsplittest"
)

func TestProxyFaults(t *testing.T) {
	ctx := context.Background()
	c := pgsplittest.Start(t, pgsplittest.Options{Replicas: 1, SetupSQL: itemsTable, Proxy: true})
	replica := c.Replicas[0]
	network := replica.Proxy()
	connect := func(t *testing.T) *pgx.Conn {
		t.Helper()
		conn, err := pgx.Connect(ctx, replica.DSN())
		require.NoError(t, err)
		t.Cleanup(func() { conn.Close(ctx) })
		return conn
	}

	t.Run("it lets everything through at first", func(t *testing.T) {
		require.NotEqual(t, replica.DSN(), replica.SuperDSN())
		var length int
		require.NoError(t, connect(t).QueryRow(ctx, "select length(repeat('x', 10000000) || $1)", string(make([]byte, 0, 1))).Scan(&length))
		require.Equal(t, 10000000, length)
		var text string
		require.NoError(t, connect(t).QueryRow(ctx, "select repeat('x', 10000000)").Scan(&text))
		require.Len(t, text, 10000000)
	})

	t.Run("refuse turns new connections away and keeps the present ones", func(t *testing.T) {
		present := connect(t)
		require.NoError(t, network.Refuse())
		_, err := pgx.Connect(ctx, replica.DSN())
		require.ErrorContains(t, err, "connection refused")
		require.NoError(t, present.Ping(ctx))
		require.NoError(t, network.Heal())
		require.NoError(t, connect(t).Ping(ctx))
	})

	t.Run("cut breaks the present connections", func(t *testing.T) {
		present := connect(t)
		network.Cut()
		require.Error(t, present.Ping(ctx))
		require.NoError(t, connect(t).Ping(ctx))
	})

	t.Run("a black hole answers nothing and says nothing", func(t *testing.T) {
		present := connect(t)
		network.BlackHole()
		for name, attempt := range map[string]func(context.Context) error{
			"new":     func(ctx context.Context) error { _, err := pgx.Connect(ctx, replica.DSN()); return err },
			"present": present.Ping,
		} {
			short, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
			require.ErrorIs(t, attempt(short), context.DeadlineExceeded, name)
			cancel()
		}
		require.NoError(t, network.Heal())
		require.NoError(t, connect(t).Ping(ctx))
	})

	t.Run("what a black hole holds back arrives after it", func(t *testing.T) {
		present := connect(t)
		network.BlackHole()
		answer := make(chan error)
		go func() { answer <- present.Ping(ctx) }()
		select {
		case err := <-answer:
			t.Fatal("an answer through a black hole", err)
		case <-time.After(200 * time.Millisecond):
		}
		require.NoError(t, network.Heal())
		require.NoError(t, <-answer)
	})

	t.Run("latency delays each answer", func(t *testing.T) {
		present := connect(t)
		network.Latency(150 * time.Millisecond)
		begin := time.Now()
		require.NoError(t, present.Ping(ctx))
		require.GreaterOrEqual(t, time.Since(begin), 150*time.Millisecond)
		require.NoError(t, network.Heal())
	})

	t.Run("it refuses while the server is down", func(t *testing.T) {
		require.NoError(t, replica.Kill())
		_, err := pgx.Connect(ctx, replica.DSN())
		require.ErrorContains(t, err, "connection refused")
		require.NoError(t, replica.Start())
		require.NoError(t, connect(t).Ping(ctx))
	})

	t.Run("close does not wait for what a black hole or latency holds back", func(t *testing.T) {
		connect(t)
		network.Latency(time.Hour)
		go pgx.Connect(ctx, replica.DSN())
		time.Sleep(50 * time.Millisecond)
		network.BlackHole()
		begin := time.Now()
		require.NoError(t, c.Close())
		require.Less(t, time.Since(begin), 10*time.Second)
	})
}
