package pgsplit

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// dsnText is one DSN taken apart as pgx takes it apart, which keeps its parsers to itself: the same strings are accepted and
// the same settings come out. (One difference: a URL that pgx accepts but that surely is another one with a "/" in its password
// is an error.) No error of this file quotes any of the text, since in a text that cannot be taken apart a password may be
// anywhere.
type dsnText struct {
	values   map[string]string // by pgx's names: dbname is "database"
	repeated []string          // keys that stand in the text more than once; the last one counts
	// doubtful: a URL in which an "@" stands where none belongs. Most likely a password contains a / or an @ that is not
	// percent-encoded, and parts of it now pass for host, port, database or parameters.
	doubtful bool
}

func isURL(dsn string) bool {
	return strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://")
}

func parseDSNText(dsn string) (dsnText, error) {
	t := dsnText{values: make(map[string]string)}
	if strings.IndexByte(dsn, 0) >= 0 {
		return t, errors.New("the DSN contains a NUL byte")
	}
	if isURL(dsn) {
		err := t.parseURL(dsn)
		return t, err
	}
	err := t.parseKeywords(dsn)
	return t, err
}

func (t *dsnText) put(key, value string) {
	if key == "dbname" {
		key = "database"
	}
	if _, present := t.values[key]; present && !slices.Contains(t.repeated, key) {
		t.repeated = append(t.repeated, key)
	}
	t.values[key] = value
}

func (t *dsnText) parseURL(dsn string) error {
	_, rest, _ := strings.Cut(dsn, "://")

	// Like libpq: any "@" before the first "/" ends the user and password.
	userGiven := false
	if i := strings.IndexAny(rest, "@/"); i >= 0 && rest[i] == '@' {
		user, password, _ := strings.Cut(rest[:i], ":")
		rest = rest[i+1:]
		userGiven = true
		for _, part := range []struct{ key, raw string }{{"user", user}, {"password", password}} {
			if part.raw == "" {
				continue
			}
			value, err := decodeURLPart(part.raw)
			if err != nil {
				return fmt.Errorf("the %s in the URL %v", part.key, err)
			}
			t.put(part.key, value)
		}
	}

	rest, err := t.parseURLHosts(rest)
	if err != nil {
		return err
	}
	path, query, _ := strings.Cut(rest, "?")
	if strings.Contains(path, "@") && !userGiven {
		return errors.New(`the URL has an "@" after its first "/"; write %2F for a / in a user name or password, and %40 for an @ elsewhere`)
	}
	if database := strings.TrimPrefix(path, "/"); database != "" {
		value, err := decodeURLPart(database)
		if err != nil {
			return fmt.Errorf("the database name in the URL %v", err)
		}
		t.put("database", value)
	}
	t.doubtful = strings.Contains(t.values["host"]+t.values["port"], "@")
	return t.parseURLQuery(query, userGiven)
}

// parseURLHosts sets host and port, two lists of the same length joined with commas, and gives what follows them.
func (t *dsnText) parseURLHosts(rest string) (string, error) {
	var hosts, ports strings.Builder
	for {
		if strings.HasPrefix(rest, "[") {
			host, after, closed := strings.Cut(rest[1:], "]")
			if !closed || host == "" {
				return "", errors.New(`the URL has a "[" without an IPv6 address and "]" after it`)
			}
			if after != "" && !strings.ContainsRune(":/?,", rune(after[0])) {
				return "", errors.New(`the URL has something other than a port, "/", "?" or "," after the "]" of an IPv6 address`)
			}
			hosts.WriteString(host)
			rest = after
		} else {
			i := indexAnyOrLen(rest, ":/?,")
			hosts.WriteString(rest[:i])
			rest = rest[i:]
		}
		if strings.HasPrefix(rest, ":") {
			i := indexAnyOrLen(rest, "/?,")
			ports.WriteString(rest[1:i])
			rest = rest[i:]
		}
		if !strings.HasPrefix(rest, ",") {
			break
		}
		rest = rest[1:]
		hosts.WriteByte(',')
		ports.WriteByte(',')
	}
	for _, list := range []struct{ key, raw string }{{"host", hosts.String()}, {"port", ports.String()}} {
		if list.raw == "" {
			continue
		}
		value, err := decodeURLPart(list.raw)
		if err != nil {
			return "", fmt.Errorf("the %s list in the URL %v", list.key, err)
		}
		t.values[list.key] = value
	}
	return rest, nil
}

