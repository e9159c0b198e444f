package pgsplit_test

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
	"github.com/pgsplit/pgsplit/pgsplittest"
)

// kinds is what there are alerts of, each once, in their order, with the servers' names: "lag replica1 no_primary".
func kinds(c *pgsplittest.Cluster, alerts []pgsplit.Alert) string {
	var all []string
	for _, a := range alerts {
		text := string(a.Kind)
		for _, s := range c.Servers() {
			if a.Server == fmt.Sprintf("127.0.0.1:%d", s.Port) {
				text += " " + s.Name
			}
		}
		all = append(all, text)
	}
	return strings.Join(all, ", ")
}

// alerted waits until Health has just these alerts, and returns it.
func alerted(t testing.TB, c *pgsplittest.Cluster, db *sql.DB, want string) (h pgsplit.Health) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		h = pgsplit.ClusterOf(db).Health(t.Context())
		require.Equal(t, len(h.Alerts) == 0, h.Healthy)
		if kinds(c, h.Alerts) == want {
			for _, a := range h.Alerts {
				require.NotContains(t, a.Text, c.Password)
				t.Log(a)
			}
			return h
		}
		if time.Now().After(deadline) {
			require.Equal(t, want, kinds(c, h.Alerts), "%v", h.Alerts)
		}
	}
}

func serverOf(h pgsplit.Health, s *pgsplittest.Server) pgsplit.ServerStats {
	for _, one := range h.Servers {
		if one.Name == fmt.Sprintf("127.0.0.1:%d", s.Port) {
			return one
		}
	}
	return pgsplit.ServerStats{}
}

func TestHealthSaysWhatIsWrongAndWhenItIsMended(t *testing.T) {
	t.Parallel()
	c := pgsplittest.Start(t, pgsplittest.Options{Replicas: 2, SetupSQL: behaviourSchema})
	db := handle(t, c, "monitor_timeout=1s", "monitor_interval=100ms", "alert_lag=300ms", "alert_connections=50", "max_lag=2s")
	one, two := c.Replicas[0], c.Replicas[1]

	h := alerted(t, c, db, "")
	require.True(t, h.Available)
	for _, s := range c.Servers() {
		got := serverOf(h, s)
		require.True(t, got.Healthy)
		require.Equal(t, s == c.Primary, got.InUse)
		require.EqualValues(t, 1, got.Timeline)
		require.Less(t, time.Since(got.Sampled), 10*time.Second)
		require.Equal(t, 200, got.MaxConnections)
		require.InDelta(t, atoi(t, ask(t, s, "select count(*) - 1 from pg_stat_activity where backend_type = 'client backend'")), got.Connections, 2)
		require.Equal(t, s != c.Primary, got.LagKnown)
	}

	require.NoError(t, one.PauseReplay())
	execAll(t, db, "insert into entry (test, v) select 'health', g from generate_series(1, 1000) g")
	h = alerted(t, c, db, "lag replica1")
	require.True(t, h.Available)
	require.Greater(t, serverOf(h, one).Lag, 300*time.Millisecond)
	require.Greater(t, serverOf(h, one).LagBytes, int64(10_000))
	require.NoError(t, two.PauseReplay())
	execAll(t, db, "insert into entry (test, v) values ('health', 0)")
	alerted(t, c, db, "no_replica, lag replica1, lag replica2")
	require.NoError(t, one.ResumeReplay())
	require.NoError(t, two.ResumeReplay())
	alerted(t, c, db, "")

	var crowd []*pgx.Conn
	for range 110 {
		conn, err := pgx.Connect(t.Context(), two.SuperDSN())
		require.NoError(t, err)
		crowd = append(crowd, conn)
	}
	alerted(t, c, db, "connections replica2")
	for _, conn := range crowd {
		require.NoError(t, conn.Close(context.Background()))
	}
	alerted(t, c, db, "")

	down := time.Now()
	require.NoError(t, one.Kill())
	h = alerted(t, c, db, "server_out replica1")
	require.WithinRange(t, serverOf(h, one).OutSince, down, time.Now())
	since := serverOf(h, one).OutSince
	require.NoError(t, two.Freeze())
	h = alerted(t, c, db, "server_out replica1, server_out replica2, no_replica")
	require.Equal(t, since, serverOf(h, one).OutSince, "the first failure counts")
	begin := time.Now()
	require.False(t, serverNamed(pgsplit.ClusterOf(db).Servers(), two).Healthy)
	require.Less(t, time.Since(begin), 500*time.Millisecond, "Servers asks nobody")
	require.NoError(t, two.Thaw())
	require.NoError(t, one.Start())
	require.Zero(t, serverOf(alerted(t, c, db, ""), one).OutSince)

	fence(t, c.Primary, "on")
	require.True(t, alerted(t, c, db, "read_only primary").Available)
	fence(t, c.Primary, "off")
	alerted(t, c, db, "")

	require.NoError(t, c.Primary.Kill())
	h = alerted(t, c, db, "no_primary primary, server_out primary")
	require.False(t, h.Available)
	require.NoError(t, c.Promote(two))
	h = alerted(t, c, db, "server_out primary")
	require.True(t, h.Available)
	require.True(t, serverOf(h, two).InUse)
	require.EqualValues(t, 2, serverOf(h, two).Timeline)
	require.NoError(t, c.Primary.Follow(two))
	alerted(t, c, db, "")

	require.NoError(t, one.Promote())
	h = alerted(t, c, db, "two_primaries, no_replica") // the one that is left follows the other
	require.Contains(t, h.Alerts[0].Text, "timeline 3")
}

