package pgsplit_test

import (
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
	"github.com/pgsplit/pgsplit/pgsplittest"
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

// What makes a write to inN, or armN, one to outN, and undoes it.
var authorChanges = []struct{ do, undo, write string }{
	{"create trigger t after insert on inN for each row execute function copyN()", "drop trigger t on inN", ""},
	{"create rule r as on insert to inN do also insert into outN values (new.id)", "drop rule r on inN", ""},
	{"create or replace function putN(int) returns int language sql as 'insert into outN values ($1) returning id'",
		"create or replace function putN(int) returns int language sql as 'insert into inN values ($1) returning id'", "select putN(%d)"},
	{"alter table armN add x int default putN(0); create trigger t after insert on inN for each row execute function copyN()",
		"drop trigger t on inN; alter table armN drop x", ""},
	// The view is of another table for a while, which is written instead.
	{"create or replace view seenN as select id from inN", "truncate inN, outN; create or replace view seenN as select id from outN", "insert into inN values (%d)"},
	// A write that looks like any other brings the change: its trigger makes a trigger.
	{`/* armed */ create function armingN() returns trigger language plpgsql as 'begin execute ''create trigger t after insert on inN
		for each row execute function copyN()''; return new; end'; create trigger arm after insert on armN for each row execute function armingN()`, "drop trigger t on inN; drop trigger arm on armN; drop function armingN()", ""},
}

// ways are how a text may reach the primary, which may hide what it is.
var authorWays = []func(a *author, text string){
	func(a *author, text string) { execAll(a, a.db, text) },
	func(a *author, text string) { execAll(a, a.db, "do $do$ begin "+text+"; end $do$") },
	func(a *author, text string) {
		tx, err := a.db.BeginTx(a.Context(), nil)
		require.NoError(a, err)
		defer tx.Rollback()
		execAll(a, tx, text)
		require.NoError(a, tx.Commit())
	},
	func(a *author, text string) {
		require.NoError(a, writes[len(writes)-1].run(a.Context(), a.db, text))
	},
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
	authorWays[rand.IntN(len(authorWays))](a, a.text(change.do))
	if strings.Contains(change.do, "armed") {
		execAll(a, a.db, a.text("insert into armN values (1)"))
	}
	write := change.write
	if write == "" {
		write = "insert into inN values (%d)"
	}
	for range 1 + rand.IntN(4) {
		a.write(write, true)
		time.Sleep(rand.N(40 * time.Millisecond))
		a.read()
	}
	authorWays[rand.IntN(len(authorWays))](a, a.text(change.undo))
	if strings.Contains(change.undo, "truncate") {
		a.want = 0
	}
	a.write("insert into inN values (%d)", false)
}

// With read_your_writes=on reads must not miss what writes have set off, however their definitions came about through this handle.
func TestReadsSeeWhatIsSetOffWhileDefinitionsChange(t *testing.T) {
	c := concernCluster.get(t)
	require.NoError(t, c.Primary.Exec("alter schema public owner to app"))
	owner := plain(t, c.Primary.DSN())
	execAll(t, owner, "drop schema public cascade; create schema public")
	var authors []*author
	var replicas atomic.Int64
	for i := range 4 {
		a := &author{T: t, number: strconv.Itoa(i), replicas: &replicas}
		execAll(t, owner, a.text(authorSchema))
		authors = append(authors, a)
	}
	require.NoError(t, c.WaitForCatchUp())
	db := handle(t, c, "read_your_writes=on", "max_lag=0", "monitor_interval=200ms")
	db.SetMaxIdleConns(-1)
	delay(t, c, 15*time.Millisecond)
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
	assert.NotZero(t, replicas.Load())
}

func delay(t *testing.T, c *pgsplittest.Cluster, by time.Duration) {
	for _, r := range c.Replicas {
		require.NoError(t, r.SetApplyDelay(by))
		t.Cleanup(func() { require.NoError(t, r.SetApplyDelay(0)) })
	}
}
