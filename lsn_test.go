package pgsplit

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestLSNIsReadAndWrittenAsPostgreSQLDoes(t *testing.T) {
	for _, s := range []string{"0/0", "16/B374D848", "FFFFFFFF/FFFFFFFF", "0/30AE018"} {
		l, err := ParseLSN(s)
		require.NoError(t, err)
		assert.Equal(t, s, l.String())
	}
	for _, s := range []string{"", "1", "/", "1/", "/1", "g/0", "1/2/3", "100000000/0", "-1/0", " 0/0"} {
		_, err := ParseLSN(s)
		assert.Error(t, err, "%q", s)
	}
}

func TestInsertPositionInAPageHeaderIsRoundedDown(t *testing.T) {
	const page, segment = 8 << 10, 16 << 20
	for _, c := range []struct{ in, want LSN }{
		{0x30AE018, 0x30AE000},       // as measured on an idle primary
		{page, page},                 // before the header
		{page + 1, page},             // inside
		{page + 24, page},            // behind it: no record is there yet
		{page + 25, page + 25},       // a record has begun
		{segment + 40, segment},      // a segment's first page has the longer header
		{segment + 41, segment + 41}, //
		{segment + page + 40, segment + page + 40},
		{0, 0},
	} {
		assert.Equal(t, c.want, walGeometry{}.floor(c.in), "%v", c.in)
	}
	small := walGeometry{page: 4 << 10, segment: 1 << 20}
	assert.Equal(t, LSN(1<<20), small.floor(1<<20+40))
	assert.Equal(t, LSN(4<<10), small.floor(4<<10+24))
	assert.Equal(t, LSN(4<<10+40), small.floor(4<<10+40))
}
