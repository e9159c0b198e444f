package pgsplit

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// Health is what an operator should know of a cluster, at one time.
type Health struct {
	Time time.Time

	// Healthy is false when there is an alert, however small: for dashboards and for whoever is paged.
	Healthy bool

	// Available is true as long as there is a primary that answers, so that every statement can be served. It is what a
	// load balancer should go by: a replica that lags is no reason to stop an application.
	Available bool

	Alerts  []Alert // what is wrong now, the gravest first
	Advice  []Alert // what may become so: settings and rights that are worth another thought
	Servers []ServerStats
}

// Alert is one thing that an operator should see to.
type Alert struct {
	Kind   AlertKind
	Server string // its name; empty where the cluster as a whole is meant
	Text   string // a sentence for a person, with the server's name
}

// String returns the text.
func (a Alert) String() string { return a.Text }

// AlertKind says what an alert is about, for programs. New kinds may come.
type AlertKind string

// The kinds of alerts.
const (
	AlertNoPrimary    AlertKind = "no_primary"    // nothing takes writes: they wait, and then fail
	AlertTwoPrimaries AlertKind = "two_primaries" // more than one server says that it is the primary
	AlertReadOnly     AlertKind = "read_only"     // the primary is set to refuse writes
	AlertNoReplica    AlertKind = "no_replica"    // no replica is fit: the primary carries all reads
	AlertServerOut    AlertKind = "server_out"    // a server cannot be reached
	AlertOtherSystem  AlertKind = "other_system"  // a server is of another database cluster
	AlertLag          AlertKind = "lag"           // a replica is behind by more than alert_lag
	AlertConnections  AlertKind = "connections"   // a server has nearly all connections in use that it takes
	AlertBlind        AlertKind = "monitor_blind" // a server has not answered the monitor, which is why nobody knows
)

// The kinds of advice.
const (
	AdviceConflicts  AlertKind = "conflicts"   // long reads on a replica may be cancelled, or hold replay up
	AdviceRights     AlertKind = "rights"      // the role may not see something that would help
	AdviceLagUnknown AlertKind = "lag_unknown" // a replica does not tell how far it is behind (Aurora, a pooler over several servers)
	AdviceSameServer AlertKind = "same_server" // two names of the DSN lead to one server
)

// Health asks every server how it is, and says what an operator should know. It asks over the monitors' connections, one
// statement for each server, and waits until all have answered or failed, at most for two monitor_timeout or until the
// context ends: a server that stays silent makes for an alert, not for an error. Several calls at once share the
// questions. The thresholds are Config.AlertLag and Config.AlertConnections.
func (c *Cluster) Health(ctx context.Context) Health {
	begin := time.Now()
	ctx, cancel := context.WithTimeout(ctx, max(2*c.cfg.MonitorTimeout, 100*time.Millisecond))
	defer cancel()
	c.survey(ctx)

	snap := c.snap.Load()
	h := Health{Time: time.Now(), Servers: c.Servers()}
	for _, judge := range []func(*Health, *snapshot){c.judgePrimary, c.judgeReachable(begin), c.judgeReads, c.judgeLag, c.judgeConnections, c.advise} {
		judge(&h, snap)
	}
	h.Healthy = len(h.Alerts) == 0
	return h
}

func (h *Health) alert(kind AlertKind, server, format string, args ...any) {
	h.Alerts = append(h.Alerts, Alert{kind, server, fmt.Sprintf(format, args...)})
}

func (h *Health) advise(kind AlertKind, server, format string, args ...any) {
	h.Advice = append(h.Advice, Alert{kind, server, fmt.Sprintf(format, args...)})
}

func (c *Cluster) judgePrimary(h *Health, snap *snapshot) {
	if len(c.servers) == 1 {
		c.judgeAlone(h)
		return
	}
	h.Available = snap.primaryHealthy()
	if !h.Available {
		switch {
		case snap.primary != nil:
			h.alert(AlertNoPrimary, snap.primary.name, "There is no primary: %s, which was it last, does not answer. Writes wait for failover_timeout (%v), then fail.",
				snap.primary.name, c.cfg.FailoverTimeout)
		case snap.conflict == nil:
			h.alert(AlertNoPrimary, "", "There is no primary: no server that answers takes writes.")
		}
	}
	var claims []string
	for i := range snap.members {
		m := &snap.members[i]
		other := snap.primary != nil && m.srv != snap.primary
		if m.role != RolePrimary || !m.healthy || other && same(m.sample, snap.members[snap.primary.index].sample) {
			continue
		}
		claims = append(claims, fmt.Sprintf("%s (timeline %d)", m.srv.name, h.Servers[i].Timeline))
		if m.srv == snap.primary && m.sample != nil && m.sample.readOnly {
			h.alert(AlertReadOnly, m.srv.name, "The primary %s refuses writes: default_transaction_read_only is on there.", m.srv.name)
		}
	}
	if len(claims) > 1 {
		in := "neither gets writes"
		if snap.primary != nil {
			in = "writes go to " + snap.primary.name
		} else if snap.conflict != nil {
			in += " (" + strings.TrimPrefix(snap.conflict.Error(), "pgsplit: ") + ")"
		}
		h.alert(AlertTwoPrimaries, "", "%d servers say they are the primary: %s; %s. What another takes meanwhile is lost to this one: shut it off.",
			len(claims), strings.Join(claims, ", "), in)
	}
}

// judgeAlone judges the one server of a handle that has no monitor.
func (c *Cluster) judgeAlone(h *Health) {
	s := &h.Servers[0]
	h.Available = true
	if err := c.servers[0].unwell.Load(); err != nil {
		h.Available, s.Healthy, s.Err = false, false, *err
		h.alert(AlertServerOut, s.Name, "%s cannot be reached: %s", s.Name, whyOut(*err))
		return
	}
	if v := c.servers[0].surveyed.Load(); v != nil && v.standby {
		h.Available, s.Role = false, RoleReplica
		h.alert(AlertNoPrimary, s.Name, "%s is a standby, and no other server is configured: nothing takes writes.", s.Name)
	}
}

