package pgsplit

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// observed is a cluster whose samples the test makes up.
type observed struct {
	*Cluster
	t     *testing.T
	clock time.Time
}

func observing(t *testing.T, servers int, system ...string) *observed {
	t.Helper()
	cleanEnv(t)
	dsn := "host=h0"
	for i := 1; i < servers; i++ {
		dsn += ",h" + string(rune('0'+i))
	}
	cfg := mustParse(t, dsn+" user=u dbname=d")
	require.NoError(t, cfg.normalize())
	c, err := newCluster(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { c.close() })
	for i := range servers {
		id := "1"
		if i < len(system) {
			id = system[i]
		}
		c.observeIdentity(c.servers[i], identity{system: id})
	}
	c.patient.Store(true) // it has begun to work
	return &observed{c, t, time.Now()}
}

func (o *observed) see(i int, smp sample) {
	o.clock = o.clock.Add(10 * time.Millisecond)
	smp.asked, smp.answered = o.clock, o.clock
	smp.instance, smp.replayAge = o.servers[i].name, -1
	o.observe(o.servers[i], &smp, nil)
}

func (o *observed) primary(i int, timeline uint32, at LSN) { o.see(i, primaryAt(timeline, at)) }
func (o *observed) replica(i int, timeline uint32, at LSN) {
	o.see(i, sample{role: RoleReplica, timeline: timeline, position: at})
}

func primaryAt(timeline uint32, at LSN) sample {
	return sample{role: RolePrimary, timeline: timeline, position: at, flush: at}
}

// is checks who the primary is (-1: nobody), and which replicas may serve reads.
func (o *observed) is(primary int, replicas ...int) {
	o.t.Helper()
	snap := o.snap.Load()
	if primary < 0 {
		require.Nil(o.t, snap.primary)
	} else {
		require.NotNil(o.t, snap.primary)
		require.Equal(o.t, primary, snap.primary.index, "the primary")
	}
	got := []int{}
	for _, m := range snap.replicas {
		got = append(got, m.srv.index)
	}
	require.Equal(o.t, append([]int{}, replicas...), got, "the replicas")
}

const at = LSN(1 << 32)

func TestTheHigherTimelineWinsAndALowerOneGetsNothingEvenAlone(t *testing.T) {
	o := observing(t, 2)
	o.primary(0, 1, at+100)
	o.is(0)
	o.primary(1, 2, at)
	o.is(1)
	o.primary(0, 1, at+200)
	o.is(1)
	o.observe(o.servers[1], nil, errSilent)
	o.primary(0, 1, at+300)
	o.is(1) // it is waited for
	require.False(t, o.snap.Load().primaryHealthy())
	o.primary(0, 3, at+400)
	o.is(0)
}

func TestOfTwoPrimariesOnOneTimelineTheOneInUseStaysAndAtStartThereIsNone(t *testing.T) {
	o := observing(t, 3)
	o.primary(0, 1, at)
	o.primary(1, 1, at+100)
	o.is(0)
	o.observe(o.servers[0], nil, errSilent)
	o.primary(1, 1, at+100)
	o.is(0) // writes must not alternate
	o.replica(0, 1, at)
	o.is(1, 0)

	// Promoted from the timeline before, while the one in use is silent: it never was its standby.
	o = observing(t, 3)
	o.primary(0, 2, at)
	o.replica(1, 1, at)
	o.observe(o.servers[0], nil, errSilent)
	o.primary(1, 2, at+100)
	o.is(0)
	o.observe(o.servers[1], nil, errSilent)
	o.primary(1, 2, at+200)
	o.is(0)
	o.primary(0, 2, at+10)
	o.is(0)
	o.observe(o.servers[0], nil, errSilent)
	o.primary(1, 3, at+300) // promoted once more
	o.is(1)
	// One that nobody has seen before may be the one in use, started elsewhere on the same disk.
	o = observing(t, 2)
	o.primary(0, 2, at)
	o.observe(o.servers[0], nil, errSilent)
	o.primary(1, 2, at+100)
	o.is(1)

	o = observing(t, 2)
	o.patient.Store(false)
	o.primary(0, 1, at)
	o.primary(1, 1, at)
	o.is(-1)
	require.ErrorContains(t, o.snap.Load().conflict, "h0:5432 and h1:5432 both say they are the primary")
}

func TestAFencedPrimaryTakesNoWritesWhileAnotherIsWritable(t *testing.T) {
	o := observing(t, 2)
	fenced := primaryAt(1, at)
	fenced.readOnly = true
	o.see(0, fenced)
	o.is(0) // nobody else is there
	o.primary(1, 1, at+100)
	o.is(1)
	fenced.readOnly = false
	o.see(0, fenced)
	o.is(1) // it is in use now

	// What is written to a lower timeline is lost, fenced or not.
	o = observing(t, 2)
	o.primary(1, 1, at)
	fenced = primaryAt(2, at)
	fenced.readOnly = true
	o.see(0, fenced)
	o.is(0)
}

func TestAServerOfAnotherSystemIsNeither(t *testing.T) {
	o := observing(t, 3, "1", "2", "2")
	o.primary(0, 1, at)
	o.primary(1, 9, at+100)
	o.replica(2, 1, at)
	o.is(0)
	require.ErrorContains(t, o.snap.Load().members[1].err, "another database system")
}

func TestAStandbyOnAnotherTimelineServesOnlyOnceItHasMoved(t *testing.T) {
	o := observing(t, 3)
	o.primary(0, 1, at)
	o.replica(1, 1, at)
	o.replica(2, 1, at)
	o.is(0, 1, 2)
	o.primary(1, 2, at+10) // promoted
	o.observe(o.servers[0], nil, errSilent)
	o.is(1)
	o.replica(2, 1, at)
	o.is(1)
	require.Equal(t, errTimeline, o.snap.Load().members[2].aside)
	o.primary(1, 2, at+30)
	o.replica(2, 1, at+20)
	o.is(1, 2) // it follows, though it cannot say so yet
	require.Zero(t, o.snap.Load().members[2].has, "but it has nothing that a mark asks for")

	o.primary(0, 1, at+500) // somebody else claims to be the primary: it may follow that one
	o.is(1)
	o.replica(2, 2, at+40)
	o.is(1, 2)
}

func TestAStandbyThatIsAheadOfThePrimaryHasStrayedForGood(t *testing.T) {
	o := observing(t, 2)
	o.primary(0, 2, at)
	o.replica(1, 1, at+100) // a handle that begins after the failover
	o.is(0)
	o.primary(0, 2, at+10)
	o.is(0)
	o.replica(1, 1, at+200)
	o.primary(0, 2, at+1000) // by numbers it is behind now
	o.replica(1, 1, at+300)
	o.is(0)
	o.replica(1, 2, at+300)
	o.is(0, 1)
}

func TestInstancesBehindOneNameAreNoticedHoweverTheyTakeTurns(t *testing.T) {
	for turns, several := range map[string]bool{
		"a": false, "aaa": false, "ab": false, "aba": true, "abca": true, "abcdefgha": true,
		"abcbc": true,
		"abcde": false, // restarted again and again
		"a b c": false, // some samples do not say
	} {
		w := world{behind: make([]behind, 1)}
		got := false
		for _, instance := range turns {
			got = w.several(0, strings.TrimSpace(string(instance)))
		}
		require.Equal(t, several, got, turns)
		require.Equal(t, several, w.several(0, ""), "for good")
	}
}
