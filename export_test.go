package pgsplit

import (
	"context"
	"time"

	"github.com/pgsplit/pgsplit/internal/statement"
)

// Decider returns what a driver connection does with a query until it knows the server, without asking it: the text is
// read, judged by the catalog and by what replicas have refused, and a replica is picked. It returns that server's name,
// "" for the primary. It is not safe for concurrent use.
func (c *Cluster) Decider(ctx context.Context) func(sql string) string {
	conn := newConn(c)
	conn.session = c.sessionOf(directivesOf(ctx))
	return func(sql string) string {
		conn.analyze(sql)
		if conn.route(conn.st, directivesOf(ctx)) != ReasonReplica || conn.refused(sql) {
			return ""
		}
		s, _, _, _ := conn.replica(ctx, directivesOf(ctx), 0)
		if s == nil {
			return ""
		}
		return s.name
	}
}

// KnownTexts is how many texts the handle has kept.
func (c *Cluster) KnownTexts() (n int) {
	for i := range c.texts.slots {
		if c.texts.slots[i].Load() != nil {
			n++
		}
	}
	return n
}

// RememberRefusal has the handle know that replicas refuse a text.
func (c *Cluster) RememberRefusal(sql, code string, now time.Time) {
	c.refusals.remember(statement.Fingerprint(sql), sql, code, now)
}

// RefusedAt says whether a text would be kept from replicas at a time because they have refused it.
func (c *Cluster) RefusedAt(sql string, now time.Time) bool {
	return c.refusals.refused(statement.Fingerprint(sql), now)
}

// UpToDate says whether a server is known to have replayed the schema that the handle knows.
func (c *Cluster) UpToDate(server int) bool { return c.upToDate(c.servers[server], time.Now()) }

// IgnoreSchema keeps the handle from reading the catalog anew until the function that it returns is called.
func (c *Cluster) IgnoreSchema() (unlock func()) {
	c.reading.Lock()
	return c.reading.Unlock
}

// TrustsCatalog says whether the handle is certain that it knows what its writes may change.
func (c *Cluster) TrustsCatalog() bool { return c.trusts(c.definitions.current.Load()) }

// Rest makes the handle look as if it had not been used for more than a minute.
func (c *Cluster) Rest() { c.used.Store(clock().Add(-pauseAfter - time.Second).UnixNano()) }

// SamplerDelay is how far the monitor of a server is behind its plan: by how much it missed the time at which it meant to take the
// sample that is known, for how long the next one has been due without having been asked for, and for how long an answer has been awaited.
func (c *Cluster) SamplerDelay(server int) (late, overdue, answering time.Duration) {
	s, now := c.servers[server], ticks()
	asking, due := tick(s.asking.Load()), tick(s.due.Load())
	if smp := c.snap.Load().members[server].sample; smp != nil {
		late = smp.late
	}
	if asking == 0 {
		return late, max(0, now.sub(due)), 0
	}
	return late, max(0, asking.sub(due)), now.sub(asking)
}

// RanPlain says whether the checkout has gone the short way so far.
func (c *Conn) RanPlain() bool { return c.plain }

// Tally counts statements on every connection of the first server as if they had gone the short way.
func (c *Cluster) Tally(execs, queries uint64) {
	s := c.servers[0]
	s.mu.Lock()
	defer s.mu.Unlock()
	for b := range s.open {
		b.tally.Add(execs*oneExec + queries*oneQuery)
	}
}
