package pgsplit

import (
	"hash/maphash"
	"strings"
	"sync/atomic"

	"github.com/pgsplit/pgsplit/internal/catalog"
	"github.com/pgsplit/pgsplit/internal/statement"
)

// texts remembers what the texts do that come again and again, so that deciding about one costs little more than
// comparing it: the analysis of a long text takes as long as a fifth of a point SELECT. It belongs to the whole handle,
// is bounded, and takes no lock. A text that comes once, as those with their arguments written into them, is not kept.
type texts struct {
	slots [textSlots]atomic.Pointer[knownText]
	once  [textSlots]atomic.Uint32 // a part of the hash of the last text that was not known
}

// knownText is immutable.
type knownText struct {
	sql     string
	judge   *catalog.Catalog // by which it was judged
	plain   bool             // see isPlain
	alone   Reason           // why it is not for replicas where there are none
	st      *statement.Analysis
	unknown string // a name that the catalog lacks
	print   uint64 // its fingerprint
}

const (
	textSlots   = 2048
	longestText = 8 << 10 // longer ones are not kept
)

var textSeed = maphash.MakeSeed()

// find returns what is known of a text under a catalog, which may be nil. If nothing is, worth says that keep should be
// called with slot: the text has been met before.
func (t *texts) find(sql string, judge *catalog.Catalog) (known *knownText, slot int, worth bool) {
	if len(sql) > longestText {
		return nil, 0, false
	}
	hash := maphash.String(textSeed, sql)
	slot = int(hash % textSlots)
	for _, i := range [...]int{slot, slot ^ 1} {
		if k := t.slots[i].Load(); k != nil && k.judge == judge && k.sql == sql {
			return k, i, false
		}
	}
	if part := uint32(hash >> 32); t.once[slot].Load() != part {
		t.once[slot].Store(part)
		return nil, slot, false
	}
	if k := t.slots[slot].Load(); k != nil && k.judge == judge && hash>>63 != 0 {
		slot ^= 1
	}
	return nil, slot, true
}

// keep remembers a text, with what its judge says of it.
func (t *texts) keep(slot int, sql string, judge *catalog.Catalog) {
	k := &knownText{sql: strings.Clone(sql), judge: judge}
	var st statement.Analysis
	st.Analyze(k.sql) // anew, since the names in it are parts of the text
	v := judge.Judge(&st)
	st.Flags, st.Pin = v.Flags, v.Pin
	k.st, k.unknown, k.print = st.Keep(), v.Unknown, statement.Fingerprint(k.sql)
	k.plain = k.isPlain()
	if k.alone = ReasonNoReplica; k.st.Hint == statement.HintPrimary {
		k.alone = ReasonForced
	} else if !k.st.Read() {
		k.alone = whyPrimary(k.st, k.unknown)
	}
	t.slots[slot].Store(k)
}

// forget drops what is judged by a catalog that is out of date, which would be kept in memory with it.
func (t *texts) forget() {
	for i := range t.slots {
		t.slots[i].Store(nil)
	}
}
