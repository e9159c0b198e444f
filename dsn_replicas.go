package pgsplit

import (
	"errors"
	"maps"
	"strconv"
	"strings"
)

// splitReplicas takes the value of replicas= apart at its commas. A comma separates, except
//   - between single quotes, where a backslash makes the next byte literal;
//   - in a URL before its first "/" or "?" after "://", where it separates the hosts of that URL,
//     unless another URL follows it.
//
// Items come without the quotes and spaces around them. Empty ones are dropped, so that an unset variable in "$A,$B" does
// no harm.
func splitReplicas(value string) (items []replicaItem, err error) {
	rest := value
	for {
		rest = strings.TrimLeft(rest, asciiSpaces)
		var item replicaItem
		if strings.HasPrefix(rest, "'") {
			item.quoted = true
			item.text, rest, err = cutKeywordValue(rest)
			if err != nil {
				return nil, errors.New("a single quote is not closed")
			}
			rest = strings.TrimLeft(rest, asciiSpaces)
			if rest != "" && rest[0] != ',' {
				return nil, errors.New("a comma must follow a closing single quote")
			}
		} else {
			end := itemEnd(rest)
			item.text, rest = strings.TrimRight(rest[:end], asciiSpaces), rest[end:]
		}
		if item.text != "" {
			items = append(items, item)
		}
		if rest == "" {
			return items, nil
		}
		rest = rest[1:]
	}
}

type replicaItem struct {
	text   string
	quoted bool
}

// itemEnd is where an unquoted item ends: at a comma or at the end of s.
func itemEnd(s string) int {
	start := 0
	if isURL(s) {
		start = strings.Index(s, "://") + len("://")
		start += indexAnyOrLen(s[start:], "/?")
		for i := range start {
			if s[i] == ',' && isURL(strings.TrimLeft(s[i+1:], asciiSpaces)) {
				return i
			}
		}
	}
	return start + indexAnyOrLen(s[start:], ",")
}

// parse gives the settings that an item states; what it leaves out is not in them. A host item states host and port.
func (item replicaItem) parse() (dsnText, error) {
	switch {
	case isURL(item.text), item.quoted:
		return parseDSNText(item.text)
	case strings.Contains(item.text, "://"):
		return dsnText{}, errors.New("it is a URL, but not a postgres:// one")
	case strings.Contains(item.text, "="):
		return dsnText{}, errors.New("a keyword/value DSN in replicas must stand in single quotes")
	case strings.Contains(item.text, "@"):
		return dsnText{}, errors.New("it has a user, so it must be a whole DSN: put postgres:// before it")
	case strings.Contains(item.text, "/") && !isDirectory(item.text):
		return dsnText{}, errors.New(`a host contains no "/" (the directory of a Unix socket begins with one)`)
	case strings.ContainsAny(item.text, asciiSpaces+"'\x00"):
		return dsnText{}, errors.New("a host contains no spaces and no quotes; separate hosts by commas")
	}
	host, port, err := splitHostPort(item.text)
	if err != nil {
		return dsnText{}, err
	}
	return dsnText{values: map[string]string{"host": host, "port": port}}, nil
}

// splitHostPort takes host, host:port, [v6]:port, /directory and /directory:port apart; what is left out is empty.
func splitHostPort(s string) (host, port string, err error) {
	if after, found := strings.CutPrefix(s, "["); found {
		host, port, found = strings.Cut(after, "]")
		if !found || host == "" || port != "" && port[0] != ':' {
			return "", "", errors.New(`write an IPv6 address as "[address]:port"`)
		}
		return host, strings.TrimPrefix(port, ":"), nil
	}
	colon := strings.LastIndexByte(s, ':')
	if colon < 0 || isDirectory(s) && !isPort(s[colon+1:]) {
		return s, "", nil
	}
	host, port = s[:colon], s[colon+1:]
	if strings.Contains(host, ":") && !isDirectory(host) {
		return "", "", errors.New(`it has more than one ":"; write an IPv6 address as "[address]:port"`)
	}
	return host, port, nil
}

// isDirectory says whether pgx takes the host for the directory of a Unix socket.
func isDirectory(host string) bool {
	return strings.HasPrefix(host, "/") ||
		len(host) > 2 && host[0] >= 'A' && host[0] <= 'Z' && host[1] == ':' && host[2] == '\\'
}

func isPort(s string) bool { return checkPort(s) == nil }

// fillReplica completes the settings of a replica with those of the main DSN, whose first host and port stand in for a host
// and a port left out.
func fillReplica(replica, main map[string]string, mainHost, mainPort string) map[string]string {
	filled := maps.Clone(main)
	maps.Copy(filled, replica)
	fill := func(list, empty string) string {
		elements := strings.Split(list, ",")
		for i, element := range elements {
			if element == "" {
				elements[i] = empty
			}
		}
		return strings.Join(elements, ",")
	}
	filled["host"] = fill(replica["host"], mainHost)
	filled["port"] = fill(replica["port"], mainPort)
	return filled
}

func checkPort(s string) error {
	if port, err := strconv.ParseUint(s, 10, 16); err != nil || port == 0 {
		return errors.New("a port is a number from 1 to 65535")
	}
	return nil
}
