package pgsplit

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// ParseConfig reads a DSN: everything that pgx understands, as a URL or as keyword/value pairs, with its environment variables,
// service file and password file, and these keys:
//
//	key                            default
//	replicas                                   further servers, see below
//	read_your_writes               off         off, on, strict: see ReadYourWrites
//	max_lag                        10s         a replica further behind serves no reads; 0: no bound
//	when_stale                     primary     primary, freshest, error: what a read does when no replica is fresh enough
//	wait                           0s          how long a read waits for a replica to catch up before that
//	stick_after_write              2s          how long after a write its readers avoid replicas without positions; 0: for good
//	balancer                       least_busy  least_busy, round_robin, random, latency
//	weights                        -           shares of the replicas in the reads: pg2*3,pg3:5433*1; see Config.Weights
//	warmup                         10s         in which a replica that comes back gets its whole share; 0: at once
//	max_fallback_reads             0           reads that the primary carries at once for lost replicas; 0: no bound
//	replica_reads                  on          off sends everything to the primary
//	read_only_tx                   primary     primary, replica: where read-only transactions go
//	safe_functions                 -           functions that may run on a replica, see Config.SafeFunctions
//	unsafe_functions               -           functions that may not
//	roles                          auto        auto, static: the first server is the primary, the others are replicas
//	failover_timeout               15s         how long a statement waits for a primary
//	monitor_interval               1s          between two looks at a server
//	monitor_timeout                500ms       after which a server that does not answer is unreachable
//	alert_lag                      1s          lag above which Health gives an alert; 0: never
//	alert_connections              80          percentage of a server's connections above which it does; 0: never
//	pool_max_conn_lifetime         1h0m0s      of a backend connection; 0: no limit
//	pool_max_conn_lifetime_jitter  0s          the most that chance adds to it
//	pool_max_conn_idle_time        30m0s       after which an idle backend connection is closed; 0: no limit
//	pool_health_check_period       30s         how often idle backend connections are looked at; a burst's go then
//	pool_ping_timeout              0s          of the check of an idle one; 0: 5s on the primary, else monitor_timeout
//	max_conns_per_server           0           most backend connections to each server; 0: no bound
//
// Durations are Go's, with a unit: "500ms", "10s", "1m30s". Switches are on or off, true or false, yes or no, 1 or 0.
//
// Each key has an environment variable, PGSPLIT_ and its name in capitals (PGSPLIT_MAX_LAG), and may stand in the section of a
// service file. The DSN outranks the service file, that the environment, that the default. None of them is sent to a server.
//
// # Servers
//
// Every host of the DSN is a server, and so is every item of replicas; who is the primary is found out. The items of replicas,
// separated by commas, are
//
//	host  host:port  [v6]:port  /directory  /directory:port
//	postgres://user:password@host/database?sslmode=require   (a whole DSN as a URL)
//	'host=… user=… password=…'                               (a whole DSN as keyword/value pairs, in single quotes)
//
// What an item leaves out (port, user, password, database, any other setting, even the host) is as in the main DSN, where host
// and port are those of its first host. A password file is looked up for each server. A whole DSN may list several hosts:
// in a URL, commas before the first "/" or "?" separate its hosts; after that a comma ends the item, so write one that belongs to
// the URL as %2C. Inside quotes, \' is a quote and \\ a backslash.
//
// Where the main DSN is a URL, the value of replicas is percent-encoded like any other: what url.QueryEscape gives, but with
// %20 for a space. "=", "&" and "%" must be, which turns a %2C of an inner URL into %252C. In PGSPLIT_REPLICAS the value
// stands as it is.
//
// A server (same host, port, user, database) that the host list names twice, or that the host list and replicas both name, is
// one server: replicas pointing at the primary is a cluster of one. The same server twice in replicas is an error.
//
// # Of other drivers and poolers
//
// target_session_attrs may be read-write, primary, any or prefer-standby, and has no effect: each statement goes to the server
// that suits it. With standby or read-only there would be no primary, so they are errors, but not in a whole DSN among replicas,
// where they say what is meant anyway. load_balance_hosts, and pgxpool's
// pool_max_conns, pool_min_conns and pool_min_idle_conns are accepted and have no effect: sql.DB's SetMaxOpenConns limits
// connections, as max_conns_per_server does, and none is opened before it is needed. pgxpool's other keys mean here what they
// mean there.
//
// # Errors
//
// All mistakes are reported in one error, each with its key, its value and what would be right. A key that is nearly one
// of the above is an error, whereas pgx would send it to the server. No password is in an error; where it cannot be
// told what is one, the text is not quoted at all.
func ParseConfig(dsn string) (*Config, error) {
	main, err := parseDSNText(dsn)
	if err != nil {
		return nil, fmt.Errorf("pgsplit: %w", err)
	}
	p := &dsnParser{config: NewConfig(), main: main, url: isURL(dsn)}
	p.doubtful = main.doubtful
	p.keepSecret(os.Getenv("PGPASSWORD"), os.Getenv("PGSSLPASSWORD"), main.values["password"], main.values["sslpassword"])
	if name, _, found := p.lookup("service", "PGSERVICE"); found {
		p.service, err = readService(name, main.values["servicefile"])
		if err != nil {
			return nil, (&mistakes{p.hide(err)}).err()
		}
	}
	p.keepSecret(p.service["password"], p.service["sslpassword"])
	p.keepSecretsOfReplicas()

	p.readSettings()
	p.checkSpelling()
	p.checkLibpqKeys()
	p.readServers()
	if err := p.mistakes.err(); err != nil {
		return nil, err
	}
	return p.config, nil
}

