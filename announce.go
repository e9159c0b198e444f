package pgsplit

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// announcer tells the log and the hooks what has changed, one thing after the other, from a goroutine that lives as long
// as there is something to tell: a slow hook holds up neither statements nor monitors.
type announcer struct {
	mu      sync.Mutex
	queue   []func()
	running bool
}

// tell queues something to tell. Cluster.mu is held, so that things are told in the order in which they happened.
func (a *announcer) tell(c *Cluster, f func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.queue = append(a.queue, f)
	if !a.running {
		a.running = true
		c.tasks.run(a.run)
	}
}

func (a *announcer) run() {
	for {
		a.mu.Lock()
		queue := a.queue
		a.queue = nil
		if len(queue) == 0 {
			a.running = false
			a.mu.Unlock()
			return
		}
		a.mu.Unlock()
		for _, f := range queue {
			f()
		}
	}
}

// announce compares a snapshot with the one before it. It notes since when servers are out, and has told what has changed.
// Cluster.mu is held.
func (c *Cluster) announce(old, next *snapshot, now time.Time) {
	for i := range next.members {
		o, m := &old.members[i], &next.members[i]
		switch {
		case m.healthy:
			m.out, m.found, m.told = time.Time{}, false, false
		case m.known && m.out.IsZero():
			m.out = now
		}
		lag, known := next.lag(m, now)
		m.lags = m.healthy && m.role == RoleReplica && known && c.cfg.MaxLag > 0 && lag > c.cfg.MaxLag
		if c.cfg.Logger != nil || c.cfg.Trace != nil {
			c.announceMember(o, m, next, now)
		}
	}
	if c.cfg.Logger != nil || c.cfg.Trace != nil {
		c.announcePrimary(old, next)
	}
}

func (c *Cluster) announceMember(o, m *member, next *snapshot, now time.Time) {
	info := ServerInfo{Name: m.srv.name, Role: m.role}
	if m.role != o.role {
		from := o.role
		c.say(slog.LevelInfo, "pgsplit: a server's role was found out", "server", info.Name, "role", info.Role.String(), "before", from.String())
		c.hook(func(t *Trace) {
			if t.RoleChange != nil {
				t.RoleChange(RoleChangeInfo{Server: info, From: from})
			}
		})
	}
	switch {
	case m.found && !m.told: // what one statement has met may be the affair of its connection
		m.told = true
		err := m.err
		c.say(slog.LevelWarn, "pgsplit: a server is out", "server", info.Name, "role", info.Role.String(), "error", err)
		c.hook(func(t *Trace) {
			if t.ServerOut != nil {
				t.ServerOut(ServerOutInfo{Server: info, Err: err})
			}
		})
	case o.told && m.healthy:
		gone := now.Sub(o.out)
		c.say(slog.LevelInfo, "pgsplit: a server is back", "server", info.Name, "role", info.Role.String(), "out", gone)
		c.hook(func(t *Trace) {
			if t.ServerBack != nil {
				t.ServerBack(ServerBackInfo{Server: info, Out: gone})
			}
		})
	}
	switch {
	case m.lags && !o.lags:
		lag, _ := next.lag(m, now)
		c.say(slog.LevelWarn, "pgsplit: a replica is too far behind for reads", "server", info.Name, "lag", lag, "max_lag", c.cfg.MaxLag)
	case o.lags && !m.lags && m.healthy:
		c.say(slog.LevelInfo, "pgsplit: a replica has caught up", "server", info.Name)
	}
}

func (c *Cluster) announcePrimary(old, next *snapshot) {
	name := func(s *server) string {
		if s == nil {
			return ""
		}
		return s.name
	}
	if next.conflict != nil && (old.conflict == nil || old.conflict.Error() != next.conflict.Error()) {
		c.say(slog.LevelError, "pgsplit: two primaries", "error", next.conflict)
	}
	if next.primary == old.primary {
		return
	}
	from, to := name(old.primary), name(next.primary)
	if next.primary == nil {
		c.say(slog.LevelError, "pgsplit: there is no primary", "before", from)
	} else {
		c.say(slog.LevelInfo, "pgsplit: writes go to the primary", "server", to, "before", from)
	}
	c.hook(func(t *Trace) {
		if t.PrimaryChange != nil {
			t.PrimaryChange(PrimaryChangeInfo{From: from, To: to})
		}
	})
}

// say writes one line of the log.
func (c *Cluster) say(level slog.Level, message string, args ...any) {
	if l := c.cfg.Logger; l != nil {
		c.announcer.tell(c, func() { l.Log(context.Background(), level, message, args...) })
	}
}

func (c *Cluster) hook(call func(*Trace)) {
	if t := c.cfg.Trace; t != nil {
		c.announcer.tell(c, func() { call(t) })
	}
}