func (t *dsnText) parseURLQuery(query string, userGiven bool) error {
	// The parameters have a map of their own at first: that ?host= follows a host in the URL is no repetition.
	params := dsnText{values: make(map[string]string)}
	sslIsLast := false
	for number := 1; query != ""; number++ {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		rawKey, rawValue, found := strings.Cut(pair, "=")
		key, err := decodeURLPart(rawKey)
		switch {
		case !found:
			return fmt.Errorf(`parameter %d of the URL has no "="`, number)
		case strings.Contains(rawValue, "=") && key == replicasKey:
			return errors.New(`the value of replicas contains "="; inside a URL it must be percent-encoded as a whole, as url.QueryEscape does`)
		case strings.Contains(rawValue, "="):
			return fmt.Errorf(`parameter %d of the URL has a second "="; write %%3D for one in a value`, number)
		case err != nil:
			return fmt.Errorf("the name of parameter %d of the URL %v", number, err)
		}
		value, err := decodeURLPart(rawValue)
		if err != nil {
			return fmt.Errorf("the value of parameter %d of the URL %v", number, err)
		}
		if strings.Contains(rawValue, "@") && !userGiven && key != replicasKey && key != "user" && key != "password" {
			t.doubtful = true
		}
		params.put(key, value)
		if key == "ssl" || key == "sslmode" {
			sslIsLast = key == "ssl"
		}
	}
	// JDBC's ssl=true, which libpq takes in URLs.
	if params.values["ssl"] == "true" {
		delete(params.values, "ssl")
		if sslIsLast {
			params.values["sslmode"] = "require"
		}
	}
	maps.Copy(t.values, params.values)
	t.repeated = append(t.repeated, params.repeated...)
	return nil
}

func indexAnyOrLen(s, chars string) int {
	if i := strings.IndexAny(s, chars); i >= 0 {
		return i
	}
	return len(s)
}

// decodeURLPart undoes percent-encoding as libpq does: a "+" stays, spaces around are dropped, inside they are errors.
func decodeURLPart(raw string) (string, error) {
	raw = strings.Trim(raw, " ")
	if strings.Contains(raw, " ") {
		return "", errors.New("contains a space; write %20")
	}
	var b strings.Builder
	for i := 0; i < len(raw); i++ {
		if raw[i] != '%' {
			b.WriteByte(raw[i])
			continue
		}
		if i+2 >= len(raw) {
			return "", errors.New(`has a "%" without two hexadecimal digits; write %25 for the character itself`)
		}
		high, low := hexValue(raw[i+1]), hexValue(raw[i+2])
		if high < 0 || low < 0 {
			return "", errors.New(`has a "%" without two hexadecimal digits; write %25 for the character itself`)
		}
		if high == 0 && low == 0 {
			return "", errors.New("contains %00")
		}
		b.WriteByte(byte(high<<4 | low))
		i += 2
	}
	return b.String(), nil
}

func hexValue(c byte) int {
	if c >= 'A' && c <= 'F' {
		c += 'a' - 'A'
	}
	return strings.IndexByte("0123456789abcdef", c)
}

const asciiSpaces = " \t\n\r\v\f"

func (t *dsnText) parseKeywords(rest string) error {
	rest = strings.TrimLeft(rest, asciiSpaces)
	for number := 1; rest != ""; number++ {
		key, after, found := strings.Cut(rest, "=")
		key = strings.Trim(key, asciiSpaces)
		if !found || key == "" || strings.ContainsAny(key, asciiSpaces) {
			return fmt.Errorf(`the DSN is neither a postgres:// URL nor keyword=value pairs: pair %d has no keyword and "=" `+
				`(a value that contains spaces must stand in single quotes)`, number)
		}
		value, after, err := cutKeywordValue(strings.TrimLeft(after, asciiSpaces))
		if err != nil {
			return fmt.Errorf("keyword=value pair %d %v", number, err)
		}
		rest = strings.TrimLeft(after, asciiSpaces)
		if key == "user" && value == "" {
			continue // as pgx does: the default user
		}
		t.put(key, value)
	}
	return nil
}

// cutKeywordValue reads one value, in single quotes or up to a space. A backslash makes the next byte literal.
func cutKeywordValue(s string) (value, rest string, err error) {
	quoted := strings.HasPrefix(s, "'")
	i := 0
	if quoted {
		i = 1
	}
	var b strings.Builder
	for ; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\'':
			return b.String(), s[i+1:], nil
		case !quoted && strings.IndexByte(asciiSpaces, s[i]) >= 0:
			return b.String(), s[i:], nil
		case s[i] == '\\':
			if i++; i == len(s) {
				break // nothing follows: dropped
			}
			fallthrough
		default:
			b.WriteByte(s[i])
		}
	}
	if quoted {
		return "", "", errors.New("has no closing quote")
	}
	return b.String(), "", nil
}

// formatDSN is a URL that pgx takes apart into exactly these settings.
func formatDSN(values map[string]string) string {
	var b strings.Builder
	b.WriteString("postgres:///")
	separator := byte('?')
	for _, key := range slices.Sorted(maps.Keys(values)) {
		b.WriteByte(separator)
		b.WriteString(encodeURLPart(key))
		b.WriteByte('=')
		b.WriteString(encodeURLPart(values[key]))
		separator = '&'
	}
	return b.String()
}

func encodeURLPart(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}