type dsnParser struct {
	config   *Config
	main     dsnText
	service  map[string]string // the section of the service file that the DSN or PGSERVICE names
	url      bool
	doubtful bool
	secrets  []string
	mistakes mistakes
}

// lookup finds a setting in order of rank; name is what an error calls it.
func (p *dsnParser) lookup(key, env string) (value, name string, found bool) {
	if value, found = p.main.values[key]; found {
		return value, key, true
	}
	if value, found = p.service[key]; found {
		return value, key + " in the service file", true
	}
	value = os.Getenv(env)
	return value, env, value != ""
}

func (p *dsnParser) readSettings() {
	for _, key := range p.main.repeated {
		if isOwnKey(key) {
			p.mistakes.add(fmt.Errorf("%s stands in the DSN twice", key))
		}
	}
	for _, s := range settings {
		value, name, found := p.lookup(s.key, s.env())
		if !found {
			continue
		}
		if err := s.set(p.config, strings.TrimSpace(value)); err != nil {
			p.mistakes.add(fmt.Errorf("%s%s: %v", name, p.quote(value), err))
		}
	}
}

func (p *dsnParser) checkSpelling() {
	for _, values := range []map[string]string{p.main.values, p.service} {
		for _, key := range slices.Sorted(maps.Keys(values)) {
			p.checkKey("", key)
		}
	}
	for _, variable := range slices.Sorted(slices.Values(os.Environ())) {
		name, value, _ := strings.Cut(variable, "=")
		key, found := strings.CutPrefix(name, envPrefix)
		if !found || value == "" || isOwnKey(strings.ToLower(key)) && key == strings.ToUpper(key) {
			continue
		}
		if meant := nearestKey(key); isOwnKey(meant) {
			p.mistakes.add(fmt.Errorf("environment variable %s: did you mean %s%s?", name, envPrefix, strings.ToUpper(meant)))
		}
	}
}

func (p *dsnParser) checkKey(where, key string) {
	if meant := misspelt(key); meant != "" {
		p.mistakes.add(fmt.Errorf("%sunknown key%s: did you mean %s?", where, p.quote(key), meant))
	}
}

func (p *dsnParser) checkLibpqKeys() {
	if value, name, found := p.lookup("target_session_attrs", "PGTARGETSESSIONATTRS"); found {
		if value == "standby" || value == "read-only" {
			p.mistakes.add(fmt.Errorf("%s%s: there would be no server for writes; leave it out, "+
				"since pgsplit finds the primary among all servers and sends reads to the others", name, p.quote(value)))
		}
	}
	if value, name, found := p.lookup(loadBalanceHosts, "PGLOADBALANCEHOSTS"); found {
		if value != "disable" && value != "random" {
			p.mistakes.add(fmt.Errorf(`%s%s: write "disable" or "random"`, name, p.quote(value)))
		}
	}
}

