package pgsplit

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// cleanEnv takes this machine's environment, home directory and OS user out of what ParseConfig sees.
func cleanEnv(t testing.TB) {
	t.Helper()
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, "PG") {
			t.Setenv(name, "") // so that it is restored
			require.NoError(t, os.Unsetenv(name))
		}
	}
	t.Setenv("HOME", t.TempDir())
	t.Setenv("PGUSER", "tester")
}

func writeFile(t *testing.T, content string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func mustParse(t *testing.T, dsn string) *Config {
	t.Helper()
	c, err := ParseConfig(dsn)
	require.NoError(t, err, dsn)
	return c
}

// servers gives user@host:port/database of each.
func servers(c *Config) []string {
	texts := make([]string, len(c.Servers))
	for i, s := range c.Servers {
		texts[i] = fmt.Sprintf("%s@%s/%s", s.User, serverAddress(s), s.Database)
	}
	return texts
}

// A value of every key that is not its default, and what it makes of a Config.
var keyExamples = map[string]struct {
	value string
	want  func(c *Config)
}{
	"read_your_writes":              {"strict", func(c *Config) { c.ReadYourWrites = RYWStrict }},
	"max_lag":                       {"1m30s", func(c *Config) { c.MaxLag = 90 * time.Second }},
	"when_stale":                    {"freshest", func(c *Config) { c.WhenStale = StaleFreshest }},
	"wait":                          {"250ms", func(c *Config) { c.Wait = 250 * time.Millisecond }},
	"balancer":                      {"latency", func(c *Config) { c.Balancer = BalancerLatency }},
	"weights":                       {"h1*3,h2:5432*0", func(c *Config) { c.Weights = map[string]int{"h1": 3, "h2:5432": 0} }},
	"warmup":                        {"1m", func(c *Config) { c.Warmup = time.Minute }},
	"max_fallback_reads":            {"20", func(c *Config) { c.MaxFallbackReads = 20 }},
	"roles":                         {"static", func(c *Config) { c.Roles = RolesStatic }},
	"replica_reads":                 {"off", func(c *Config) { c.ReplicaReads = false }},
	"read_only_tx":                  {"replica", func(c *Config) { c.ReadOnlyTx = RoleReplica }},
	"failover_timeout":              {"0", func(c *Config) { c.FailoverTimeout = 0 }},
	"safe_functions":                {"f,app.g", func(c *Config) { c.SafeFunctions = []string{"f", "app.g"} }},
	"unsafe_functions":              {"h", func(c *Config) { c.UnsafeFunctions = []string{"h"} }},
	"monitor_interval":              {"2s", func(c *Config) { c.MonitorInterval = 2 * time.Second }},
	"monitor_timeout":               {"1500ms", func(c *Config) { c.MonitorTimeout = 1500 * time.Millisecond }},
	"stick_after_write":             {"3s", func(c *Config) { c.StickAfterWrite = 3 * time.Second }},
	"alert_lag":                     {"3s", func(c *Config) { c.AlertLag = 3 * time.Second }},
	"alert_connections":             {"55", func(c *Config) { c.AlertConnections = 55 }},
	"pool_max_conn_lifetime":        {"2h", func(c *Config) { c.PoolMaxConnLifetime = 2 * time.Hour }},
	"pool_max_conn_lifetime_jitter": {"5m", func(c *Config) { c.PoolMaxConnLifetimeJitter = 5 * time.Minute }},
	"pool_max_conn_idle_time":       {"1h", func(c *Config) { c.PoolMaxConnIdleTime = time.Hour }},
	"pool_health_check_period":      {"1m", func(c *Config) { c.PoolHealthCheckPeriod = time.Minute }},
	"pool_ping_timeout":             {"2s", func(c *Config) { c.PoolPingTimeout = 2 * time.Second }},
	"max_conns_per_server":          {"40", func(c *Config) { c.MaxConnsPerServer = 40 }},
}

// The ways to say key=value; each gives the DSN.
var positions = map[string]func(t *testing.T, key, value string) string{
	"URL": func(t *testing.T, key, value string) string {
		return "postgres://app:secret@h1,h2/db?" + key + "=" + url.QueryEscape(value) + "&search_path=x"
	},
	"keyword/value": func(t *testing.T, key, value string) string {
		return "host=h1,h2 search_path=x dbname=db user=app password=secret " + key + " = '" + value + "'"
	},
	"environment": func(t *testing.T, key, value string) string {
		t.Setenv("PGSPLIT_"+strings.ToUpper(key), value)
		return "host=h1,h2 search_path=x"
	},
	"service file": func(t *testing.T, key, value string) string {
		t.Setenv("PGSERVICEFILE", writeFile(t, "[stories]\nhost=h1,h2\nsearch_path=x\n"+key+"="+value+"\n"))
		return "service=stories"
	},
	"service file of PGSERVICE": func(t *testing.T, key, value string) string {
		t.Setenv("PGSERVICEFILE", writeFile(t, "[stories]\nhost=h1,h2\nsearch_path=x\n"+key+"="+value+"\n"))
		t.Setenv("PGSERVICE", "stories")
		return ""
	},
}

func TestEveryKeyWorksInEveryPositionAndReachesNoServer(t *testing.T) {
	for position, dsn := range positions {
		for _, s := range settings {
			t.Run(position+"/"+s.key, func(t *testing.T) {
				cleanEnv(t)
				example, known := keyExamples[s.key]
				require.True(t, known, "add the new key to keyExamples")
				require.NotEqual(t, example.value, s.get(NewConfig()), "the example must not be the default")

				c := mustParse(t, dsn(t, s.key, example.value))

				want := NewConfig()
				example.want(want)
				for _, other := range settings {
					assert.Equal(t, other.get(want), other.get(c), other.key)
				}
				assertNoOwnKeySent(t, c, 2, s.key)
			})
		}
		t.Run(position+"/replicas", func(t *testing.T) {
			cleanEnv(t)
			c := mustParse(t, dsn(t, "replicas", "r1,r2:5433"))
			assert.Len(t, c.Servers, 4)
			assertNoOwnKeySent(t, c, 4, "replicas")
		})
		for _, key := range ignoredKeys {
			t.Run(position+"/"+key, func(t *testing.T) {
				cleanEnv(t)
				assertNoOwnKeySent(t, mustParse(t, dsn(t, key, "random")), 2, key)
			})
		}
	}
}

func assertNoOwnKeySent(t *testing.T, c *Config, servers int, key string) {
	t.Helper()
	require.Len(t, c.Servers, servers)
	for _, server := range append(slices.Clone(c.Servers), c.Original) {
		assert.Equal(t, map[string]string{"search_path": "x"}, server.RuntimeParams)
		again, err := pgx.ParseConfig(server.ConnString())
		require.NoError(t, err)
		assert.Equal(t, server.Host, again.Host)
		assert.Equal(t, server.Password, again.Password)
		assert.NotContains(t, server.ConnString(), key+"=")
	}
}

// Every key has an example, which the environment and the service file give here; the default of the DSN outranks both.
func TestEveryKeyOfTheDSNOutranksServiceFileAndEnvironment(t *testing.T) {
	for _, key := range settings {
		cleanEnv(t)
		example, usual := keyExamples[key.key].value, key.get(NewConfig())
		if usual == "-" {
			usual = ""
		}
		t.Setenv(key.env(), example)
		file := writeFile(t, "[s]\n"+key.key+"="+example+"\n[other]\n"+key.key+"="+usual+"\n")
		assert.Equal(t, key.get(NewConfig()), key.get(mustParse(t, "host=h1,h2 "+key.key+"='"+usual+"' service=s servicefile="+file)), key.key)
		assert.Equal(t, key.get(NewConfig()), key.get(mustParse(t, "postgres://h1,h2/?"+key.key+"="+url.QueryEscape(usual))), key.key)
		if usual != "" {
			assert.Equal(t, key.get(NewConfig()), key.get(mustParse(t, "host=h1,h2 service=other servicefile="+file)), "%s: the service file", key.key)
		}
	}
}

func TestDSNOutranksServiceFileOutranksEnvironment(t *testing.T) {
	cleanEnv(t)
	t.Setenv("PGSPLIT_MAX_LAG", "1s")
	t.Setenv("PGSPLIT_WAIT", "1s")
	t.Setenv("PGSPLIT_FAILOVER_TIMEOUT", "1s")
	t.Setenv("PGSPLIT_REPLICAS", "r1")
	t.Setenv("PGSPLIT_BALANCER", "") // as if not set
	file := writeFile(t, "[s]\nmax_lag=2s\nwait=2s\n")
	c := mustParse(t, "host=h service=s servicefile="+file+" max_lag=3s")
	assert.Equal(t, 3*time.Second, c.MaxLag)
	assert.Equal(t, 2*time.Second, c.Wait)
	assert.Equal(t, time.Second, c.FailoverTimeout)
	assert.Equal(t, BalancerLeastBusy, c.Balancer)
	assert.Len(t, c.Servers, 2)

	c = mustParse(t, "host=h replicas=")
	assert.Len(t, c.Servers, 1, "an empty value in the DSN outranks the environment")
}

func TestDocumentedKeysAndDefaultsAreTheRealOnes(t *testing.T) {
	cleanEnv(t)
	source, err := os.ReadFile("dsn.go")
	require.NoError(t, err)
	table := regexp.MustCompile(`(?s)//\tkey +default\n(.*?)//\n`).FindSubmatch(source)
	require.NotNil(t, table)

	want := []string{"replicas"}
	for _, c := range []*Config{NewConfig(), mustParse(t, ""), mustParse(t, "postgres://h/d")} {
		want = want[:1]
		for _, s := range settings {
			want = append(want, s.key+" "+s.get(c))
		}
		var got []string
		for line := range strings.Lines(string(table[1])) {
			words := strings.Fields(strings.TrimPrefix(line, "//"))
			if words[0] == "replicas" {
				words = words[:1]
			} else {
				words = words[:2]
				if d, err := time.ParseDuration(words[1]); err == nil && words[1] != "0" {
					words[1] = d.String()
				}
			}
			got = append(got, strings.Join(words, " "))
		}
		assert.Equal(t, want, got)
	}
}

func TestReadmeListsEveryKey(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	for _, key := range ownKeys() {
		assert.Contains(t, string(readme), "`"+key+"`")
	}
}
