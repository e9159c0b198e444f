package pgsplit

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestLagIsTheAgeOfTheLastPositionReached(t *testing.T) {
	var h history
	t0 := time.Now()
	at := func(s float64) time.Time { return t0.Add(time.Duration(s * float64(time.Second))) }
	_, ok := h.reached(100)
	assert.False(t, ok, "nothing is known yet")

	h.add(at(0), 100, time.Millisecond)
	h.add(at(1), 200, time.Millisecond)
	h.add(at(2), 300, time.Millisecond)
	h.add(at(3), 300, time.Millisecond) // idle

	for _, c := range []struct {
		lsn  LSN
		want float64
		ok   bool
	}{{99, 0, false}, {100, 0, true}, {199, 0, true}, {200, 1, true}, {299, 1, true}, {300, 3, true}, {1000, 3, true}} {
		seen, ok := h.reached(c.lsn)
		assert.Equal(t, c.ok, ok, "%d", c.lsn)
		assert.Equal(t, at(c.want), seen, "%d", c.lsn)
	}
}

// Positions that were flushed for no commit are nobody's lag.
func TestOnlyWhatHasEndedIsWaitedFor(t *testing.T) {
	t0 := time.Now()
	at := func(s int) time.Time { return t0.Add(time.Duration(s) * time.Second) }
	for name, test := range map[string]struct {
		samples []sample // asked a second after each other
		lsn     LSN
		want    int // the last sample that this position has reached
	}{
		"an open transaction has written":       {[]sample{{ended: "a", position: 100, flush: 100}, {ended: "a", position: 300, flush: 200}, {ended: "a", position: 300, flush: 200}}, 150, 2},
		"it has committed":                      {[]sample{{ended: "a", position: 100, flush: 100}, {ended: "a", position: 300, flush: 200}, {ended: "b", position: 350, flush: 350}}, 150, 1},
		"a commit that does not show yet":       {[]sample{{ended: "a", position: 100, flush: 100}, {ended: "a", position: 200, flush: 200}, {ended: "b", position: 200, flush: 200}, {ended: "b", position: 200, flush: 200}}, 150, 1},
		"one that shows before it is flushed":   {[]sample{{ended: "a", position: 100, flush: 100}, {ended: "b", position: 200, flush: 100}, {ended: "b", position: 200, flush: 200}, {ended: "b", position: 200, flush: 200}}, 150, 1},
		"flushed in two parts":                  {[]sample{{ended: "a", position: 100, flush: 100}, {ended: "b", position: 300, flush: 160}, {ended: "b", position: 300, flush: 300}, {ended: "b", position: 300, flush: 300}}, 170, 1},
		"an open transaction writes on":         {[]sample{{ended: "a", position: 100, flush: 100}, {ended: "b", position: 300, flush: 160}, {ended: "b", position: 9000, flush: 8192}, {ended: "b", position: 9000, flush: 8192}}, 300, 3},
		"nobody knows what has ended":           {[]sample{{position: 100, flush: 100}, {position: 300, flush: 200}, {position: 300, flush: 200}}, 150, 0},
		"an abort, and nothing that is flushed": {[]sample{{ended: "a", position: 100, flush: 100}, {ended: "b", position: 100, flush: 100}, {ended: "b", position: 100, flush: 100}}, 100, 2},
	} {
		var h history
		for i := range test.samples {
			test.samples[i].asked = at(i)
			h.note(&test.samples[i], time.Millisecond)
		}
		seen, ok := h.reached(test.lsn)
		assert.True(t, ok, name)
		assert.Equal(t, at(test.want), seen, name)
	}
}

func TestHistoryIsBoundedAndErrsToTheCarefulSide(t *testing.T) {
	var exact, thin history
	t0 := time.Now()
	const step = 100 * time.Millisecond
	for i := range 10 * historyPoints {
		seen := t0.Add(time.Duration(i) * time.Millisecond)
		thin.add(seen, LSN(i+1), step)
		exact.add(seen, LSN(i+1), 0)
	}
	assert.LessOrEqual(t, len(exact.points), historyPoints)
	assert.LessOrEqual(t, len(thin.points), historyPoints)
	for lsn := LSN(9 * historyPoints); lsn <= 10*historyPoints; lsn += 7 {
		is, _ := exact.reached(lsn)
		says, ok := thin.reached(lsn)
		assert.True(t, ok)
		assert.False(t, says.After(is), "the lag is shown smaller than it is")
		assert.LessOrEqual(t, is.Sub(says), step)
	}
}
