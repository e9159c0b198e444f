package pgsplit

// With read_your_writes=on the catalog, as it was read last, tells what a write may change. What nobody can read, a DO or a function
// that executes texts, is opaque: it may have changed the catalog, which is in doubt until the server has been asked.

// trusts says whether the catalog, as it was read once, is what this handle has left behind. What it cannot know is what others
// have done since.
func (c *Cluster) trusts(k *knowledge) bool {
	m := c.marks
	return m.recasts.Load() == 0 && k.catalog.Loaded() && k.schema == c.schema.Load() && m.verified.Load() >= m.doubted.Load() &&
		k.catalog == c.definitions.current.Load().catalog
}

// leave leaves a mark for what has been written.
//
// While the catalog is in doubt, what it says of a write is a guess. Guesses must not keep it in doubt: where somebody writes all
// the time that would never be over. If the server turns out to have that catalog still, they were right; if it has another one,
// they may have changed definitions (recast). Two things a check does not show, and then the write is in doubt itself: it was still
// under way when the catalog was replaced, or while something opaque was done, which may have undone what the doubt was about.
// (What guesses undo among themselves, and what comes and goes while a single statement runs, is for the monitor to find.)
func (c *Cluster) leave(t *touched) moment {
	n := c.marks.leave(t)
	doubtful, stale := t.opaque, false
	if t.by != nil && !t.opaque {
		overtaken := c.overtaken(t)
		guess := t.guessed || overtaken
		if guess {
			raise(&c.marks.guessed, uint64(n))
		}
		// In this order: either this sees a new catalog, or who puts it there sees the guess.
		k := c.definitions.current.Load()
		stale = k.catalog != t.by
		if stale || overtaken || !c.trusts(k) {
			raise(&c.marks.anything.last, uint64(n)) // it may have set off what is newer than the catalog
			raise(&c.marks.anything.at, c.marks.at.Load())
		}
		if doubtful = guess && stale || t.guessed && overtaken; doubtful {
			raise(&c.marks.doubted, uint64(n))
		}
	}
	switch {
	case !doubtful || !c.marksRelations():
	case stale:
		c.definitions.again()
	default:
		c.definitions.doubt()
	}
	return n
}

// overtaken says whether something opaque was done since the catalog was asked about a write.
func (c *Cluster) overtaken(t *touched) bool { return t.by != nil && c.marks.opaque.Load() > t.since }

// callsDoubtful says whether the read at hand calls, or may by now call, a function that is another one than the catalog has.
func (c *Conn) callsDoubtful() bool {
	return c.cluster.marksRelations() && !c.cluster.trusts(c.known) && c.known.catalog.Calls(c.st)
}
