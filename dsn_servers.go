package pgsplit

import (
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// parseForPgx lets pgx parse the settings, less those that are not for it.
func parseForPgx(values map[string]string) (*pgx.ConnConfig, error) {
	values = maps.Clone(values)
	for key := range values {
		if isOwnKey(key) || isIgnoredKey(key) {
			delete(values, key)
		}
	}
	ssl, sslGiven := values["ssl"]
	delete(values, "ssl") // in a URL, as formatDSN writes it, ssl=true is sslmode=require; in the DSN it was not
	config, err := pgx.ParseConfig(formatDSN(values))
	if err != nil {
		return nil, pgxReason(err)
	}
	for key := range config.RuntimeParams { // from the service file
		if isOwnKey(key) || isIgnoredKey(key) {
			delete(config.RuntimeParams, key)
		}
	}
	if sslGiven {
		config.RuntimeParams["ssl"] = ssl
	}
	return config, nil
}

// parseServers makes one configuration of each host in all, which is what parseForPgx made of values. Parsing again with one host
// keeps each host's own TLS name, fallbacks and entry in the password file together.
func parseServers(all *pgx.ConnConfig, values map[string]string) ([]*pgx.ConnConfig, error) {
	type address struct {
		host string
		port uint16
	}
	addresses := []address{{all.Host, all.Port}}
	for _, fallback := range all.Fallbacks {
		if a := (address{fallback.Host, fallback.Port}); !slices.Contains(addresses, a) {
			addresses = append(addresses, a)
		}
	}
	values = maps.Clone(values)
	values["target_session_attrs"] = "any"
	var servers []*pgx.ConnConfig
	for _, a := range addresses {
		values["host"], values["port"] = a.host, strconv.Itoa(int(a.port))
		server, err := parseForPgx(values)
		if err != nil {
			return nil, err
		}
		servers = append(servers, server)
	}
	return servers, nil
}

func serverAddress(server *pgx.ConnConfig) string {
	return net.JoinHostPort(server.Host, strconv.Itoa(int(server.Port)))
}

func serverIdentity(server *pgx.ConnConfig) string {
	return strings.Join([]string{serverAddress(server), server.User, server.Database}, "\x00")
}

func withService(service, values map[string]string) map[string]string {
	all := make(map[string]string, len(service)+len(values))
	maps.Copy(all, service)
	maps.Copy(all, values)
	return all
}
