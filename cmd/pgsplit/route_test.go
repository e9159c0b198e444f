package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit/pgsplittest"
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

// questions are texts, and what -json answers about them with a catalog and without.
var questions = []struct{ sql, with, without string }{
	{"select title\nfrom stories -- all\nwhere id = $1",
		`{"target":"replica","reason":"read","relations":["stories"],"functions":[]}`, ""},
	{"select s.id, lower(s.title), public.words(body) from public.stories s join \"Tag Names\" t on t.id = s.id",
		`{"target":"replica","reason":"read","relations":["public.stories","Tag Names"],"functions":["lower","public.words"]}`,
		`{"target":"primary","reason":"calls an unknown function","relations":["public.stories","Tag Names"],"functions":["lower","public.words"]}`},
	{"select * from audited",
		`{"target":"primary","reason":"calls an unknown function","relations":["audited"],"functions":[]}`,
		`{"target":"replica","reason":"read","relations":["audited"],"functions":[]}`},
	{"select * from scratch",
		`{"target":"primary","reason":"reads server-local state","relations":["scratch"],"functions":[]}`,
		`{"target":"replica","reason":"read","relations":["scratch"],"functions":[]}`},
	{"select * from nowhere",
		`{"target":"primary","reason":"names something unknown","relations":["nowhere"],"functions":[]}`,
		`{"target":"replica","reason":"read","relations":["nowhere"],"functions":[]}`},
	{"with new as (insert into stories (title) values ('a < b & c') returning id)\r\nselect * from new",
		`{"target":"primary","reason":"writes","relations":["stories","new"],"functions":[]}`, ""},
	{"select id from stories for update", `{"target":"primary","reason":"locks","relations":["stories"],"functions":[]}`, ""},
	{"select set_config('a.b', $1, true)", `{"target":"primary","reason":"touches session state","relations":[],"functions":["set_config"]}`, ""},
	{"select count(*) from pg_class", `{"target":"primary","reason":"reads the system catalog","relations":["pg_class"],"functions":["count"]}`, ""},
	{"select 1; select 2", `{"target":"primary","reason":"several statements","relations":[],"functions":[]}`, ""},
	{"frobnicate", `{"target":"primary","reason":"not understood","relations":[],"functions":[]}`, ""},
	{"", `{"target":"primary","reason":"not understood","relations":[],"functions":[]}`, ""},
	{"/* pgsplit: primary */ select 1", `{"target":"primary","reason":"forced to the primary","relations":[],"functions":[]}`, ""},
	{"select 'ü <>&', '\u2028'", `{"target":"replica","reason":"read","relations":[],"functions":[]}`, ""},
}

// asked are the questions as lines of -json input, and the answers.
func asked(t *testing.T, catalog bool) (lines, answers string) {
	t.Helper()
	for _, q := range questions {
		line, err := json.Marshal(q.sql)
		require.NoError(t, err)
		lines += string(line) + "\n"
		if answer := q.without; !catalog && answer != "" {
			answers += answer + "\n"
		} else {
			answers += q.with + "\n"
		}
	}
	return lines, answers
}

func TestRouteAnswersByTheCatalogOfARealCluster(t *testing.T) {
	c := pgsplittest.Start(t, pgsplittest.Options{Replicas: 1, SetupSQL: `
		create table stories (id bigserial primary key, title text, body text);
		create table "Tag Names" (id bigint);
		create unlogged table scratch (id int);
		create function words(text) returns int language sql immutable as 'select cardinality(string_to_array($1, '' ''))';
		create function note(bigint) returns bigint language sql volatile as 'insert into stories (id) values ($1) returning id';
		create view audited as select id, note(id) from stories;
	`})
	lines, answers := asked(t, true)
	for name, dsn := range map[string]string{"a cluster": c.DSN(), "one server": c.Primary.DSN()} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "questions.json")
			require.NoError(t, os.WriteFile(file, []byte(lines), 0o600))
			var stdout, stderr bytes.Buffer
			require.Zero(t, run(t.Context(), []string{"route", "--json", "--dsn", dsn, file}, &stdout, &stderr), stderr.String())
			require.Equal(t, answers, stdout.String())
			require.Empty(t, stderr.String())
		})
	}
	t.Run("a script", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "script.sql")
		require.NoError(t, os.WriteFile(file, []byte("select words('a;b');\n\ntable audited;\n-- the end\n"), 0o600))
		var stdout, stderr bytes.Buffer
		require.Zero(t, run(t.Context(), []string{"route", "-dsn", c.DSN(), file}, &stdout, &stderr), stderr.String())
		require.Equal(t, []string{"replica read select words('a;b')", "primary calls an unknown function table audited"}, words(stdout.String()))
	})
}

// words are the lines of a text, with single spaces.
func words(text string) (lines []string) {
	for line := range strings.Lines(text) {
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	return lines
}

// It can be asked one question at a time: each answer comes before the next question.
func TestRouteAnswersAtOnceThroughAPipe(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), os.Args[0], "route", "--json")
	cmd.Env = append(os.Environ(), asCommand+"=1")
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines, answers := asked(t, false)
	reader := bufio.NewReader(out)
	want := strings.SplitAfter(answers, "\n")
	for i, line := range strings.SplitAfter(strings.TrimSuffix(lines, "\n"), "\n") {
		_, err := io.WriteString(in, strings.TrimSuffix(line, "\n")+"\n")
		require.NoError(t, err)
		got, err := reader.ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, want[i], got)
	}
	require.NoError(t, in.Close())
	require.NoError(t, cmd.Wait())
}

func TestRouteSaysWhatIsWrongWithItsInput(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "bad.json")
	require.NoError(t, os.WriteFile(file, []byte("\"select 1\"\n{\"sql\": 1}\n"), 0o600))
	for _, test := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"route", "a.sql", "b.sql"}, 2, "one file at a time, not 2"},
		{[]string{"route", "-jsonl"}, 2, "flag provided but not defined: -jsonl"},
		{[]string{"route", "-json=maybe"}, 2, `invalid boolean value "maybe"`},
		{[]string{"route", "-dsn"}, 2, "flag needs an argument: -dsn"},
		{[]string{"route", filepath.Join(dir, "nosuch.sql")}, 1, "nosuch.sql"},
		{[]string{"route", "-json", file}, 1, "line 2 is not a JSON string"},
		{[]string{"route", "-dsn", "host=127.0.0.1 port=1 replicas=127.0.0.1:2 password=secret", file}, 1, "route: "},
		{[]string{"route", "-dsn", "postgres://127.0.0.1:1/x?max_lag=soon&password=secret", file}, 1, "max_lag"},
	} {
		var stdout, stderr bytes.Buffer
		status := run(t.Context(), test.args, &stdout, &stderr)
		require.Equal(t, test.status, status, "%q: %s", test.args, &stderr)
		require.Contains(t, stderr.String(), test.want, "%q", test.args)
		require.NotContains(t, stderr.String(), "secret")
		require.Equal(t, test.status == 2, strings.Contains(stderr.String(), "Usage: pgsplit route"), "%q", test.args)
	}
	var stdout, stderr bytes.Buffer
	run(t.Context(), []string{"route", "-json", file}, &stdout, &stderr)
	require.Equal(t, fmt.Sprintln(`{"target":"replica","reason":"read","relations":[],"functions":[]}`), stdout.String(), "what came before the mistake")
}
