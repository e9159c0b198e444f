package pgsplit

import (
	"context"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// ErrorClass is what kind of trouble with a server an error tells of.
type ErrorClass uint8

// The classes.
const (
	// ErrorUnreachable: no connection could be made, or one has ended without a word.
	ErrorUnreachable ErrorClass = iota
	// ErrorSilent: the server has stopped answering, and the monitor has given it up.
	ErrorSilent
	// ErrorShutdown: the server, or an administrator, ended the connection (57P01, 57P02, and FATAL of other codes).
	ErrorShutdown
	// ErrorStarting: the server does not take connections yet, or any more (57P03).
	ErrorStarting
	// ErrorFull: no connection slot was left (53300).
	ErrorFull
	// ErrorRefusedLogin: the server does not accept the user, the password or the database (class 28, 3D000).
	ErrorRefusedLogin
	// ErrorConflict: recovery on a replica cancelled the statement (40001, 40P01).
	ErrorConflict
	// ErrorRefused: a replica would not run the statement, and the primary was asked: a standby's limits, or DDL that is not
	// replayed yet.
	ErrorRefused

	errorClassCount
)

var errorClassNames = [errorClassCount]string{
	ErrorUnreachable: "unreachable", ErrorSilent: "silent", ErrorShutdown: "shut down", ErrorStarting: "starting",
	ErrorFull: "full", ErrorRefusedLogin: "login refused", ErrorConflict: "recovery conflict", ErrorRefused: "refused",
}

// String returns the class in a word or two.
func (c ErrorClass) String() string {
	if c < errorClassCount {
		return errorClassNames[c]
	}
	return "unknown class"
}

// MarshalText gives what String gives.
func (c ErrorClass) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// classOf tells the class of a server's error.
func classOf(err error) ErrorClass {
	var pgErr *pgconn.PgError
	switch {
	case errors.Is(err, errSilent), errors.Is(err, context.DeadlineExceeded):
		return ErrorSilent
	case !errors.As(err, &pgErr):
		return ErrorUnreachable
	}
	switch code := pgErr.Code; {
	case code == "53300":
		return ErrorFull
	case code == "57P03":
		return ErrorStarting
	case strings.HasPrefix(code, "28"), code == "3D000":
		return ErrorRefusedLogin
	case fatal(pgErr), code == "57P01", code == "57P02":
		return ErrorShutdown
	case code == "40001", code == "40P01":
		return ErrorConflict
	}
	return ErrorRefused
}
