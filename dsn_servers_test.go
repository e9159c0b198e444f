package pgsplit

import (
	"crypto/tls"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEveryHostIsAServer(t *testing.T) {
	cleanEnv(t)
	for _, test := range []struct {
		dsn  string
		want []string
	}{
		{"postgres://app@h1/db", []string{"app@h1:5432/db"}},
		{"postgres://app@h1,h2:5433,h3/db", []string{"app@h1:5432/db", "app@h2:5433/db", "app@h3:5432/db"}},
		{"postgresql://app@[::1]:5433,[fe80::2]/db", []string{"app@[::1]:5433/db", "app@[fe80::2]:5432/db"}},
		{"postgres://app@/db?host=h1,h2&port=5433", []string{"app@h1:5433/db", "app@h2:5433/db"}},
		{"postgres:///db?host=/var/run,/tmp&port=5433,5434&user=app", []string{"app@/var/run:5433/db", "app@/tmp:5434/db"}},
		{"host=h1,h2 port=5433,5434 user=app dbname=db", []string{"app@h1:5433/db", "app@h2:5434/db"}},
		{"host=h1,h1,h2,h1 user=app dbname=db", []string{"app@h1:5432/db", "app@h2:5432/db"}},
		{"host=h1,h1 port=5432,5433 user=app dbname=db", []string{"app@h1:5432/db", "app@h1:5433/db"}},
		{"host=h1 user=us\\'er dbname='d b'", []string{"us'er@h1:5432/d b"}},
	} {
		c := mustParse(t, test.dsn)
		assert.Equal(t, test.want, servers(c), test.dsn)

		plain, err := pgx.ParseConfig(test.dsn)
		require.NoError(t, err)
		assert.Equal(t, plain.Host, c.Original.Host)
		assert.Equal(t, len(plain.Fallbacks), len(c.Original.Fallbacks))
	}
}

func TestOriginalGivesTheErrorOfPgxAlone(t *testing.T) {
	cleanEnv(t)
	const dsn = "postgres://app:secret@127.0.0.1:1,127.0.0.1:2/db?target_session_attrs=read-write"
	_, want := pgx.Connect(t.Context(), dsn)
	require.Error(t, want)
	_, got := pgx.ConnectConfig(t.Context(), mustParse(t, dsn+"&max_lag=1s&replicas=127.0.0.1:3").Original)
	assert.EqualError(t, got, want.Error())
	_, err := pgx.ConnectConfig(t.Context(), mustParse(t, dsn).Servers[1])
	assert.NotContains(t, err.Error(), "127.0.0.1:1", "each server has its own host only")
}

func TestHostsFromTheEnvironmentAreServers(t *testing.T) {
	cleanEnv(t)
	t.Setenv("PGHOST", "h1,h2")
	t.Setenv("PGPORT", "5433,5434")
	t.Setenv("PGDATABASE", "db")
	c := mustParse(t, "replicas=r1")
	assert.Equal(t, []string{"tester@h1:5433/db", "tester@h2:5434/db", "tester@r1:5433/db"}, servers(c))
}

func TestReplicas(t *testing.T) {
	cleanEnv(t)
	const main = "host=p,q port=6000,6001 user=app password=pw dbname=db "
	for _, test := range []struct {
		name, replicas string
		want           []string
	}{
		{"none", "", nil},
		{"host", "r1", []string{"app@r1:6000/db"}},
		{"hosts and ports", "r1,r2:7000", []string{"app@r1:6000/db", "app@r2:7000/db"}},
		{"spaces and newlines around", " r1 ,\n\tr2:7000 ", []string{"app@r1:6000/db", "app@r2:7000/db"}},
		{"empty items of unset variables", ",r1,,", []string{"app@r1:6000/db"}},
		{"an unset host and port", ":", nil},
		{"an unset host", ":7000", []string{"app@p:7000/db"}},
		{"an unset port", "r1:", []string{"app@r1:6000/db"}},
		{"IPv6", "[::1],[fe80::1%eth0]:7000", []string{"app@[::1]:6000/db", "app@[fe80::1%eth0]:7000/db"}},
		{"Unix socket", "/tmp,/var/run:7000", []string{"app@/tmp:6000/db", "app@/var/run:7000/db"}},
		{"URL", "postgres://r1", []string{"app@r1:6000/db"}},
		{"URL with everything", "postgres://ro:x@r1:7000/db2?sslmode=disable", []string{"ro@r1:7000/db2"}},
		{"URL without a host", "postgres:///db2", []string{"app@p:6000/db2"}},
		{"hosts after a URL's path are items", "postgres://ro@r1/,r2", []string{"ro@r1:6000/db", "app@r2:6000/db"}},
		{"hosts after a URL's query are items", "postgres://ro@r1?sslmode=disable,r2", []string{"ro@r1:6000/db", "app@r2:6000/db"}},
		{"hosts before a URL's path are the URL's", "postgres://ro@r1,r2:7000/,r3", []string{"ro@r1:6000/db", "ro@r2:7000/db", "app@r3:6000/db"}},
		{"URLs in a row", "postgres://a@r1,postgresql://b@r2:7000/x, postgres://c@r3", []string{"a@r1:6000/db", "b@r2:7000/x", "c@r3:6000/db"}},
		{"a comma in a URL's database", "postgres://r1/a%2Cb", []string{"app@r1:6000/a,b"}},
		{"a comma in a URL's password", "postgres://u:a,b@r1/,r2", []string{"u@r1:6000/db", "app@r2:6000/db"}},
		{"URLs without a path", "postgres://a@r1, postgres://b@r2,r3", []string{"a@r1:6000/db", "b@r2:6000/db", "b@r3:6000/db"}},
		{"keyword/value", "'host=r1 user=ro',r2", []string{"ro@r1:6000/db", "app@r2:6000/db"}},
		{"keyword/value, several hosts", "'host=r1,r2 port=7000,7001'", []string{"app@r1:7000/db", "app@r2:7001/db"}},
		{"keyword/value with quotes inside", `'host=r1 dbname=\'a b\' user=x\\\'y'`, []string{"x'y@r1:6000/a b"}},
		{"the primary again", "p,q:6001", nil},
		{"the primary again and again", "p,p,:,postgres://", nil},
		{"the primary again, as a DSN", "postgres://app@p/db", nil},
		{"the primary's host, other database (a pooler)", "postgres://p/db_ro", []string{"app@p:6000/db_ro"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			escaped := strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(test.replicas)
			want := append([]string{"app@p:6000/db", "app@q:6001/db"}, test.want...)

			assert.Equal(t, want, servers(mustParse(t, main+"replicas='"+escaped+"'")), "keyword/value")

			dsn := "postgres://app:pw@p:6000,q:6001/db?replicas=" + strings.ReplaceAll(url.QueryEscape(test.replicas), "+", "%20")
			assert.Equal(t, want, servers(mustParse(t, dsn)), "URL")

			t.Setenv("PGSPLIT_REPLICAS", test.replicas)
			assert.Equal(t, want, servers(mustParse(t, main)), "environment")
		})
	}
}

func TestAReplicaTakesFromTheMainDSNWhatItLeavesOut(t *testing.T) {
	cleanEnv(t)
	c := mustParse(t, "host=p user=app password=pw dbname=db sslmode=verify-full application_name=stories connect_timeout=10 "+
		"statement_timeout=30s default_query_exec_mode=exec statement_cache_capacity=7 require_auth=scram-sha-256 replicas='"+
		"r1,postgres://ro:other@r2/?sslmode=disable&connect_timeout=3&application_name=reader&default_query_exec_mode=cache_describe'")
	require.Len(t, c.Servers, 3)
	for _, s := range c.Servers[:2] {
		assert.Equal(t, "app", s.User)
		assert.Equal(t, "pw", s.Password)
		assert.Equal(t, 10*time.Second, s.ConnectTimeout)
		assert.Equal(t, map[string]string{"application_name": "stories", "statement_timeout": "30s"}, s.RuntimeParams)
		assert.Equal(t, pgx.QueryExecModeExec, s.DefaultQueryExecMode)
		assert.Equal(t, 7, s.StatementCacheCapacity)
		assert.Equal(t, "scram-sha-256", s.RequireAuth)
		require.NotNil(t, s.TLSConfig)
		assert.Equal(t, s.Host, s.TLSConfig.ServerName)
		assert.False(t, s.TLSConfig.InsecureSkipVerify)
		assert.Empty(t, s.Fallbacks)
	}
	r2 := c.Servers[2]
	assert.Equal(t, "ro", r2.User)
	assert.Equal(t, "other", r2.Password)
	assert.Equal(t, "db", r2.Database)
	assert.Equal(t, 3*time.Second, r2.ConnectTimeout)
	assert.Equal(t, map[string]string{"application_name": "reader", "statement_timeout": "30s"}, r2.RuntimeParams)
	assert.Equal(t, pgx.QueryExecModeCacheDescribe, r2.DefaultQueryExecMode)
	assert.Equal(t, 7, r2.StatementCacheCapacity)
	assert.Nil(t, r2.TLSConfig)
	assert.Empty(t, r2.Fallbacks)
}

func TestEachServerKeepsItsOwnHostsFallbacks(t *testing.T) {
	cleanEnv(t)
	kinds := func(s *pgx.ConnConfig) (kinds []string) {
		kind := func(host string, config *tls.Config) string {
			if config == nil {
				return host + " plain"
			}
			return host + " TLS " + config.ServerName
		}
		kinds = append(kinds, kind(s.Host, s.TLSConfig))
		for _, fallback := range s.Fallbacks {
			assert.Equal(t, s.Port, fallback.Port)
			kinds = append(kinds, kind(fallback.Host, fallback.TLSConfig))
		}
		return kinds
	}
	for mode, want := range map[string][]string{
		"prefer":  {"HOST TLS HOST", "HOST plain"},
		"allow":   {"HOST plain", "HOST TLS HOST"},
		"require": {"HOST TLS HOST"},
		"disable": {"HOST plain"},
	} {
		c := mustParse(t, "host=h1,h2 port=5433,5434 sslmode="+mode+" replicas=r1")
		require.Len(t, c.Servers, 3)
		for i, host := range []string{"h1", "h2", "r1"} {
			var wanted []string
			for _, kind := range want {
				wanted = append(wanted, strings.ReplaceAll(kind, "HOST", host))
			}
			assert.Equal(t, wanted, kinds(c.Servers[i]), mode)
		}
		assert.Len(t, c.Original.Fallbacks, 2*len(want)-1, "pgx's own configuration has all hosts of the DSN")
	}
}

func TestServiceFile(t *testing.T) {
	cleanEnv(t)
	file := writeFile(t, `
[main]
host=p
port=6000
dbname=db
user=app
password=pw
sslmode=disable
search_path=stories
replicas=r1,'service=reader'

[reader]
host=r9
user=ro
max_lag=1s
pool_max_conns=3
service=main

[nested]
host=n
service=main
`)
	t.Setenv("PGSERVICEFILE", file)
	for _, dsn := range []string{"service=main", "postgres://?service=main"} {
		c := mustParse(t, dsn)
		assert.Equal(t, []string{"app@p:6000/db", "app@r1:6000/db", "ro@r9:6000/db"}, servers(c), dsn)
		for _, s := range c.Servers {
			assert.Equal(t, "pw", s.Password)
			assert.Nil(t, s.TLSConfig)
			assert.Equal(t, map[string]string{"search_path": "stories"}, s.RuntimeParams)
		}
		assert.Equal(t, 10*time.Second, c.MaxLag, "a replica's service sets nothing for the handle")
	}

	t.Setenv("PGSERVICE", "main")
	c := mustParse(t, "user=other replicas='postgres://r1/?service=reader'")
	assert.Equal(t, []string{"other@p:6000/db", "ro@r1:6000/db"}, servers(c))

	t.Setenv("PGSERVICE", "nested")
	c = mustParse(t, "")
	assert.Equal(t, []string{"tester@n:5432/"}, servers(c), "a service of a service is not read, as with pgx alone")
	assert.Empty(t, c.Servers[0].RuntimeParams)

	t.Setenv("PGSERVICEFILE", "")
	t.Setenv("PGSERVICE", "")
	c = mustParse(t, "service=main servicefile="+file)
	assert.Len(t, c.Servers, 3, "a replica's service is looked for in the main DSN's file")

	for dsn, want := range map[string]string{
		"service=nowhere servicefile=" + file: `service "nowhere" is not in the service file`,
		"service=main servicefile=/nowhere":   "cannot read the service file",
		"service=main":                        "cannot read the service file",
	} {
		_, err := ParseConfig(dsn)
		assert.ErrorContains(t, err, want, dsn)
	}
}

func TestTargetSessionAttrs(t *testing.T) {
	for _, value := range []string{"read-write", "primary", "any", "prefer-standby"} {
		for _, dsn := range []string{"host=h1,h2 target_session_attrs=" + value, "postgres://h1,h2/?target_session_attrs=" + value, "host=h1,h2"} {
			t.Run(value, func(t *testing.T) {
				cleanEnv(t)
				t.Setenv("PGTARGETSESSIONATTRS", value)
				for _, s := range mustParse(t, dsn).Servers {
					assert.Nil(t, s.ValidateConnect)
					assert.Empty(t, s.RuntimeParams)
				}
			})
		}
	}
	for _, value := range []string{"standby", "read-only"} {
		t.Run(value, func(t *testing.T) {
			cleanEnv(t)
			_, err := ParseConfig("host=h1,h2 target_session_attrs=" + value)
			assert.ErrorContains(t, err, `pgsplit: target_session_attrs "`+value+`": there would be no server for writes`)
			c := mustParse(t, "host=h1 replicas='postgres://r1,r2/?target_session_attrs="+value+"&load_balance_hosts=random'")
			assert.Len(t, c.Servers, 3, "a reader's DSN is fine as a replica")
			for _, s := range c.Servers {
				assert.Nil(t, s.ValidateConnect)
			}
			_, err = ParseConfig("host=h1 replicas=postgres://r1/?target_session_attrs=rw")
			assert.Error(t, err)
			t.Setenv("PGTARGETSESSIONATTRS", value)
			_, err = ParseConfig("host=h1,h2")
			assert.ErrorContains(t, err, "PGTARGETSESSIONATTRS")
		})
	}
}

func TestLoadBalanceHostsIsLibpqs(t *testing.T) {
	cleanEnv(t)
	_, err := ParseConfig("host=h1 load_balance_hosts=yes")
	assert.ErrorContains(t, err, `load_balance_hosts "yes": write "disable" or "random"`)
	t.Setenv("PGLOADBALANCEHOSTS", "random")
	mustParse(t, "host=h1")
	t.Setenv("PGLOADBALANCEHOSTS", "yes")
	_, err = ParseConfig("host=h1")
	assert.ErrorContains(t, err, `PGLOADBALANCEHOSTS "yes"`)
}