func (p *dsnParser) readServers() {
	main := withService(p.service, p.main.values)
	if !p.checkHosts("", main, p.url) {
		return
	}
	original, err := parseForPgx(main)
	if err != nil {
		p.mistakes.add(p.refusal(err, main))
		return
	}
	p.config.Original = original
	servers, err := parseServers(original, main)
	if err != nil {
		p.mistakes.add(p.hide(err))
		return
	}
	p.config.Servers = servers
	inMain := make(map[string]bool)
	for _, server := range servers {
		inMain[serverIdentity(server)] = true
	}
	p.readReplicas(main, inMain)
}

func (p *dsnParser) readReplicas(main map[string]string, inMain map[string]bool) {
	value, name, _ := p.lookup(replicasKey, envPrefix+"REPLICAS")
	items, err := splitReplicas(value)
	if err != nil {
		p.mistakes.add(fmt.Errorf("%s: %w", name, err))
	}
	quotable := !strings.ContainsAny(value, "@=")
	seen := make(map[string]bool)
	for i, item := range items {
		where := fmt.Sprintf("%s, item %d: ", name, i+1)
		if quotable {
			where = fmt.Sprintf("%s, item %d%s: ", name, i+1, p.quote(item.text))
		}
		servers, err := p.parseReplica(where, item, main)
		if err != nil {
			p.mistakes.add(prefixed(where, err))
		}
		for _, server := range servers {
			identity := serverIdentity(server)
			if inMain[identity] {
				continue
			}
			if seen[identity] {
				p.mistakes.add(fmt.Errorf("%sthe server%s stands in the list twice", where, p.quote(serverAddress(server))))
			}
			seen[identity] = true
			p.config.Servers = append(p.config.Servers, server)
		}
	}
}

func (p *dsnParser) parseReplica(where string, item replicaItem, main map[string]string) ([]*pgx.ConnConfig, error) {
	text, err := item.parse()
	if err != nil {
		return nil, err
	}
	var service map[string]string
	if name, found := text.values["service"]; found {
		service, err = readService(name, cmp.Or(text.values["servicefile"], p.main.values["servicefile"]))
		if err != nil {
			return nil, p.hide(err)
		}
	}
	p.keepSecret(service["password"], service["sslpassword"])

	for _, key := range slices.Sorted(maps.Keys(text.values)) {
		if isOwnKey(key) {
			p.mistakes.add(fmt.Errorf("%s%s is for the main DSN, and holds for all servers", where, key))
		}
		p.checkKey(where, key)
	}
	if !p.checkHosts(where, text.values, isURL(item.text)) {
		return nil, nil
	}
	values := fillReplica(withService(service, text.values), main, p.config.Original.Host, strconv.Itoa(int(p.config.Original.Port)))
	all, err := parseForPgx(values)
	if err != nil {
		return nil, p.refusal(err, values)
	}
	servers, err := parseServers(all, values)
	if err != nil {
		return nil, p.hide(err)
	}
	return servers, nil
}

// checkHosts looks for what pgx would complain about too late, or without saying where. Of a URL neither host nor port is
// quoted: with a character that is not percent-encoded, a part of the password may have become one.
func (p *dsnParser) checkHosts(where string, values map[string]string, url bool) bool {
	quote := p.quote
	if url {
		quote = func(string) string { return "" }
	}
	fine := true
	if strings.Contains(values["host"], "@") {
		fine = false
		p.mistakes.add(fmt.Errorf(`%sa host contains "@"; in a URL, write %%40 for one in a user name or password`, where))
	}
	ports := strings.Split(values["port"], ",")
	for i, port := range ports {
		if port == "" {
			continue
		}
		if err := checkPort(port); err != nil {
			fine = false
			p.mistakes.add(fmt.Errorf("%sport%s of host %d: %w", where, quote(port), i+1, err))
		}
	}
	return fine
}