// judgeReachable names the servers that are out, and those that have not answered since the question.
func (c *Cluster) judgeReachable(begin time.Time) func(*Health, *snapshot) {
	return func(h *Health, snap *snapshot) {
		for i := range snap.members {
			m, s := &snap.members[i], &h.Servers[i]
			switch {
			case len(c.servers) == 1:
			case c.foreign(i):
				h.alert(AlertOtherSystem, s.Name, "%s belongs to another database system than the primary (their system identifiers differ). It gets no statements: is the DSN right?", s.Name)
			case !m.healthy && m.known:
				h.alert(AlertServerOut, s.Name, "%s is out since %s (%v): %s", s.Name, s.OutSince.Format(time.TimeOnly), short(h.Time.Sub(s.OutSince)), whyOut(s.Err))
			case !m.answeredSince(begin):
				h.alert(AlertBlind, s.Name, "The monitor is blind: %s has not answered for %v.", s.Name, short(h.Time.Sub(s.Sampled)))
			}
		}
	}
}

func (c *Cluster) foreign(i int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.world.foreign(i)
}

// whyOut is an error in an operator's words where PostgreSQL's need some.
func whyOut(err error) string {
	var pgErr *pgconn.PgError
	switch {
	case err == nil:
		return "unknown why"
	case errors.As(err, &pgErr) && pgErr.Code == "57P03" && strings.Contains(pgErr.Detail, "ot standby"):
		return "it is a standby that takes no connections: set hot_standby = on there, and restart it"
	case errors.As(err, &pgErr) && pgErr.Code == "53300":
		return "no connection is free there: " + pgErr.Message
	case errors.Is(err, context.DeadlineExceeded):
		return "it does not answer"
	}
	return strings.Join(strings.Fields(err.Error()), " ")
}

// judgeReads says when the primary has to carry all reads.
func (c *Cluster) judgeReads(h *Health, snap *snapshot) {
	if len(c.servers) == 1 {
		return
	}
	fit, lag := 0, 0
	for _, m := range snap.replicas {
		if c.within(snap, m, h.Time, demand{}) {
			fit++
		} else {
			lag++
		}
	}
	switch {
	case fit > 0:
	case lag > 0:
		h.alert(AlertNoReplica, "", "No replica serves reads: all are further behind than max_lag (%v). The primary carries the reads.", c.cfg.MaxLag)
	default:
		h.alert(AlertNoReplica, "", "No replica serves reads: none can be reached and is known to follow the primary. The primary carries the reads.")
	}
}

func (c *Cluster) judgeLag(h *Health, snap *snapshot) {
	if c.cfg.AlertLag == 0 {
		return
	}
	for i := range snap.members {
		m, s := &snap.members[i], &h.Servers[i]
		if m.role != RoleReplica || !m.healthy || m.static {
			continue
		}
		switch {
		case !s.LagKnown:
			h.advise(AdviceLagUnknown, s.Name, "Nobody knows how far the replica %s is behind: it tells no position, or there was no primary to compare it with. max_lag does not hold for it.", s.Name)
		case s.Lag > c.cfg.AlertLag:
			h.alert(AlertLag, s.Name, "The replica %s is %v behind (%d bytes of WAL); the alarm is set at %v.", s.Name, short(s.Lag), s.LagBytes, c.cfg.AlertLag)
		}
	}
}

func (c *Cluster) judgeConnections(h *Health, _ *snapshot) {
	for i := range h.Servers {
		s := &h.Servers[i]
		if most := c.cfg.AlertConnections; most > 0 && s.MaxConnections > 0 && 100*s.Connections > most*s.MaxConnections {
			h.alert(AlertConnections, s.Name, "%s has %d of %d connections in use (%d %%); the alarm is set at %d %%.",
				s.Name, s.Connections, s.MaxConnections, 100*s.Connections/s.MaxConnections, most)
		}
	}
}

// advise looks for what often goes wrong later.
func (c *Cluster) advise(h *Health, snap *snapshot) {
	for i := range snap.members {
		m, s := &snap.members[i], &h.Servers[i]
		for j := range i {
			if same(m.sample, snap.members[j].sample) && m.healthy {
				h.advise(AdviceSameServer, s.Name, "%s and %s are one server: name it once, or reads will not be spread as you think.", h.Servers[j].Name, s.Name)
			}
		}
		v := m.srv.surveyed.Load()
		if v == nil || !m.healthy {
			continue
		}
		if m.role == RoleReplica && !v.seesStats {
			h.advise(AdviceRights, s.Name, "The role may not see the WAL receiver of %s, so its timeline is learnt late after a failover: GRANT pg_monitor (or pg_read_all_stats) TO the role.", s.Name)
		}
		switch {
		case m.role != RoleReplica:
		case v.delay < 0:
			h.advise(AdviceConflicts, s.Name, "max_standby_streaming_delay is -1 on %s: a long read holds replay up for as long as it takes, and all later reads see old rows.", s.Name)
		case !v.feedback:
			h.advise(AdviceConflicts, s.Name, "hot_standby_feedback is off on %s and max_standby_streaming_delay is %v: vacuum on the primary may cancel reads that take longer (40001). They are repeated elsewhere, unless rows were delivered already.", s.Name, v.delay)
		}
	}
}

// short is a duration as people say it.
func short(d time.Duration) time.Duration {
	if d > 10*time.Second {
		return d.Round(time.Second)
	}
	return d.Round(time.Millisecond)
}
