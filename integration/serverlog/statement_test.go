package serverlog

import (
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// record is a line of csvlog as PostgreSQL 15 writes it.
func record(application, severity, message, detail string) string {
	quote := func(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
	return `2026-05-04 12:00:00.000 UTC,"app","app",4578,"127.0.0.1:44170",6b03ba2c.11e2,1,"idle",2026-05-04 12:00:00 UTC,3/2,0,` +
		severity + `,00000,` + quote(message) + `,` + quote(detail) + `,,,,,,,,` + quote(application) + `,"client backend",,0` + "\n"
}

func TestParseFindsTheExecutionsOfTheApplication(t *testing.T) {
	text := record("site", "LOG", "statement: begin", "") +
		record("site", "LOG", "execute <unnamed>: SELECT $1,\n\t\"a\"", "parameters: $1 = 'x, \"y\"'") +
		record("site", "LOG", "execute stmtcache_1f/portal: SELECT 'execute <unnamed>: x'", "Parameters: $1 = '1'") +
		record("site (pgsplit monitor)", "LOG", "statement: SELECT pg_is_in_recovery()", "") +
		record("site", "ERROR", "division by zero", "") +
		record("site", "LOG", "duration: 1.5 ms", "") +
		record("site", "LOG", "statement: -- ping", "") +
		record("psql", "LOG", "statement: SELECT 1 /* mark 1 */", "") +
		record("site", "LOG", "statement: commit", "")

	got, n, err := parse(text, "/* mark 1 */", "site")
	require.NoError(t, err)
	assert.Equal(t, []Statement{
		{Text: "begin"},
		{Text: "SELECT $1,\n\t\"a\"", Parameters: `$1 = 'x, "y"'`},
		{Text: "SELECT 'execute <unnamed>: x'", Parameters: "$1 = '1'"},
	}, got)
	assert.Equal(t, record("site", "LOG", "statement: commit", ""), text[n:])
}

func TestParseWaitsForTheWholeMark(t *testing.T) {
	text := record("site", "LOG", "statement: SELECT \"a\"", "") + record("psql", "LOG", "statement: SELECT 1 /* mark 1 */", "")
	for cut := range len(text) {
		_, _, err := parse(text[:cut], "/* mark 1 */", "site")
		require.ErrorIs(t, err, io.ErrUnexpectedEOF, text[:cut])
	}
	got, n, err := parse(text, "/* mark 1 */", "site")
	require.NoError(t, err)
	assert.Len(t, got, 1)
	assert.Equal(t, int64(len(text)), n)
}
