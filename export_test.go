package pgsplit

import "context"

// Decider returns what a driver connection does with a query until it knows the server, without asking it: the text is
// read, judged by the catalog and by what replicas have refused, and a replica is picked. It returns that server's name,
// "" for the primary. It is not safe for concurrent use.
func (c *Cluster) Decider(ctx context.Context) func(sql string) string {
	conn := &Conn{cluster: c}
	return func(sql string) string {
		conn.analyze(sql)
		if conn.route(&conn.st, directivesOf(ctx)) != ReasonReplica || conn.refused(sql) {
			return ""
		}
		s, _, _, _ := conn.replica(ctx, 0)
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
