// Package corpus is a collection of statements with what is expected of them, for the tests of this and other packages.
package corpus

import (
	"embed"
	"fmt"
	"strings"
)

// Want is where a statement may go.
type Want uint8

const (
	Primary Want = iota
	Replica      // a pure read: a standby gives the primary's answer
)

func (w Want) String() string { return [...]string{"primary", "replica"}[w] }

// Case is one statement.
type Case struct {
	SQL   string
	Group string // the file it stands in, or the generator that made it

	// Want is what the text and the built-in functions tell; Known is what is right once the catalog of a server with
	// Schema is known too. They differ for user-defined functions and operators, unlogged tables and the like.
	Want, Known Want

	// Differs marks a read whose answer is another one at each call or on each server, and is asked for that reason.
	Differs bool

	// Check marks a statement that no server need be able to execute: a syntax error, an object that does not exist.
	Check bool
}

//go:embed *.sql
var files embed.FS

// Schema is what the statements need: run it once on an empty database.
//
//go:embed schema/schema.sql
var Schema string

// Written returns the statements that were written by hand, in the order of their files.
func Written() []Case {
	entries, err := files.ReadDir(".")
	if err != nil {
		panic(err)
	}
	var cases []Case
	for _, e := range entries {
		text, err := files.ReadFile(e.Name())
		if err != nil {
			panic(err)
		}
		cases = append(cases, parse(strings.TrimSuffix(e.Name(), ".sql"), string(text))...)
	}
	return cases
}

// All returns the written and the generated statements.
func All() []Case { return append(Written(), Generated()...) }

// parse reads a file of cases. "=== words" begins a list of statements of one line each, "--- words" one statement of any
// number of lines. The words are replica or primary, known-replica or known-primary if the catalog tells otherwise,
// differs, and check.
func parse(group, text string) []Case {
	var cases []Case
	var head Case
	var long []string
	multi := false
	flush := func() {
		if multi {
			head.SQL = strings.Join(long, "\n")
			cases = append(cases, head)
		}
		long, multi = nil, false
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "=== "), strings.HasPrefix(line, "--- "):
			flush()
			head = heading(group, line[4:])
			multi = line[0] == '-'
		case multi:
			long = append(long, line)
		case line != "" && !strings.HasPrefix(line, "# "):
			head.SQL = line
			cases = append(cases, head)
		}
	}
	flush()
	return cases
}

func heading(group, words string) Case {
	c := Case{Group: group}
	for word := range strings.FieldsSeq(words) {
		switch word {
		case "replica":
			c.Want, c.Known = Replica, Replica
		case "primary":
		case "known-replica":
			c.Known = Replica
		case "known-primary":
			c.Known = Primary
		case "differs":
			c.Differs = true
		case "check":
			c.Check = true
		default:
			panic(fmt.Sprintf("corpus %s: unknown word %q", group, word))
		}
	}
	return c
}
