package pgsplit_test

import (
	"cmp"
	"context"
	"database/sql"
	"flag"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
)

var definitionsFor = flag.Duration("definitions", 4*time.Second, "change definitions at random for so `long`")

// author has relations of its own, changes what they mean, by definitions of every kind and in every way, writes to them and reads
// what that must have done. N stands for the number of the author in its texts.
type author struct {
	*testing.T
	db       *sql.DB
	number   string
	last     int // the last value written
	want     int // what is to be read of out
	replicas *atomic.Int64
}

const authorSchema = `
	create table inN (id int); create table outN (id int); create table armN (id int);
	create view seenN as select id from outN;
	create function copyN() returns trigger language plpgsql as 'begin insert into outN values (new.id); return new; end';
	create function putN(int) returns int language sql as 'insert into inN values ($1) returning id'`

// authorChange makes what is written show in seenN, until it is undone.
type authorChange struct {
	do, undo string
	write    string // shows then; empty: an insert into inN
	armed    bool   // an insert into armN brings the change
	empties  bool   // what was written is gone
}

var authorChanges = []authorChange{
	{do: "create trigger t after insert on inN for each row execute function copyN()", undo: "drop trigger t on inN"},
	{do: "create rule r as on insert to inN do also insert into outN values (new.id)", undo: "drop rule r on inN"},
	{
		do:    "create or replace function putN(int) returns int language sql as 'insert into outN values ($1) returning id'",
		undo:  "create or replace function putN(int) returns int language sql as 'insert into inN values ($1) returning id'",
		write: "select putN(%d)",
	},
	{
		do:      "create or replace view seenN as select id from inN",
		undo:    "truncate inN, outN; create or replace view seenN as select id from outN",
		empties: true,
	},
	{
		do: `create function armingN() returns trigger language plpgsql as
			'begin execute ''create trigger t after insert on inN for each row execute function copyN()''; return new; end';
			create trigger arm after insert on armN for each row execute function armingN()`,
		undo:  "drop trigger t on inN; drop trigger arm on armN; drop function armingN()",
		armed: true,
	},
}

// authorWays are how a text may reach the primary, which may hide what it is.
var authorWays = []write{
	writeByExec,
	{"DO", func(ctx context.Context, db *sql.DB, text string) error {
		return writeByExec.run(ctx, db, "do $do$ begin "+text+"; end $do$")
	}},
	writeByTx,
	writeByRaw,
}

// change changes definitions in one of the ways.
func (a *author) change(text string) {
	way := authorWays[rand.IntN(len(authorWays))]
	require.NoError(a, way.run(a.Context(), a.db, a.text(text)), "%s by %s", text, way.name)
}

func (a *author) text(s string) string { return strings.ReplaceAll(s, "N", a.number) }

// write writes the next value, in one of two ways, and reads it if it is to be seen.
func (a *author) write(text string, seen bool) {
	a.last++
	text = fmt.Sprintf(a.text(text), a.last)
	if rand.IntN(2) == 0 {
		execAll(a, a.db, text)
	} else {
		tx, err := a.db.BeginTx(a.Context(), nil)
		require.NoError(a, err)
		defer tx.Rollback()
		firstValue(a, a.Context(), tx, text)
		require.NoError(a, tx.Commit())
	}
	if seen {
		a.want = a.last
	}
	a.read()
}

func (a *author) read() {
	ctx, tr := follow(a.Context())
	got := firstValue(a, ctx, a.db, a.text("select coalesce(max(id), 0) from seenN"))
	routes, _ := tr.take()
	if routes[len(routes)-1].Reason == pgsplit.ReasonReplica {
		a.replicas.Add(1)
	}
	assert.Equal(a, strconv.Itoa(a.want), got, "%d was written last", a.last)
}

// act changes something, writes, and undoes the change.
func (a *author) act() {
	change := authorChanges[rand.IntN(len(authorChanges))]
	a.write("insert into inN values (%d)", false)
	a.change(change.do)
	if change.armed {
		execAll(a, a.db, a.text("insert into armN values (1)"))
	}
	for range 1 + rand.IntN(4) {
		a.write(cmp.Or(change.write, "insert into inN values (%d)"), true)
		time.Sleep(rand.N(40 * time.Millisecond))
		a.read()
	}
	a.change(change.undo)
	if change.empties {
		a.want = 0
	}
	a.write("insert into inN values (%d)", false)
}

// With read_your_writes=on reads must not miss what writes have set off, however their definitions came about through this handle.
func TestReadsSeeWhatIsSetOffWhileDefinitionsChange(t *testing.T) {
	var authors []*author
	var replicas atomic.Int64
	schema := ""
	for i := range 4 {
		a := &author{T: t, number: strconv.Itoa(i), replicas: &replicas}
		schema += a.text(authorSchema) + ";"
		authors = append(authors, a)
	}
	c := concernDefine(t, schema)
	db := handle(t, c, "read_your_writes=on", "max_lag=0", "monitor_interval=200ms")
	db.SetMaxIdleConns(-1)
	for _, r := range c.Replicas {
		require.NoError(t, r.SetApplyDelay(15*time.Millisecond))
		defer func() { require.NoError(t, r.SetApplyDelay(0)) }()
	}
	end := time.Now().Add(*definitionsFor)
	var acts atomic.Int64
	var all sync.WaitGroup
	for _, a := range authors {
		a.db = db
		all.Go(func() {
			for time.Now().Before(end) && !t.Failed() {
				a.act()
				acts.Add(1)
				time.Sleep(rand.N(300 * time.Millisecond))
			}
		})
	}
	all.Wait()
	t.Logf("%d changes, replicas served %d reads", acts.Load(), replicas.Load())
	eventually(t, func() bool {
		authors[0].read()
		return replicas.Load() > 0
	})
}
