package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRouteAnswersLineByLineInJSON(t *testing.T) {
	in := strings.NewReader("\"select id\\nfrom stories -- all\"\n\n\"select nextval('s')\"\n\"insert into app.t values (1) returning id\"")
	var out bytes.Buffer
	require.NoError(t, route{json: true}.run(t.Context(), in, &out))
	require.Equal(t, `{"target":"replica","reason":"read","relations":["stories"],"functions":[]}
{"target":"primary","reason":"writes","relations":[],"functions":["nextval"]}
{"target":"primary","reason":"writes","relations":["app.t"],"functions":[]}
`, out.String())
	require.ErrorContains(t, route{json: true}.run(t.Context(), strings.NewReader("select 1"), &out), "line 1")
}

func TestRouteSplitsAScript(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, route{}.run(t.Context(), strings.NewReader("select 1; select ';' from t for update;"), &out))
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Len(t, lines, 2)
	require.True(t, strings.HasPrefix(lines[0], "replica"), lines[0])
	require.True(t, strings.HasPrefix(lines[1], "primary"), lines[1])
	require.Contains(t, lines[1], "locks")
}
