package pgsplittest

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReachablePositionIsNeverInsideAPageHeader(t *testing.T) {
	wal := pages{page: 8192, segment: 16 << 20}
	for given, want := range map[string]string{
		"0/30AE018": "0/30AE000", // a page's header
		"0/30AE019": "0/30AE019",
		"0/30AE000": "0/30AE000",
		"0/3000028": "0/3000000", // a segment's first page
		"0/3000029": "0/3000029",
		"A/3002018": "A/3002000",
		"A/30AE020": "A/30AE020",
	} {
		p, err := parsePosition(given)
		require.NoError(t, err)
		require.Equal(t, given, p.String())
		require.Equal(t, want, wal.reachable(p).String(), given)
	}
	for _, bad := range []string{"", "1", "x/y"} {
		_, err := parsePosition(bad)
		require.Error(t, err)
	}
}
