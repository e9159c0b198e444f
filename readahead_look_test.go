package pgsplit

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
)

// said is a message of a server: a row, an error or a notice with a code, or the end of an answer.
func said(kind byte, code string) []byte {
	body := "some bytes"
	if code != "" {
		body = "SWARNING\x00C" + code + "\x00Msome text\x00\x00"
	}
	return append(append([]byte{kind}, binary.BigEndian.AppendUint32(nil, uint32(4+len(body)))...), body...)
}

func TestWhatAnAnswerSaysOfItsEndHoweverItArrives(t *testing.T) {
	row, end := said('D', ""), said('Z', "")
	for name, test := range map[string]struct {
		answer []([]byte)
		code   string
	}{
		"rows":                        {[][]byte{row, row}, ""},
		"rows and their end":          {[][]byte{row, end}, ""},
		"an error":                    {[][]byte{row, said('E', "40001"), end}, "40001"},
		"an answer before it":         {[][]byte{said('E', "22012"), end, row}, ""},
		"the server's end":            {[][]byte{row, said('E', "57P01")}, "57P01"},
		"its end at once":             {[][]byte{row, said('N', "57P01")}, "57P01"},
		"a warning like it":           {[][]byte{row, said('N', "57P01"), row, end}, ""},
		"a warning like it, an error": {[][]byte{said('N', "57P01"), said('E', "40001"), end}, "40001"},
		"an error, a warning like it": {[][]byte{said('E', "40001"), said('N', "57P01"), end}, "40001"},
		"another warning":             {[][]byte{row, said('N', "01000")}, ""},
	} {
		var all []byte
		for _, m := range test.answer {
			all = append(all, m...)
		}
		whole := readAhead{armed: true}
		whole.look(all)
		require.Equal(t, test.code, whole.code, name)
		for cut := 1; cut < len(all); cut++ {
			a := readAhead{armed: true}
			a.look(all[:cut])
			a.look(all[cut:])
			require.Contains(t, []string{test.code, ""}, a.code, "%s: a code that is cut in two may be missed", name)
			require.Equal(t, whole.ended, a.ended, name)
		}
	}
}
