package pgsplit_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
	"github.com/pgsplit/pgsplit/pgsplittest"
)

// changes notes what a handle tells of its cluster, in the log and through the hooks.
type changes struct {
	mu    sync.Mutex
	log   bytes.Buffer
	hooks []string
}

func (c *changes) Write(line []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.log.Write(line)
}

func (c *changes) note(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hooks = append(c.hooks, fmt.Sprintf(format, args...))
}

func (c *changes) logger() *slog.Logger { return slog.New(slog.NewTextHandler(c, nil)) }

func (c *changes) trace() *pgsplit.Trace {
	return &pgsplit.Trace{
		RoleChange: func(i pgsplit.RoleChangeInfo) { c.note("%s: %s, was %s", i.Server.Name, i.Server.Role, i.From) },
		PrimaryChange: func(i pgsplit.PrimaryChangeInfo) {
			c.note("primary %q, was %q", i.To, i.From)
		},
		ServerOut: func(i pgsplit.ServerOutInfo) { c.note("%s: out: %t", i.Server.Name, i.Err != nil) },
		ServerBack: func(i pgsplit.ServerBackInfo) {
			c.note("%s: back: %t", i.Server.Name, i.Out > 0)
		},
	}
}

// lines are the lines of the log that contain all of the texts.
func (c *changes) lines(texts ...string) (found []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for line := range strings.Lines(c.log.String()) {
		if !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(line, text) }) {
			found = append(found, line)
		}
	}
	return found
}

// all is everything that was told.
func (c *changes) all() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.log.String() + strings.Join(c.hooks, "\n")
}

func (c *changes) hooked(text string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, h := range c.hooks {
		if h == text {
			n++
		}
	}
	return n
}

func TestChangesOfStateAreLoggedAndHookedOnceAndQueriesNever(t *testing.T) {
	t.Parallel()
	c := pgsplittest.Start(t, pgsplittest.Options{Replicas: 2, SetupSQL: behaviourSchema})
	cfg, err := pgsplit.ParseConfig(dsnWith(c.DSN(), "monitor_timeout=5s", "monitor_interval=100ms", "max_lag=300ms"))
	require.NoError(t, err)
	var told changes
	cfg.Logger, cfg.Trace = told.logger(), told.trace()
	db, err := pgsplit.OpenDB(cfg)
	require.NoError(t, err)
	defer db.Close()
	replicasServe(t, db, 2)
	name := func(s *pgsplittest.Server) string { return fmt.Sprintf("127.0.0.1:%d", s.Port) }
	one, two := c.Replicas[0], c.Replicas[1]

	for range 200 {
		isReplica(t, db)
	}
	execAll(t, db, "insert into entry (v) values (1)")
	eventually(t, func() bool { return told.hooked(fmt.Sprintf("primary %q, was \"\"", name(c.Primary))) == 1 })
	require.Len(t, told.lines("writes go to the primary", name(c.Primary)), 1)
	for _, s := range c.Servers() {
		role := "replica"
		if s == c.Primary {
			role = "primary"
		}
		eventually(t, func() bool { return told.hooked(name(s)+": "+role+", was unknown") == 1 })
		require.Len(t, told.lines("role was found out", name(s), "role="+role, "before=unknown"), 1)
	}
	require.Len(t, slices.DeleteFunc(told.lines(""), func(line string) bool { // a busy machine may make a replica lag
		return strings.Contains(line, "too far behind") || strings.Contains(line, "has caught up")
	}), 4, "anything more is of no change")

	require.NoError(t, one.Kill())
	eventually(t, func() bool { return told.hooked(name(one)+": out: true") == 1 })
	eventually(t, func() bool { return len(told.lines("level=WARN", "is out", name(one))) == 1 })
	for range 200 {
		isReplica(t, db)
	}
	time.Sleep(300 * time.Millisecond) // the monitor fails again and again meanwhile
	require.Equal(t, 1, told.hooked(name(one)+": out: true"))
	require.Len(t, told.lines("is out"), 1)
	require.NoError(t, one.Start())
	eventually(t, func() bool { return told.hooked(name(one)+": back: true") == 1 })
	eventually(t, func() bool { return len(told.lines("is back", name(one))) == 1 })

	// A busy machine may make it lag at other times, too: each time is told once, and its end.
	lags := func() int {
		return len(told.lines("level=WARN", "too far behind", name(two))) - len(told.lines("has caught up", name(two)))
	}
	require.NoError(t, two.PauseReplay())
	execAll(t, db, "insert into entry (v) values (1)")
	eventually(t, func() bool { return lags() == 1 })
	time.Sleep(300 * time.Millisecond) // the monitor finds it behind again and again meanwhile
	eventually(t, func() bool { return lags() == 1 })
	require.NoError(t, two.ResumeReplay())
	eventually(t, func() bool { return lags() == 0 })

	require.NoError(t, c.Primary.Kill())
	require.NoError(t, c.Promote(two))
	execAll(t, db, "insert into entry (v) values (1)")
	eventually(t, func() bool {
		return told.hooked(fmt.Sprintf("primary %q, was %q", name(two), name(c.Primary))) == 1 &&
			told.hooked(name(two)+": primary, was replica") == 1 && len(told.lines("writes go to the primary", name(two))) == 1
	})
	require.Empty(t, told.lines(c.Password))
	require.Empty(t, told.lines("insert"), "no line is about a query")
}

// A hook that takes its time holds up nobody.
func TestASlowHookHoldsUpNeitherStatementsNorClose(t *testing.T) {
	c := calm(t)
	cfg, err := pgsplit.ParseConfig(dsnWith(c.DSN(), "monitor_timeout=10s"))
	require.NoError(t, err)
	stuck, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	cfg.Trace = &pgsplit.Trace{RoleChange: func(pgsplit.RoleChangeInfo) {
		once.Do(func() { close(stuck) })
		<-release
	}}
	db, err := pgsplit.OpenDB(cfg)
	require.NoError(t, err)
	replicasServe(t, db, 2)
	within(t, db, 10*time.Second)
	<-stuck
	require.True(t, isReplica(t, db))
	closeSoon(t, db)
	close(release)
}

func TestErrorsOfServersAreCountedByClass(t *testing.T) {
	c := rough(t)
	db := handle(t, c)
	require.NoError(t, db.QueryRowContext(t.Context(), "select 1").Scan(new(int)))
	_, err := db.ExecContext(t.Context(), "insert into no_such_table values (1)")
	require.Error(t, err)
	var before pgsplit.ServerStats
	for _, s := range pgsplit.ClusterOf(db).Servers() {
		require.Empty(t, s.Errors, "a statement's own error is nobody's trouble: %v", s)
		before = s
	}
	require.Zero(t, before.Healed)
	r := c.Replicas[0]
	read, pid := untilOn(t, t.Context(), db, r)
	terminate(t, r, pid)
	require.NoError(t, (<-read).err)
	eventually(t, func() bool {
		for _, s := range pgsplit.ClusterOf(db).Servers() {
			if s.Name == fmt.Sprintf("127.0.0.1:%d", r.Port) && s.Errors[pgsplit.ErrorShutdown] > 0 {
				return s.Healed > 0
			}
		}
		return false
	})
}
