package pgsplit

import (
	"fmt"
	"os"
	"slices"
	"strconv"
)

// pgxKey is a key of pgx's that takes few values. pgx says that one is wrong, but not which would be right.
type pgxKey struct {
	key, env string // env: pgx reads it where the DSN has no such key
	values   []string
}

var pgxKeys = []pgxKey{
	{"sslmode", "PGSSLMODE", []string{"disable", "allow", "prefer", "require", "verify-ca", "verify-full"}},
	{"sslcertmode", "PGSSLCERTMODE", []string{"disable", "allow", "require"}},
	{"channel_binding", "PGCHANNELBINDING", []string{"disable", "prefer", "require"}},
	{"min_protocol_version", "PGMINPROTOCOLVERSION", []string{"3.0", "3.2", "latest"}},
	{"max_protocol_version", "PGMAXPROTOCOLVERSION", []string{"3.0", "3.2", "latest"}},
	{"target_session_attrs", "PGTARGETSESSIONATTRS", []string{"read-write", "primary", "any", "prefer-standby"}},
	{"default_query_exec_mode", "", []string{"cache_statement", "cache_describe", "describe_exec", "exec", "simple_protocol"}},
	// whole numbers
	{"connect_timeout", "PGCONNECT_TIMEOUT", nil},
	{"statement_cache_capacity", "", nil},
	{"description_cache_capacity", "", nil},
}

// wrong says what would be right instead of a value; "" if nothing is wrong with it.
func (k pgxKey) wrong(value string) string {
	switch {
	case value == "" || slices.Contains(k.values, value):
	case k.values != nil:
		return "write " + oneOf(k.values)
	case !isNumber(value) && k.key == "connect_timeout":
		return `write a whole number of seconds, such as "10"`
	case !isNumber(value):
		return `write a whole number, such as "512"`
	}
	return ""
}

func isNumber(value string) bool {
	n, err := strconv.ParseInt(value, 10, 32)
	return err == nil && n >= 0
}

// refusal is the error for settings that pgx has refused: with key, value and what would be right where it is one of pgxKeys.
// What pgx accepts never comes here, so that a value which only a newer pgx knows is no mistake.
func (p *dsnParser) refusal(err error, values map[string]string) error {
	if shown := p.hide(err); shown != err {
		return shown
	}
	for _, k := range pgxKeys {
		value, given := values[k.key]
		name := k.key
		switch {
		case given && values[k.key] == p.service[k.key] && p.main.values[k.key] != value:
			name += " in the service file"
		case !given && k.env != "":
			name, value = k.env, os.Getenv(k.env)
		}
		if remedy := k.wrong(value); remedy != "" {
			return &textError{fmt.Sprintf("%s%s: %s", name, p.quote(value), remedy), err}
		}
	}
	return err
}