func serverNamed(servers []pgsplit.ServerStats, s *pgsplittest.Server) pgsplit.ServerStats {
	return serverOf(pgsplit.Health{Servers: servers}, s)
}

func TestHealthIsBlindRatherThanLate(t *testing.T) {
	c := rough(t)
	db := handle(t, c, "monitor_timeout=10s")
	for _, s := range c.Servers() { // else one of them may answer in that moment
		require.NoError(t, s.Freeze())
		t.Cleanup(func() { require.NoError(t, s.Thaw()) })
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	h := pgsplit.ClusterOf(db).Health(ctx)
	require.False(t, h.Healthy)
	require.Equal(t, "monitor_blind primary, monitor_blind replica1, monitor_blind replica2", kinds(c, h.Alerts))
	require.True(t, h.Available, "as far as is known")
}

func TestHealthOfAHandleThatWasNotUsedYet(t *testing.T) {
	c := calm(t)
	db := open(t, dsnWith(c.DSN(), "monitor_timeout=5s", "alert_lag=0")) // its first look may find a lag that is none, see within
	h := pgsplit.ClusterOf(db).Health(t.Context())
	require.Empty(t, h.Alerts)
	require.Len(t, h.Servers, 3)
}

func TestHealthOfASingleServer(t *testing.T) {
	c := calm(t)
	db := open(t, c.Primary.DSN())
	h := pgsplit.ClusterOf(db).Health(t.Context())
	require.Empty(t, h.Alerts)
	require.True(t, h.Available)
	require.Positive(t, h.Servers[0].Connections)
	gone := open(t, fmt.Sprintf("postgres://app:secret@127.0.0.1:%d/app?sslmode=disable", closedPort(t)))
	h = pgsplit.ClusterOf(gone).Health(t.Context())
	require.False(t, h.Available)
	require.Len(t, h.Alerts, 1)
	require.Equal(t, pgsplit.AlertServerOut, h.Alerts[0].Kind)
	require.NotContains(t, h.Alerts[0].Text, "secret")
}

func TestHealthNamesForeignServers(t *testing.T) {
	c := calm(t)
	other := pgsplittest.Start(t, pgsplittest.Options{Replicas: 1, FreshSystem: true})
	db := open(t, dsnWith(c.Primary.DSN(), "monitor_timeout=5s", "replicas="+url.QueryEscape(other.Replicas[0].DSN())))
	h := pgsplit.ClusterOf(db).Health(t.Context())
	require.True(t, h.Available)
	require.Equal(t, pgsplit.AlertOtherSystem, h.Alerts[0].Kind, "%v", h.Alerts)
}

func TestHealthAdvises(t *testing.T) {
	t.Parallel()
	c := pgsplittest.Start(t, pgsplittest.Options{Replicas: 2, ServerParameters: func(name string) map[string]string {
		switch name {
		case "replica1":
			return map[string]string{"hot_standby_feedback": "on", "max_standby_streaming_delay": "-1"}
		default:
			return nil
		}
	}})
	one, two := c.Replicas[0], c.Replicas[1]
	db := open(t, dsnWith(c.DSN(), "monitor_timeout=5s", fmt.Sprintf("replicas=localhost:%d", two.Port)))
	text := fmt.Sprint(pgsplit.ClusterOf(db).Health(t.Context()).Advice)
	t.Log(text)
	require.Contains(t, text, fmt.Sprintf("max_standby_streaming_delay is -1 on 127.0.0.1:%d", one.Port))
	require.Contains(t, text, fmt.Sprintf("hot_standby_feedback is off on 127.0.0.1:%d and max_standby_streaming_delay is 30s", two.Port))
	require.Contains(t, text, fmt.Sprintf("127.0.0.1:%d and localhost:%d are one server", two.Port, two.Port))
	require.Contains(t, text, "GRANT pg_monitor")

	require.NoError(t, c.Primary.Exec("grant pg_monitor to app"))
	require.NoError(t, c.WaitForCatchUp())
	require.NoError(t, one.Exec("select 1"))
	eventually(t, func() bool {
		return !strings.Contains(fmt.Sprint(pgsplit.ClusterOf(db).Health(t.Context()).Advice), "GRANT")
	})
}

// Servers that tell no positions are no reason for an alarm that never ends.
func TestHealthAdvisesWhereTheLagIsNotKnown(t *testing.T) {
	t.Parallel()
	c := pgsplittest.Start(t, pgsplittest.Options{Replicas: 1})
	for _, f := range []string{"pg_last_wal_replay_lsn()", "pg_current_wal_insert_lsn()"} {
		require.NoError(t, c.Primary.Exec("revoke execute on function "+f+" from public"))
	}
	require.NoError(t, c.WaitForCatchUp())
	db := open(t, dsnWith(c.DSN(), "monitor_timeout=5s"))
	h := pgsplit.ClusterOf(db).Health(t.Context())
	require.Empty(t, h.Alerts)
	require.Contains(t, fmt.Sprint(h.Advice), fmt.Sprintf("how far the replica 127.0.0.1:%d is behind", c.Replicas[0].Port))
	require.False(t, serverOf(h, c.Replicas[0]).LagKnown)
	require.Equal(t, pgsplit.RoleReplica, serverOf(h, c.Replicas[0]).Role)
}

// Roles that are configured are not doubted, and the servers are asked all the same.
func TestHealthUnderStaticRoles(t *testing.T) {
	c := calm(t)
	other := pgsplittest.Start(t, pgsplittest.Options{FreshSystem: true})
	db := open(t, dsnWith(c.Primary.DSN(), "roles=static", "monitor_timeout=5s", "replicas="+url.QueryEscape(other.Primary.DSN())))
	h := pgsplit.ClusterOf(db).Health(t.Context())
	require.Empty(t, h.Alerts)
	require.True(t, h.Available)
	require.Positive(t, h.Servers[1].Connections)
	require.NoError(t, other.Primary.Stop())
	eventually(t, func() bool {
		h := pgsplit.ClusterOf(db).Health(t.Context())
		return len(h.Alerts) == 2 && h.Alerts[0].Kind == pgsplit.AlertServerOut && h.Alerts[1].Kind == pgsplit.AlertNoReplica
	})
}
