package pgsplit

import (
	"errors"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgsplit/pgsplit/internal/statement"
)

// refusals remembers which statements replicas refuse although they look like reads (a writing function behind a view,
// an unlogged table), so that they do not take the detour each time. A statement is known by its fingerprint, which
// ignores literals. The memory belongs to the whole handle, is bounded, and forgets: the next try after a while finds out
// whether it still holds.
type refusals struct {
	known atomic.Int32 // how many, so that the query path of a handle without any pays nothing
	mu    sync.RWMutex
	byID  map[uint64]*refusal
}

type refusal struct {
	sql   string
	code  string
	count atomic.Int64 // detours saved
	until time.Time
}

const (
	refusalsMost = 1000             // fingerprints at the most; beyond, the one that expires next goes
	refusalsLast = 10 * time.Minute // how long one is remembered
	refusalsText = 200              // bytes of a sample text that are kept

	// refusalsPatience is how long after a schema change a server whose position is unknown may still lack it.
	refusalsPatience = 10 * time.Second
)

// refused says whether replicas are known to refuse the text at hand.
func (c *Conn) refused(sql string) bool {
	if c.cluster.refusals.known.Load() == 0 {
		return false
	}
	if c.print == 0 {
		c.print = statement.Fingerprint(sql)
	}
	return c.cluster.refusals.refused(c.print, time.Now())
}

// refused reports whether replicas are known to refuse statements of this fingerprint.
func (r *refusals) refused(id uint64, now time.Time) bool {
	r.mu.RLock()
	known := r.byID[id]
	r.mu.RUnlock()
	if known == nil || now.After(known.until) {
		return false
	}
	known.count.Add(1)
	return true
}

// remember notes a refusal. Call it when the primary has then executed the statement.
func (r *refusals) remember(id uint64, sql, code string, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byID == nil {
		r.byID = make(map[uint64]*refusal)
	}
	if _, again := r.byID[id]; !again && len(r.byID) >= refusalsMost {
		var first uint64
		var soonest time.Time
		for i, known := range r.byID {
			if soonest.IsZero() || known.until.Before(soonest) {
				first, soonest = i, known.until
			}
		}
		delete(r.byID, first)
	}
	if len(sql) > refusalsText {
		sql = strings.ToValidUTF8(sql[:refusalsText], "")
	}
	r.byID[id] = &refusal{sql: strings.Clone(sql), code: code, until: now.Add(refusalsLast)}
	r.known.Store(int32(len(r.byID)))
}

// forget drops everything: the schema is another one, and what was refused may be fit now.
func (r *refusals) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.byID)
	r.known.Store(0)
}

// upToDate says whether a replica has replayed the schema that statements are judged by: what it refuses before may only
// be what it does not know yet. Of a server without positions that is assumed after a while.
func (c *Cluster) upToDate(s *server, now time.Time) bool {
	k := c.definitions.current.Load()
	if k == nil || k.err == nil && k.schema != c.schema.Load() {
		return false
	}
	if m := &c.snap.Load().members[s.index]; !m.reached.IsZero() {
		return m.reached.After(k.read)
	}
	return now.Sub(k.read) > refusalsPatience
}

// lasting returns the SQLSTATE of a replica's refusal that says something about the statement rather than about the
// moment: the server is read-only (25006), a feature that standbys lack (0A000, 55000), or an internal error of a function
// that cannot run there (XX000). A plan that a schema change has made invalid says 0A000, too, and nothing lasting.
// Errors that replayed DDL, grants or rows will cure are not among them.
func lasting(err error) string {
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) {
		return ""
	}
	switch pgErr.Code {
	case "25006", "55000", "XX000":
		return pgErr.Code
	case "0A000":
		if !stalePlan(err) {
			return pgErr.Code
		}
	}
	return ""
}

// Refusal is a kind of statement that looks like a read and that replicas refuse. It goes to the primary until Until.
type Refusal struct {
	Fingerprint uint64
	SQL         string // the text that was refused, its beginning if it is long; arguments are not part of it
	Code        string // SQLSTATE of the refusal
	Saved       int64  // how many statements of its kind went to the primary straight away since
	Until       time.Time
}

// list returns what is remembered, the longest first.
func (r *refusals) list(now time.Time) []Refusal {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var all []Refusal
	for id, known := range r.byID {
		if now.Before(known.until) {
			all = append(all, Refusal{Fingerprint: id, SQL: known.sql, Code: known.code, Saved: known.count.Load(), Until: known.until})
		}
	}
	sort.Slice(all, func(i, j int) bool { return all[i].Until.After(all[j].Until) })
	return all
}
