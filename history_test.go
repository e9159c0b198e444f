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
