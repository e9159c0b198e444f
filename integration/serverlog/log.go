// Package serverlog tells which statements a PostgreSQL server has executed for one application, from the server's own
// log. Unlike counters it gives every execution, in order, with its text and parameters, and forgets none.
package serverlog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Parameters are the settings that a server needs to be followed.
func Parameters() map[string]string {
	return map[string]string{
		"logging_collector": "on",
		"log_destination":   "csvlog",
		"log_statement":     "all",
		"log_directory":     "statements",
		"log_filename":      "statements.log",

		// One file for the whole run, and executions in full.
		"log_rotation_age":            "0",
		"log_rotation_size":           "0",
		"log_parameter_max_length":    "-1",
		"log_min_duration_statement":  "-1",
		"log_min_duration_sample":     "-1",
		"log_duration":                "off",
		"log_transaction_sample_rate": "0",
	}
}

// Log follows the log of one server. It is not safe for concurrent use.
type Log struct {
	conn        *pgx.Conn // the caller's
	file        *os.File
	application string
	marks       int
	rest        string // read from the file, beyond the latest mark
}

// Follow begins at the present end of the server's log and notices what connections with this application_name execute.
// The role of conn must be a member of pg_monitor, and the process must be allowed to read the server's files. The
// connection stays the caller's, who may use it between two calls and closes it after the Log.
func Follow(ctx context.Context, conn *pgx.Conn, application string) (_ *Log, err error) {
	var folder, name string
	if err := conn.QueryRow(ctx, `SELECT current_setting('data_directory'), pg_current_logfile('csvlog')`).Scan(&folder, &name); err != nil {
		return nil, fmt.Errorf("ask for the log file: %w", err)
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(folder, name)
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	l := &Log{conn: conn, file: file, application: application}
	if err := l.skip(ctx); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return l, nil
}

// Close ends the following.
func (l *Log) Close() error { return l.file.Close() }

// Take returns what the application has executed since the last call, in the order of the log. Everything is included
// whose answer has arrived before the call: a server logs a statement before it executes it, and the log keeps the order
// in which messages were sent, so Take writes a mark of its own and reads up to it.
func (l *Log) Take(ctx context.Context) (statements []Statement, err error) {
	err = l.readToMark(ctx, func(mark string) (n int64, err error) {
		statements, n, err = parse(l.rest, mark, l.application)
		return n, err
	})
	return statements, err
}

// skip passes over what is in the log so far without understanding it: the log may be long, and the application's
// executions are those of earlier runs.
func (l *Log) skip(ctx context.Context) error {
	return l.readToMark(ctx, func(mark string) (int64, error) {
		at := strings.Index(l.rest, mark)
		if at < 0 {
			return 0, io.ErrUnexpectedEOF
		}
		end := strings.IndexByte(l.rest[at:], '\n')
		if end < 0 {
			return 0, io.ErrUnexpectedEOF
		}
		return int64(at + end + 1), nil
	})
}

// readToMark has the server log a new mark and reads until understand, which gives the length of what it has made use
// of, finds it in l.rest. Until then it answers io.ErrUnexpectedEOF.
func (l *Log) readToMark(ctx context.Context, understand func(mark string) (int64, error)) error {
	l.marks++
	mark := fmt.Sprintf("/* mark %d of %d */", l.marks, l.conn.PgConn().PID())
	if _, err := l.conn.Exec(ctx, "SELECT 1 "+mark); err != nil {
		return err
	}
	for {
		added, err := io.ReadAll(l.file)
		if err != nil {
			return err
		}
		l.rest += string(added)
		n, err := understand(mark)
		if err == nil {
			l.rest = l.rest[n:]
			return nil
		}
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the log has not shown %q: %w", mark, ctx.Err())
		case <-time.After(time.Millisecond):
		}
	}
}
