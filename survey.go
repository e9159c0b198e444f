package pgsplit

import (
	"context"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// survey is what a server says of itself when somebody asks for the cluster's health. Samples, which are taken all the
// time, do without it. It is immutable.
type survey struct {
	asked time.Time

	connections    int // of clients; parallel workers among them where the role may not tell them apart; 0: unknown
	maxConnections int

	standby   bool          // it is in recovery
	feedback  bool          // hot_standby_feedback
	delay     time.Duration // max_standby_streaming_delay; negative: for ever
	seesStats bool          // the role may see what pg_stat_wal_receiver says
}

// surveySQL goes without special rights: pg_stat_activity shows its rows to everybody, if little of what is in them.
const surveySQL = `/* pgsplit health */ select
 (select count(*) from pg_stat_activity where datid is not null and coalesce(backend_type, 'client backend') = 'client backend'),
 current_setting('max_connections'), current_setting('hot_standby_feedback'),
 (select setting from pg_settings where name = 'max_standby_streaming_delay'),
 pg_has_role('pg_read_all_stats', 'usage'), pg_is_in_recovery()`

// takeSurvey asks a server. What cannot be had there (a look-alike, a pooler) is left unknown.
func takeSurvey(ctx context.Context, conn *pgconn.PgConn) *survey {
	s := &survey{asked: time.Now(), seesStats: true, feedback: true}
	v, err := row(ctx, conn, surveySQL)
	if err != nil || len(v) != 6 {
		return s
	}
	s.connections, _ = strconv.Atoi(v[0])
	s.maxConnections, _ = strconv.Atoi(v[1])
	s.feedback = v[2] == "on"
	if n, err := strconv.Atoi(v[3]); err == nil {
		s.delay = time.Duration(n) * time.Millisecond
	}
	s.seesStats, s.standby = v[4] == "t", v[5] == "t"
	return s
}

// survey has the monitors ask every server, and waits until each has answered or failed, at most until the context ends.
func (c *Cluster) survey(ctx context.Context) {
	begin := time.Now()
	c.begin()
	c.touch(begin)
	if len(c.servers) == 1 {
		c.surveyAlone(ctx)
		return
	}
	for _, m := range c.watch {
		m.surveys.Store(true)
		m.poke()
	}
	c.awaitServers(ctx, func(snap *snapshot) bool {
		for i := range snap.members {
			if !snap.members[i].answeredSince(begin) {
				return false
			}
		}
		return true
	}, nil)
	// A replica that was looked at before the primary has nothing yet that its position could be compared with; and one that
	// lacks the little that an idle primary has just written seems to be behind by the whole time without a transaction.
	for patience := time.Now().Add(measurePatience); c.measureAgain(ctx) && time.Now().Before(patience); {
	}
}

// measurePatience is for how long a survey asks replicas again whose lag is only guessed.
const measurePatience = 100 * time.Millisecond

// measureAgain asks the replicas again whose lag is not measured. It reports whether it had to, and has time to do so again.
func (c *Cluster) measureAgain(ctx context.Context) bool {
	again, asked := time.Now(), false
	for i := range c.snap.Load().members {
		if c.snap.Load().members[i].unmeasured() {
			asked = true
			c.watch[i].poke()
		}
	}
	if !asked {
		return false
	}
	err := c.awaitServers(ctx, func(snap *snapshot) bool {
		for i := range snap.members {
			if m := &snap.members[i]; m.unmeasured() && !m.sample.asked.After(again) {
				return false
			}
		}
		return true
	}, nil)
	return err == nil
}

// surveyAlone asks the one server of a handle without monitors.
func (c *Cluster) surveyAlone(ctx context.Context) {
	s := c.servers[0]
	b, err := s.acquire(ctx, true, 0)
	if err != nil {
		s.unwell.Store(&err)
		return
	}
	defer func() { s.release(b, ticks()) }()
	s.unwell.Store(nil)
	if b.pg != nil {
		s.surveyed.Store(takeSurvey(ctx, b.pg.PgConn()))
	}
}

// answeredSince says whether a server has answered a survey, or failed to, since a time.
func (m *member) answeredSince(t time.Time) bool {
	if m.blind || m.failedSince(t) {
		return true
	}
	s := m.srv.surveyed.Load()
	return s != nil && s.asked.After(t)
}

// unmeasured says whether a replica tells a position and its lag is not known all the same, or only guessed.
func (m *member) unmeasured() bool {
	return m.role == RoleReplica && m.healthy && m.sample != nil && m.sample.position != 0 && (m.reached.IsZero() || m.guessed)
}
