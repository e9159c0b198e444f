package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit/pgsplittest"
)

// checked runs the command; no output of it may hold the password.
func checked(t *testing.T, c *pgsplittest.Cluster, args ...string) (status int, out string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	status = run(t.Context(), append([]string{"check"}, args...), &stdout, &stderr)
	out = stdout.String() + stderr.String()
	require.NotContains(t, out, c.Password)
	return status, out
}

func TestCheckOfRealClusters(t *testing.T) {
	c := pgsplittest.Start(t, pgsplittest.Options{
		Replicas: 2, Timeout: 12 * time.Second,
		ServerParameters: func(name string) map[string]string {
			if name == "replica1" {
				return map[string]string{"max_standby_streaming_delay": "-1"}
			}
			return map[string]string{"hot_standby_feedback": "on"}
		},
	})
	one, two := c.Replicas[0], c.Replicas[1]
	name := func(s *pgsplittest.Server) string { return fmt.Sprintf("127.0.0.1:%d", s.Port) }
	dsn := c.DSN() + "&alert_lag=10s" // a busy machine is no alert

	status, out := checked(t, c, dsn)
	t.Log("\n" + out)
	require.Zero(t, status, out)
	require.Contains(t, out, "✓ healthy")
	require.Contains(t, out, "max_standby_streaming_delay is -1 on "+name(one))
	require.Contains(t, out, "GRANT pg_monitor")
	require.Equal(t, 1, strings.Count(out, "primary "), out)
	require.Contains(t, out, " of 200 ")

	status, out = checked(t, c, "-json", dsn)
	require.Zero(t, status, out)
	var got healthJSON
	require.NoError(t, json.Unmarshal([]byte(out), &got), out)
	require.True(t, got.Healthy && got.Available)
	require.Empty(t, got.Alerts)
	require.Len(t, got.Servers, 3)
	require.Equal(t, "primary", got.Servers[0].Role)
	require.Nil(t, got.Servers[0].LagMS)
	require.NotNil(t, got.Servers[1].LagMS, out)
	require.Equal(t, 200, *got.Servers[1].MaxConnections)
	require.EqualValues(t, 1, got.Servers[2].Timeline)
	require.WithinDuration(t, time.Now(), *got.Servers[2].Sampled, time.Minute)

	// Two names of one server, a server of another system, and a standby as the only one.
	status, out = checked(t, c, dsn+fmt.Sprintf("&replicas=localhost:%d", two.Port))
	require.Zero(t, status, out)
	require.Contains(t, out, fmt.Sprintf("%s and localhost:%d are one server", name(two), two.Port))
	other := pgsplittest.Start(t, pgsplittest.Options{Replicas: 1, FreshSystem: true})
	status, out = checked(t, c, dsn+"&replicas="+url.QueryEscape(other.Replicas[0].DSN()))
	require.Equal(t, 1, status, out)
	require.Contains(t, out, name(other.Replicas[0])+" belongs to another database system")
	status, out = checked(t, c, two.DSN())
	require.Equal(t, 1, status, out)
	require.Contains(t, out, name(two)+" is a standby, and no other server is configured")

	require.NoError(t, one.Stop())
	status, out = checked(t, c, dsn)
	require.Equal(t, 1, status, out)
	require.Contains(t, out, "✗ "+name(one)+" is out since")
	require.Contains(t, out, "pgsplit check: not healthy: 1 to see to")
	status, out = checked(t, c, "--json", dsn)
	require.Equal(t, 1, status, out)
	require.NoError(t, json.Unmarshal([]byte(out[:strings.LastIndex(out, "}")+1]), &got), out)
	require.Equal(t, "server_out", got.Alerts[0].Kind)
	require.Equal(t, name(one), got.Alerts[0].Server)
	require.NotNil(t, got.Servers[1].OutSince)

	// A standby that takes no connections is never ready for them, so its start is not waited for.
	_, err := one.SetParameter("hot_standby", "off")
	require.NoError(t, err)
	started := make(chan error, 1)
	go func() { started <- one.Start() }()
	require.Eventually(t, func() bool {
		status, out = checked(t, c, dsn)
		return status == 1 && strings.Contains(out, "set hot_standby = on there")
	}, 15*time.Second, 50*time.Millisecond, "%v", &out)
	require.NoError(t, c.Primary.StopImmediate())
	status, out = checked(t, c, dsn)
	require.Equal(t, 1, status, out)
	require.Contains(t, out, "There is no primary")
	require.Error(t, <-started)
}

func TestCheckWithAWrongCommandLineIsStatus2(t *testing.T) {
	for _, args := range [][]string{
		{"check"},
		{"check", "postgres://a/b", "postgres://c/d"},
		{"check", "-timeout", "0", "postgres://a/b"},
		{"check", "postgres://app:secret@a/b?max_lag=ten"},
		{"check", "-jason", "postgres://a/b"},
	} {
		var stdout, stderr bytes.Buffer
		require.Equal(t, 2, run(t.Context(), args, &stdout, &stderr), args)
		require.Empty(t, stdout.String())
		require.Contains(t, stderr.String(), "Usage: pgsplit check")
		require.NotContains(t, stderr.String(), "secret")
	}
}
