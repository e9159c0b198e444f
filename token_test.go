package pgsplit

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestATokenSaysWhatItWasMadeOf(t *testing.T) {
	most := claim{system: 1<<64 - 1, floor: floor{1<<32 - 1, 1<<64 - 1}, pending: true, handle: 1<<64 - 1, mark: 1<<64 - 1}
	for _, claims := range [][]claim{
		{{system: 7, floor: floor{3, 0x30AE000}}},
		{{pending: true, handle: 5, mark: 9}, {system: 8}},
		{most, most, most, most},
	} {
		token := formatToken(claims)
		assert.LessOrEqual(t, len(token), MaxTokenLen)
		got, err := parseToken(token)
		require.NoError(t, err)
		assert.Equal(t, claims, got)
	}
}

func TestADamagedTokenIsAnError(t *testing.T) {
	token := formatToken([]claim{{system: 7, floor: floor{3, 0x30AE000}, pending: true, handle: 5, mark: 300}})
	raw, err := base64.RawURLEncoding.DecodeString(token)
	require.NoError(t, err)
	for i := range raw {
		for bit := range 8 {
			raw[i] ^= 1 << bit
			_, err := parseToken(base64.RawURLEncoding.EncodeToString(raw))
			require.ErrorIs(t, err, ErrToken, "byte %d", i)
			raw[i] ^= 1 << bit
		}
		_, err := parseToken(base64.RawURLEncoding.EncodeToString(raw[:i]))
		require.ErrorIs(t, err, ErrToken, "the first %d bytes", i)
	}
	for _, s := range []string{"x", "AAAA", token + "=", token + token, strings.Repeat("A", 1<<20), "\x00", token[:len(token)-1] + "*"} {
		_, err := parseToken(s)
		require.ErrorIs(t, err, ErrToken)
		require.Less(t, len(err.Error()), 200)
	}
}

func FuzzToken(f *testing.F) {
	for _, claims := range [][]claim{
		nil,
		{{system: 7, floor: floor{3, 0x30AE000}}},
		{{system: 7, pending: true, handle: 5, mark: 300}, {system: 8}},
	} {
		token := formatToken(claims)
		raw, err := base64.RawURLEncoding.DecodeString(token)
		require.NoError(f, err)
		f.Add(token, raw[:len(raw)-4])
	}
	f.Fuzz(func(t *testing.T, token string, body []byte) {
		sealed := base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint32(body[:len(body):len(body)], crc32.ChecksumIEEE(body)))
		for _, token := range []string{token, sealed} {
			claims, err := parseToken(token)
			if err != nil {
				require.ErrorIs(t, err, ErrToken)
				continue
			}
			again, err := parseToken(formatToken(claims))
			require.NoError(t, err)
			require.Equal(t, claims, again)
		}
	})
}

func TestOfTwoFloorsTheOneThatAsksForMoreCounts(t *testing.T) {
	none, low, high, next := floor{}, floor{1, 5}, floor{1, 6}, floor{2, 1}
	for _, pair := range [][2]floor{{none, low}, {low, high}, {high, next}, {floor{2, 0}, low}, {floor{1<<32 - 1, 0}, next}} {
		require.Equal(t, pair[1], pair[0].or(pair[1]))
		require.Equal(t, pair[1], pair[1].or(pair[0]))
	}
}
