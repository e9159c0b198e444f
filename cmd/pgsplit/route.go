package main

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/pgsplit/pgsplit"
	"github.com/pgsplit/pgsplit/internal/statement"
)

var routeCommand = command{
	name:    "route",
	summary: "show where statements would go, and why",
	about: `Reads SQL from a file, or from standard input, and shows for each statement whether it would go to a replica or to
the primary, as the first query of a connection outside of transactions.

  pgsplit route queries.sql
  echo 'select now()' | pgsplit route

With -json every line of the input is a statement as a JSON string, and every line of the output an object:
{"target":"replica","reason":"read","relations":["stories"],"functions":[]}

Without -dsn only the text and PostgreSQL's built-in functions count; with it also what the catalog of that database says
of your functions, views and tables. A DSN of one server will do: what could go to a replica is then said to go there.
`,
	prepare: func(flags *flag.FlagSet) func(context.Context, io.Writer, []string) error {
		var r route
		flags.BoolVar(&r.json, "json", false, "read JSON strings, write JSON objects, one a line")
		flags.StringVar(&r.dsn, "dsn", "", "the `DSN` of a cluster to ask what its functions and relations are")
		return func(ctx context.Context, out io.Writer, args []string) error {
			in := io.Reader(os.Stdin)
			switch len(args) {
			case 0:
			case 1:
				f, err := os.Open(args[0])
				if err != nil {
					return err
				}
				defer f.Close()
				in = f
			default:
				return fmt.Errorf("%w: one file at a time, not %d", errUsage, len(args))
			}
			return r.run(ctx, in, out)
		}
	},
}

// route explains statements.
type route struct {
	json bool
	dsn  string
}

func (r route) run(ctx context.Context, in io.Reader, out io.Writer) error {
	explain := pgsplit.Explain
	if r.dsn != "" {
		db, err := sql.Open("pgsplit", r.dsn)
		if err != nil {
			return err
		}
		defer db.Close()
		cluster := pgsplit.ClusterOf(db)
		if err := cluster.LoadCatalog(ctx); err != nil {
			return err
		}
		explain = func(text string) pgsplit.Explanation {
			e := cluster.Explain(text)
			if e.Reason == pgsplit.ReasonNoReplica { // the question is what a replica would do
				e.Target, e.Reason = pgsplit.RoleReplica, pgsplit.ReasonReplica
			}
			return e
		}
	}
	w := bufio.NewWriter(out)
	if r.json {
		return explainLines(in, w, explain)
	}
	script, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	for _, text := range statement.Split(string(script)) {
		e := explain(text)
		fmt.Fprintf(w, "%-8s %-32s %s\n", e.Target, e.Reason, oneLine(text))
	}
	return w.Flush()
}

// explained is a line of -json output. Its names are what scripts rely on.
type explained struct {
	Target    string   `json:"target"`
	Reason    string   `json:"reason"`
	Relations []string `json:"relations"`
	Functions []string `json:"functions"`
}

// explainLines answers line by line, so that it can also serve as the other end of a pipe.
func explainLines(in io.Reader, w *bufio.Writer, explain func(string) pgsplit.Explanation) error {
	lines := bufio.NewReader(in)
	for n := 1; ; n++ {
		line, err := lines.ReadString('\n')
		if strings.TrimSpace(line) != "" {
			var text string
			if bad := json.Unmarshal([]byte(line), &text); bad != nil {
				w.Flush()
				return fmt.Errorf("line %d is not a JSON string: %v", n, bad)
			}
			e := explain(text)
			encoder := json.NewEncoder(w)
			encoder.SetEscapeHTML(false)
			if err := encoder.Encode(explained{e.Target.String(), e.Reason.String(), e.Relations, e.Functions}); err != nil {
				return err
			}
			if lines.Buffered() == 0 {
				if err := w.Flush(); err != nil {
					return err
				}
			}
		}
		if err == io.EOF {
			return w.Flush()
		}
		if err != nil {
			return err
		}
	}
}

// oneLine is a text without its line breaks, cut to what fits beside the answer.
func oneLine(text string) string {
	const most = 100
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return text
}
