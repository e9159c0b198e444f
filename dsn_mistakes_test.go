package pgsplit

import (
	"errors"
	"io/fs"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAMistakeIsReportedWithKeyValueAndRemedy(t *testing.T) {
	cleanEnv(t)
	for _, test := range []struct{ dsn, want string }{
		{"max_lag=10", `pgsplit: max_lag "10": it has no unit; append "s" for seconds or "ms" for milliseconds`},
		{"max_lag=soon", `pgsplit: max_lag "soon": it is no duration; write one with a unit, such as "500ms", "10s" or "1m30s"`},
		{"max_lag=", `pgsplit: max_lag "": it is no duration; write one with a unit, such as "500ms", "10s" or "1m30s"`},
		{"max_lag=-1s", `pgsplit: max_lag "-1s": it must be 10ms or more, or 0 for no bound`},
		{"max_lag=1ms", `pgsplit: max_lag "1ms": it must be 10ms or more, or 0 for no bound`},
		{"wait=-1s", `pgsplit: wait "-1s": it must not be negative; 0 is no wait`},
		{"failover_timeout=-1s", `pgsplit: failover_timeout "-1s": it must not be negative; 0 is no wait`},
		{"monitor_interval=0", `pgsplit: monitor_interval "0": it must be 1ms or more`},
		{"monitor_timeout=-5s", `pgsplit: monitor_timeout "-5s": it must be 1ms or more`},
		{"max_conns_per_server=-1", `pgsplit: max_conns_per_server "-1": it must not be negative; 0 is no bound`},
		{"max_conns_per_server=many", `pgsplit: max_conns_per_server "many": it is no whole number, such as "20"`},
		{"pool_health_check_period=0", `pgsplit: pool_health_check_period "0": it must be 10ms or more`},
		{"pool_max_conn_lifetime=-1h", `pgsplit: pool_max_conn_lifetime "-1h": it must not be negative; 0 is no limit`},
		{"read_your_writes=always", `pgsplit: read_your_writes "always": write "off", "on" or "strict"`},
		{"when_stale=fail", `pgsplit: when_stale "fail": write "primary", "freshest" or "error"`},
		{"balancer=rr", `pgsplit: balancer "rr": write "least_busy", "round_robin", "random" or "latency"`},
		{"weights=pg2", `pgsplit: weights "pg2": write the weight of each server, such as "pg2*3,pg3:5433*1"`},
		{"weights=pg2*1.5", `pgsplit: weights "pg2*1.5": a weight is a whole number from 0 to 1000000`},
		{"weights=pg2*1,pg2*2", `pgsplit: weights "pg2*1,pg2*2": a server stands in it twice`},
		{"warmup=10", `pgsplit: warmup "10": it has no unit; append "s" for seconds or "ms" for milliseconds`},
		{"max_fallback_reads=-1", `pgsplit: max_fallback_reads "-1": it must not be negative; 0 is no bound`},
		{"max_fallback_reads=many", `pgsplit: max_fallback_reads "many": it is no whole number, such as "20"`},
		{"roles=fixed", `pgsplit: roles "fixed": write "auto" or "static"`},
		{"replica_reads=25%", `pgsplit: replica_reads "25%": write "on" or "off"`},
		{"read_only_tx=unknown", `pgsplit: read_only_tx "unknown": write "primary" or "replica"`},
		{"wait=1s wait=2s", `pgsplit: wait stands in the DSN twice`},
		{"replicas=a replicas=b", `pgsplit: replicas stands in the DSN twice`},
		{"postgres://h/?replicas=a&replicas=b", `pgsplit: replicas stands in the DSN twice`},

		{"port=5432x", `pgsplit: port "5432x" of host 1: a port is a number from 1 to 65535`},
		{"host=a,b port=1,0", `pgsplit: port "0" of host 2: a port is a number from 1 to 65535`},
		{"postgres://a:5432,b:54x/", `pgsplit: port of host 2: a port is a number from 1 to 65535`},
		{"host=a,b port=1,2,3", `pgsplit: could not match 3 port numbers to 2 hosts`},
		{"host=ab@c", `pgsplit: a host contains "@"; in a URL, write %40 for one in a user name or password`},
		{"connect_timeout=soon", `pgsplit: connect_timeout "soon": write a whole number of seconds, such as "10"`},
		{"connect_timeout=-1", `pgsplit: connect_timeout "-1": write a whole number of seconds, such as "10"`},
		{"statement_cache_capacity=x", `pgsplit: statement_cache_capacity "x": write a whole number, such as "512"`},
		{"description_cache_capacity=x", `pgsplit: description_cache_capacity "x": write a whole number, such as "512"`},
		{"host=h sslmode=maybe", `pgsplit: sslmode "maybe": write "disable", "allow", "prefer", "require", "verify-ca" or "verify-full"`},
		{"postgres://h/?sslmode=PREFER", `pgsplit: sslmode "PREFER": write "disable", "allow", "prefer", "require", "verify-ca" or "verify-full"`},
		{"host=h sslcertmode=maybe", `pgsplit: sslcertmode "maybe": write "disable", "allow" or "require"`},
		{"host=h channel_binding=maybe", `pgsplit: channel_binding "maybe": write "disable", "prefer" or "require"`},
		{"host=h min_protocol_version=2", `pgsplit: min_protocol_version "2": write "3.0", "3.2" or "latest"`},
		{"host=h max_protocol_version=4", `pgsplit: max_protocol_version "4": write "3.0", "3.2" or "latest"`},
		{"host=h require_auth=maybe", `pgsplit: invalid require_auth (invalid require_auth method: "maybe")`},
		{"target_session_attrs=rw", `pgsplit: target_session_attrs "rw": write "read-write", "primary", "any" or "prefer-standby"`},
		{"default_query_exec_mode=fast", `pgsplit: default_query_exec_mode "fast": write "cache_statement", "cache_describe", "describe_exec", "exec" or "simple_protocol"`},

		{"host", "pgsplit: the DSN is neither a postgres:// URL nor keyword=value pairs: pair 1 has no keyword and \"=\" " +
			"(a value that contains spaces must stand in single quotes)"},
		{"host='h", `pgsplit: keyword=value pair 1 has no closing quote`},
		{"host=h\x00", `pgsplit: the DSN contains a NUL byte`},
		{"postgres://[::1/", `pgsplit: the URL has a "[" without an IPv6 address and "]" after it`},
		{"postgres://[]/", `pgsplit: the URL has a "[" without an IPv6 address and "]" after it`},
		{"postgres://[::1]x/", `pgsplit: the URL has something other than a port, "/", "?" or "," after the "]" of an IPv6 address`},
		{"postgres://h/%zz", `pgsplit: the database name in the URL has a "%" without two hexadecimal digits; write %25 for the character itself`},
		{"postgres://u%4@h/", `pgsplit: the user in the URL has a "%" without two hexadecimal digits; write %25 for the character itself`},
		{"postgres://u:a b@h/", `pgsplit: the password in the URL contains a space; write %20`},
		{"postgres://h%00/", `pgsplit: the host list in the URL contains %00`},
		{"postgres://h/?wait", `pgsplit: parameter 1 of the URL has no "="`},
		{"postgres://u:12/34@h/db", `pgsplit: the URL has an "@" after its first "/"; write %2F for a / in a user name or password, and %40 for an @ elsewhere`},
		{"wait=a@b", `pgsplit: wait: it is no duration; write one with a unit, such as "500ms", "10s" or "1m30s"`},
		{"host=h connect_timeout=a@b", `pgsplit: a setting is wrong; which is not told, since that might tell a part of a password ` +
			`(in a URL, write %2F and %40 for a / and an @ in a password)`},
		{"postgres://u:a@b@h/?wait=7", `pgsplit: 2 mistakes: (1) wait: it has no unit; append "s" for seconds or "ms" for milliseconds; ` +
			`(2) a host contains "@"; in a URL, write %40 for one in a user name or password`},
		{"host=h wait=7 replicas=postgres://r1/?options=a@b", `pgsplit: wait: it has no unit; append "s" for seconds or "ms" for milliseconds`},
		{"postgres://h/?wait=7&replicas=postgres://u:x@r/", `pgsplit: wait "7": it has no unit; append "s" for seconds or "ms" for milliseconds`},
		{"postgres://h/?user=app@host&sslmode=x", `pgsplit: sslmode "x": write "disable", "allow", "prefer", "require", "verify-ca" or "verify-full"`},
		{"postgres://h/?options=a@b&sslmode=x", `pgsplit: a setting is wrong; which is not told, since that might tell a part of a password ` +
			`(in a URL, write %2F and %40 for a / and an @ in a password)`},
		{"postgres://h/?a=b&options=a=b", `pgsplit: parameter 2 of the URL has a second "="; write %3D for one in a value`},
		{"postgres://h/?replicas=postgres://r?sslmode=disable", `pgsplit: the value of replicas contains "="; inside a URL it must be ` +
			`percent-encoded as a whole, as url.QueryEscape does`},
		{"postgres://h/?a=%", `pgsplit: the value of parameter 1 of the URL has a "%" without two hexadecimal digits; write %25 for the character itself`},
		{"postgres://h/?%=a", `pgsplit: the name of parameter 1 of the URL has a "%" without two hexadecimal digits; write %25 for the character itself`},

		{"host=h wait=x max_lag=y", `pgsplit: 2 mistakes: (1) max_lag "y": it is no duration; write one with a unit, such as "500ms", "10s" or "1m30s"; ` +
			`(2) wait "x": it is no duration; write one with a unit, such as "500ms", "10s" or "1m30s"`},
	} {
		_, err := ParseConfig(test.dsn)
		assert.EqualError(t, err, test.want, test.dsn)
	}
}

func TestAMistakeInReplicasNamesTheItem(t *testing.T) {
	cleanEnv(t)
	for replicas, want := range map[string]string{
		"r1,r2:x":                                `replicas, item 2 "r2:x": port "x" of host 1: a port is a number from 1 to 65535`,
		"r1:0":                                   `replicas, item 1 "r1:0": port "0" of host 1: a port is a number from 1 to 65535`,
		"r1 r2":                                  `replicas, item 1 "r1 r2": a host contains no spaces and no quotes; separate hosts by commas`,
		"::1":                                    `replicas, item 1 "::1": it has more than one ":"; write an IPv6 address as "[address]:port"`,
		"[::1":                                   `replicas, item 1 "[::1": write an IPv6 address as "[address]:port"`,
		"[::1]5432":                              `replicas, item 1 "[::1]5432": write an IPv6 address as "[address]:port"`,
		"r1/db":                                  `replicas, item 1 "r1/db": a host contains no "/" (the directory of a Unix socket begins with one)`,
		"mysql://r1/db":                          `replicas, item 1 "mysql://r1/db": it is a URL, but not a postgres:// one`,
		"u:x@r1:5432":                            `replicas, item 1: it has a user, so it must be a whole DSN: put postgres:// before it`,
		"host=r1 user=ro":                        `replicas, item 1: a keyword/value DSN in replicas must stand in single quotes`,
		"'host=r1":                               `replicas: a single quote is not closed`,
		"'host=r1' r2":                           `replicas: a comma must follow a closing single quote`,
		"'r1'":                                   `replicas, item 1 "r1": the DSN is neither a postgres:// URL nor keyword=value pairs`,
		"r1,r1:5432":                             `replicas, item 2 "r1:5432": the server "r1:5432" stands in the list twice`,
		"postgres://r1/?max_lag=1s":              `replicas, item 1: max_lag is for the main DSN, and holds for all servers`,
		"'host=r1 replicas=r2'":                  `replicas, item 1: replicas is for the main DSN, and holds for all servers`,
		"postgres://r1/?maxlag=1s":               `replicas, item 1: unknown key "maxlag": did you mean max_lag?`,
		"r0,postgres://r1/?sslmode=xx":           `replicas, item 2: sslmode "xx": write "disable", "allow", "prefer"`,
		"postgres://r1:1,r2:2,r3:3/?host=r1":     `replicas, item 1: could not match 3 port numbers to 1 hosts`,
		"'service=nowhere servicefile=/nowhere'": `replicas, item 1: service: cannot read the service file`,
	} {
		_, err := ParseConfig("postgres://h/?replicas=" + strings.ReplaceAll(url.QueryEscape(replicas), "+", "%20"))
		assert.ErrorContains(t, err, "pgsplit: "+want, replicas)
		t.Setenv("PGSPLIT_REPLICAS", replicas)
		_, err = ParseConfig("host=h")
		assert.ErrorContains(t, err, "pgsplit: PGSPLIT_REPLICAS"+strings.TrimPrefix(want, "replicas"), replicas)
		require.NoError(t, os.Unsetenv("PGSPLIT_REPLICAS"))
	}
}

func TestAMistakeNamesItsSource(t *testing.T) {
	cleanEnv(t)
	t.Setenv("PGSPLIT_WAIT", "7")
	_, err := ParseConfig("host=h")
	assert.ErrorContains(t, err, `PGSPLIT_WAIT "7": it has no unit`)
	_, err = ParseConfig("host=h wait=1s service=s servicefile=" + writeFile(t, "[s]\nmax_lag=7\nwiat=1s\n"))
	assert.ErrorContains(t, err, `max_lag in the service file "7": it has no unit`)
	assert.ErrorContains(t, err, `unknown key "wiat": did you mean wait?`)
	_, err = ParseConfig("host=h wait=1s service=s servicefile=" + writeFile(t, "[s]\nsslmode=on\n"))
	assert.ErrorContains(t, err, `sslmode in the service file "on": write "disable"`)
	for variable, value := range map[string]string{"PGSSLMODE": "on", "PGCONNECT_TIMEOUT": "10s", "PGTARGETSESSIONATTRS": "rw", "PGCHANNELBINDING": "on"} {
		t.Setenv(variable, value)
		_, err = ParseConfig("host=h wait=1s")
		assert.ErrorContains(t, err, variable+` "`+value+`": write `)
		require.NoError(t, os.Unsetenv(variable))
	}
}

func TestMisspeltKeysAreErrorsAndSettingsOfTheServerAreNot(t *testing.T) {
	cleanEnv(t)
	for key, meant := range map[string]string{
		"replica": "replicas", "Replicas": "replicas", "read_your_write": "read_your_writes", "readyourwrites": "read_your_writes",
		"max-lag": "max_lag", "maxlag": "max_lag", "MaxLag": "max_lag", "max_lags": "max_lag", "when-stale": "when_stale",
		"balancr": "balancer", "replica_read": "replica_reads", "readonly_tx": "read_only_tx", "failover_timout": "failover_timeout",
		"monitor_intervall": "monitor_interval", "pool_max_con_lifetime": "pool_max_conn_lifetime", "waits": "wait",
		"pool_max_con": "pool_max_conns", "loadbalancehosts": "load_balance_hosts",
		"pgsplit_max_lag": "max_lag", "pgsplit.max_lag": "max_lag", "PGSPLIT_MAX_LAG": "max_lag",
		"pgsplit_shards": "one of replicas, read_your_writes, max_lag",
	} {
		_, err := ParseConfig("host=h " + key + "=1s")
		assert.ErrorContains(t, err, `unknown key "`+key+`": did you mean `+meant)
		_, err = ParseConfig("postgres://h/?" + key + "=1s")
		assert.ErrorContains(t, err, `unknown key "`+key+`": did you mean `+meant)
	}

	names, err := os.ReadFile("testdata/server_settings.txt")
	require.NoError(t, err)
	known := append(strings.Fields(string(names)), "app.max_lag", "myapp.replicas", "wait.wait", "role", "session_authorization", "replication",
		// libpq's and pgx's
		"host", "hostaddr", "port", "dbname", "database", "user", "password", "passfile", "require_auth", "channel_binding", "connect_timeout",
		"client_encoding", "options", "application_name", "fallback_application_name", "keepalives", "keepalives_idle", "keepalives_interval",
		"keepalives_count", "tcp_user_timeout", "gssencmode", "sslmode", "requiressl", "sslnegotiation", "sslcompression", "sslcert", "sslkey",
		"sslkeylogfile", "sslpassword", "sslcertmode", "sslrootcert", "sslcrl", "sslcrldir", "sslsni", "ssl", "requirepeer", "min_protocol_version",
		"max_protocol_version", "ssl_min_protocol_version", "ssl_max_protocol_version", "krbsrvname", "krbspn", "gsslib", "gssdelegation",
		"scram_client_key", "scram_server_key", "service", "servicefile", "target_session_attrs", "oauth_issuer", "oauth_client_id",
		"default_query_exec_mode", "statement_cache_capacity", "description_cache_capacity", "timezone", "")
	require.Greater(t, len(known), 300)
	for _, key := range known {
		assert.Empty(t, misspelt(key), key)
	}
	c := mustParse(t, "host=h search_path=a,b statement_timeout=30s app.max_lag=3")
	assert.Equal(t, map[string]string{"search_path": "a,b", "statement_timeout": "30s", "app.max_lag": "3"}, c.Servers[0].RuntimeParams)
}

func TestMisspeltEnvironmentVariablesAreErrors(t *testing.T) {
	cleanEnv(t)
	t.Setenv("PGSPLIT_TEST_PGBIN", "/usr")
	t.Setenv("PGSPLIT_SOMETHING_ELSE", "1")
	mustParse(t, "host=h")
	for name, meant := range map[string]string{
		"PGSPLIT_READ_YOUR_WRITE": "PGSPLIT_READ_YOUR_WRITES", "PGSPLIT_MAXLAG": "PGSPLIT_MAX_LAG", "PGSPLIT_replicas": "PGSPLIT_REPLICAS",
	} {
		t.Setenv(name, "1s")
		_, err := ParseConfig("host=h")
		assert.ErrorContains(t, err, "environment variable "+name+": did you mean "+meant+"?")
		require.NoError(t, os.Unsetenv(name))
	}
}

func TestTheCauseOfAMistakeCanBeFound(t *testing.T) {
	cleanEnv(t)
	_, err := ParseConfig("host=h wait=x sslmode=verify-full sslrootcert=/nowhere")
	assert.ErrorIs(t, err, fs.ErrNotExist)
	var parseError *pgconn.ParseConfigError
	assert.False(t, errors.As(err, &parseError), "it holds the DSN with its password")
}
