package pgsplit

import (
	"slices"

	"github.com/pgsplit/pgsplit/internal/catalog"
	"github.com/pgsplit/pgsplit/internal/statement"
)

// touched is what the statements of a transaction may have changed, for read_your_writes=on.
type touched struct {
	any      bool             // whatever there is
	opaque   bool             // and maybe definitions, so that the catalog may be out of date
	guessed  bool             // any, since the catalog that tells what it is was in doubt
	by       *catalog.Catalog // by which the relations have their names
	since    uint64           // marks.opaque before that
	places   []uint16         // of the relations' marks
	sessions []*sessionPart   // that this was done for, in any mode
}

// mostTouched bounds what a transaction remembers; with more it counts for everything.
const mostTouched = 512

// everything is what a connection may have changed that was handed out.
var everything = touched{any: true, opaque: true}

func (t *touched) reset() {
	if !t.any && t.by == nil && len(t.places) == 0 && len(t.sessions) == 0 {
		return // as a rule
	}
	clear(t.sessions)
	*t = touched{places: t.places[:0], sessions: t.sessions[:0]}
}

// clone is a copy that stays as it is.
func (t *touched) clone() touched {
	c := *t
	c.places, c.sessions = slices.Clone(t.places), slices.Clone(t.sessions)
	return c
}

// touch adds what the text at hand may change.
func (c *Conn) touch(t *touched) {
	t.belongs(c.session)
	if c.tx != nil {
		t.belongs(c.tx.session)
	}
	if !c.cluster.marksRelations() || t.any && t.opaque {
		return
	}
	names, any := c.names[:0], true
	if c.tells() {
		names, any = c.known.catalog.Writes(c.st, names)
		c.names = names
	}
	if any {
		t.any, t.opaque = true, true // what nobody can read may change definitions, too
		return
	}
	since := c.cluster.marks.opaque.Load()
	if !c.cluster.trusts(c.known) {
		t.any, t.guessed = true, true
	} else if len(names) == 0 && !c.effect {
		return
	}
	switch {
	case t.by == nil:
		t.by, t.since = c.known.catalog, since
	case t.by != c.known.catalog:
		t.any = true // the names of before may mean something else by now
	}
	if t.any = t.any || c.effect; t.any {
		return
	}
	for _, name := range names {
		if p := c.cluster.marks.placeOf(name); !slices.Contains(t.places, p) {
			t.places = append(t.places, p)
		}
	}
	if len(t.places) > mostTouched {
		t.any = true
	}
}

func (t *touched) belongs(s *sessionPart) {
	if s != nil && !slices.Contains(t.sessions, s) {
		t.sessions = append(t.sessions, s)
	}
}

// tells says whether the catalog can tell what the text at hand changes, if it is not out of date.
func (c *Conn) tells() bool {
	if !c.sure || c.unknown != "" || c.refusal != "" || c.st.Statements != 1 {
		return false
	}
	// A cursor's query runs later, and one WITH HOLD with the commit.
	return c.st.Kind != statement.Declare
}

// hold has what is under way count as a write to anything, if it may change definitions: as soon as it has, and before its
// answer is here, a write of somebody else may set off what nobody has heard of yet.
func (c *Conn) hold(t *touched) {
	if (t.opaque || t.guessed || c.cluster.overtaken(t)) && !c.held && c.cluster.marksRelations() {
		c.held = true
		c.cluster.marks.begin(&everything)
	}
}

func (c *Conn) unhold() {
	if c.held {
		c.held = false
		c.cluster.marks.end(&everything)
	}
}

// demand is what read_your_writes asks of the replica that serves a read now: the text at hand, or a transaction, which may
// read anything.
func (c *Conn) demand(snap *snapshot) demand {
	switch {
	case c.session != nil:
		return c.cluster.ages(c.session.demand(snap), snap)
	case !c.cluster.tracks:
		return demand{}
	}
	return c.cluster.ages(c.concerned(c.beginning), snap)
}

// concerned is what the marks of a handle ask of the text at hand, or of all that may follow if whole is set.
func (c *Conn) concerned(whole bool) demand {
	m := c.cluster.marks
	if !c.cluster.marksRelations() || whole || !c.sure || !c.cluster.trusts(c.known) {
		return m.all()
	}
	names, any := c.known.catalog.Reads(c.st, c.names[:0])
	c.names = names
	if any {
		return m.all()
	}
	return m.of(names)
}
