package serverlog

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// Statement is one execution that a server has logged.
type Statement struct {
	Text string

	// Parameters are the values of $1, $2, … as the server writes them, empty without any.
	Parameters string
}

// Columns of csvlog that matter here. Later versions append columns and never move one.
const (
	columnSeverity    = 11
	columnMessage     = 13
	columnDetail      = 14
	columnApplication = 22
)

// execution matches the message of a statement: of the simple protocol, or of the extended one, where the name of the
// prepared statement and of the portal come first.
var execution = regexp.MustCompile(`(?s)^(?:statement|execute [^:\s]+): (.*)$`)

// parameters is what stands before them in the detail; its first letter differs between versions.
var parameters = regexp.MustCompile(`^[Pp]arameters: `)

// parse reads csvlog text up to the record that holds the mark and returns what application has executed, and the
// length of what was read. It returns io.ErrUnexpectedEOF while the mark is not there in full, so that the caller reads on.
func parse(text, mark, application string) ([]Statement, int64, error) {
	r := csv.NewReader(strings.NewReader(text))
	r.FieldsPerRecord = -1
	var statements []Statement
	for {
		record, err := r.Read()
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, csv.ErrQuote):
			return nil, 0, io.ErrUnexpectedEOF
		case err != nil:
			return nil, 0, fmt.Errorf("server log: %w", err)
		case len(record) <= columnApplication, !strings.HasSuffix(text[:r.InputOffset()], "\n"):
			// The end of a record that is still being written.
			return nil, 0, io.ErrUnexpectedEOF
		case strings.Contains(record[columnMessage], mark):
			return statements, r.InputOffset(), nil
		case record[columnApplication] != application || record[columnSeverity] != "LOG":
			continue
		}
		if m := execution.FindStringSubmatch(record[columnMessage]); m != nil && !internal.MatchString(m[1]) {
			statements = append(statements, Statement{
				Text:       m[1],
				Parameters: parameters.ReplaceAllString(record[columnDetail], ""),
			})
		}
	}
}

// internal matches what drivers send on the application's connections by themselves: pgx a comment to a connection that
// has been idle for a second; pgsplit a look at the server to a connection that has just been opened, and an order to forget
// prepared statements to one that may hold some from before a change of tables.
var internal = regexp.MustCompile(`^-- ping$|^/\* pgsplit |^deallocate all$`)
