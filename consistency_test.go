package pgsplit

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestAReadDemandsEveryCompletedWrite(t *testing.T) {
	var w writes
	resolved := &resolution{}
	assert.Equal(t, demand{}, w.demand(resolved), "nothing was written")

	w.complete()
	assert.True(t, w.demand(resolved).unresolved, "written, and no position known")

	resolved = &resolution{count: 1, lsn: 500, timeline: 1}
	d := w.demand(resolved)
	assert.Equal(t, demand{position: true, lsn: 500, timeline: 1}, d)
	for _, c := range []struct {
		s    sample
		want bool
	}{
		{sample{position: 499, timeline: 1}, false},
		{sample{position: 500, timeline: 1}, true},
		{sample{position: 501, timeline: 1}, true},
		{sample{position: 501, timeline: 2}, false},
		{sample{position: 501}, false}, // timeline not known
		{sample{timeline: 1}, false},   // no positions
	} {
		assert.Equal(t, c.want, d.metBy(&c.s), "%+v", c.s)
	}

	w.begin()
	assert.True(t, w.demand(resolved).unresolved, "rows of a write are open")
	w.end(false)
	assert.False(t, w.demand(resolved).unresolved, "it was rolled back")
	w.begin()
	w.end(true)
	assert.True(t, w.demand(resolved).unresolved, "it was kept")
}
