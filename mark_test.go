package pgsplit

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// touch is what a write to some relations has touched, none for one that nothing is known of.
func touch(m *marks, relations ...string) *touched {
	t := &touched{any: len(relations) == 0}
	for _, name := range relations {
		t.places = append(t.places, m.placeOf(name))
	}
	return t
}

func TestAReadDemandsTheWritesThatConcernIt(t *testing.T) {
	m := newMarks(true)
	assert.Equal(t, demand{}, m.all(), "nothing was written")
	assert.Equal(t, demand{}, m.of([]string{"a"}))

	a := m.leave(touch(m, "a"))
	b := m.leave(touch(m, "b"))
	assert.Equal(t, demand{mark: a}, timeless(m.of([]string{"a"})))
	assert.Equal(t, demand{mark: b}, timeless(m.of([]string{"a", "b"})))
	assert.Equal(t, demand{}, m.of([]string{"c"}))
	assert.Equal(t, demand{mark: b}, timeless(m.all()))

	any := m.leave(touch(m))
	assert.Equal(t, demand{mark: any}, timeless(m.of([]string{"c"})))
	assert.Equal(t, demand{mark: any}, timeless(m.of(nil)), "a function may read what it does not name")
}

func TestWhatIsUnderWayConcernsReads(t *testing.T) {
	m := newMarks(true)
	rows, raw := touch(m, "a"), touch(m)
	m.begin(rows)
	assert.True(t, m.all().open)
	assert.True(t, m.of([]string{"a"}).open)
	assert.False(t, m.of([]string{"b"}).open)
	m.begin(raw)
	assert.True(t, m.of([]string{"b"}).open)
	m.end(rows)
	assert.True(t, m.of([]string{"a"}).open)
	m.end(raw)
	assert.Equal(t, demand{}, m.of([]string{"a"}), "both were rolled back")
	assert.Equal(t, demand{}, m.all())
}

func TestANewCatalogMayCallRelationsByOtherNames(t *testing.T) {
	m := newMarks(true)
	n := m.leave(touch(m, "partition"))
	m.recast(func() { assert.Equal(t, demand{mark: n}, timeless(m.of([]string{"parent"})), "while it is replaced") })
	assert.Equal(t, demand{mark: n}, timeless(m.of([]string{"parent"})))
}

func TestWhatWasGuessedByTheOldCatalogMayHaveChangedDefinitions(t *testing.T) {
	m := newMarks(true)
	n := m.leave(touch(m, "a"))
	raise(&m.guessed, uint64(n))
	assert.Zero(t, m.doubted.Load())
	m.recast(func() {})
	assert.Equal(t, uint64(n), m.doubted.Load())
}

func TestMarksHaveBoundedMemory(t *testing.T) {
	m := newMarks(true)
	var last moment
	for i := range 100_000 {
		last = m.leave(touch(m, fmt.Sprintf("relation%d", i)))
	}
	assert.Equal(t, demand{mark: last}, timeless(m.of([]string{"relation99999"})))
	assert.Zero(t, testing.AllocsPerRun(100, func() { m.of([]string{"relation1", "relation2"}) }))
}

func TestAReplicaHasTheWritesUpToItsPosition(t *testing.T) {
	r := resolved{timeline: 2}
	assert.Zero(t, r.has(500, 2))
	r = r.add(resolution{mark: 1, lsn: 100})
	r = r.add(resolution{mark: 4, lsn: 200})
	r = r.add(resolution{mark: 4, lsn: 300}) // nothing new was covered
	assert.Equal(t, moment(4), r.latest())
	assert.Equal(t, LSN(200), r.newest())
	for _, c := range []struct {
		lsn      LSN
		timeline uint32
		want     moment
	}{
		{99, 2, 0}, {100, 2, 1}, {199, 2, 1}, {200, 2, 4}, {1000, 2, 4},
		{1000, 1, 0}, {1000, 3, 0}, {1000, 0, 0}, {0, 2, 0},
	} {
		assert.Equal(t, c.want, r.has(c.lsn, c.timeline), "%v", c)
	}
	r = r.add(resolution{mark: 9, lsn: 150}) // a crash has taken the end of the WAL
	assert.Equal(t, moment(1), r.has(149, 2))
	assert.Equal(t, moment(9), r.has(150, 2))
}

func TestResolvedMarksHaveBoundedMemory(t *testing.T) {
	var r resolved
	r.timeline = 1
	for i := 1; i <= 20*resolvedPoints; i++ {
		before := r
		r = r.add(resolution{mark: moment(i), lsn: LSN(10 * i)})
		require.LessOrEqual(t, len(r.points), resolvedPoints)
		require.Equal(t, moment(i), r.latest())
		require.Equal(t, moment(i-1), before.latest(), "a snapshot stays as it is")
		has := r.has(LSN(10*i-1), 1)
		require.Less(t, has, moment(i), "never more than there is")
	}
	assert.Equal(t, r.latest(), r.has(r.newest(), 1))
	assert.Less(t, r.points[0].mark, r.latest()-2*resolvedPoints, "what is long ago is remembered, too")
}

func TestAReplicaMeetsADemandByWhatItHas(t *testing.T) {
	m := &member{has: 5}
	assert.True(t, demand{}.metBy(&member{}))
	assert.True(t, demand{mark: 5}.metBy(m))
	assert.False(t, demand{mark: 6}.metBy(m))
	assert.False(t, demand{mark: 1, open: true}.metBy(m))
}

// timeless is a demand but for the time of what it asks for.
func timeless(d demand) demand {
	d.at = 0
	return d
}
