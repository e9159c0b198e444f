package pgsplit

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestLooksThatBringNothingNewSlowDownIfTheyWereAskedFor(t *testing.T) {
	s := &server{cluster: &Cluster{}}
	m := newMonitor(s)
	at := func(lsn LSN) *snapshot {
		return &snapshot{members: []member{{srv: s, sample: &sample{role: RoleReplica, position: lsn}}}}
	}
	look := func(ahead bool, before, after LSN) {
		m.ahead = ahead
		m.followUp(at(before), at(after))
	}
	for range 100 {
		look(false, 7, 7)
	}
	assert.Equal(t, samplePace, m.pace(), "an idle handle's first read after a write would wait for its replica")
	for range 100 {
		look(true, 7, 7)
	}
	assert.Equal(t, samplePaceSlow, m.pace())
	look(true, 7, 8)
	assert.Equal(t, samplePace, m.pace())
}
