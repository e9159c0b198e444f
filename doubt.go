package pgsplit

import (
	"fmt"
	"hash/fnv"
	"slices"

	"github.com/pgsplit/pgsplit/internal/statement"
)

// A text may name what the catalog, as it was last read, does not have: a table that has just been created, a view that
// has just been replaced. Nobody can tell then what it leaves behind in the session of the primary's connection that ran
// it. Until the catalog has been read again, that connection is in doubt: it stays with its driver connection like one with
// session state. Then the text is judged once more, and only what the catalog says of it counts.

// pinDoubt marks a connection in doubt.
const pinDoubt = statement.Pin(1 << 14)

// doubtsMost bounds the texts that a connection remembers, in bytes, and so the work of judging them again; with more it is
// taken to have session state. A migration has many: all that runs between two readings of the catalog.
const doubtsMost = 256 << 10

// doubt is a text in doubt. One stands for all that differ in their literals only: the catalog judges names. A literal that is
// itself a query (of query_to_xml, say) has names of its own, so they must be the same, too.
type doubt struct {
	print uint64
	text  string
}

// doubtPrint is the same for texts of which one may stand for the other.
func doubtPrint(st *statement.Analysis, query string) uint64 {
	h := fnv.New64a()
	fmt.Fprint(h, statement.Fingerprint(query), st.Pin, st.Flags, st.Relations(), st.Functions(), st.Columns())
	return h.Sum64()
}

// pinsOf returns what the text at hand may leave behind on the primary's connection, and takes the text down if that is in
// doubt.
func (c *Conn) pinsOf(b *backend, query string) statement.Pin {
	c.doubted = false
	pin := c.st.Pin
	unsettled := c.unknown != "" || c.pending && len(c.st.Relations())+len(c.st.Functions()) > 0
	if !unsettled || c.st.Pin&statement.PinUnknown == 0 && !c.pending {
		return pin
	}
	switch c.st.Kind {
	case statement.Do, statement.Call, statement.Execute:
		return pin // what they run is not in their text
	}
	print := doubtPrint(c.st, query)
	if !slices.ContainsFunc(b.doubts, func(d doubt) bool { return d.print == print }) {
		size := len(query)
		for _, d := range b.doubts {
			size += len(d.text)
		}
		if size > doubtsMost {
			return pin | statement.PinUnknown
		}
		b.doubts = append(b.doubts, doubt{print, query})
		c.doubted = true
	}
	return pin&^statement.PinUnknown | pinDoubt
}

// settleDoubts judges the texts of a connection in doubt by the catalog as it is known now.
func (c *Conn) settleDoubts(b *backend) {
	if b.pin&pinDoubt == 0 {
		return
	}
	k := c.cluster.definitions.current.Load()
	if k == nil || k == b.judged || k.err == nil && k.schema != c.cluster.schema.Load() {
		return
	}
	b.judged = k
	var st statement.Analysis
	b.doubts = slices.DeleteFunc(b.doubts, func(d doubt) bool {
		st.Analyze(d.text)
		v := k.catalog.Judge(&st)
		if v.Unknown != "" {
			return false
		}
		b.carry(v.Pin)
		return true
	})
	if len(b.doubts) == 0 {
		b.shed(pinDoubt)
	}
}

// forget takes back what was noted of a text that the server has refused to parse.
func (c *Conn) forget(b *backend, query string) {
	b.shed(c.added)
	if c.doubted {
		b.doubts = slices.DeleteFunc(b.doubts, func(d doubt) bool { return d.text == query })
	}
}
