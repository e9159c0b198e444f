package pgsplit

import (
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var dsnSeeds = []string{
	"", " ", "host=h", "  host = h  port= 5433\tuser=u\n", "user= dbname=d", "host=h user='' port=''", "host='a b' user='it\\'s' password=a\\ b\\\\",
	"password=a\\", "password='a\\", "dbname=a database=b", "=x", "a b=c", "host=h ssl=true", "host=h ssl=true sslmode=disable", "host=h a=", "host='h'port=1",
	"postgres://", "postgresql://", "postgres:///", "postgres://h", "postgres://u@", "postgres://u:p@h:1/d?a=b&c=d", "postgres://@h", "postgres://:p@h",
	"postgres://h1,h2:2,h3/d", "postgres://,", "postgres://h1:1,h2:2/?port=3", "postgres://[::1]:1,[::2]/", "postgres://[::1", "postgres://[]", "postgres://[::1]x",
	"postgres://u:p%40%2f@h/d%20e", "postgres://u:p@q@h", "postgres://u:p/q@h", "postgres://u:p?q@h/d", "postgres://h/?host=/tmp&user=u&dbname=d",
	"postgres://h?sslmode=disable&ssl=true", "postgres://h?ssl=true&sslmode=disable", "postgres://h?ssl=true&ssl=false", "postgres://h?ssl=false&ssl=true&sslmode=allow",
	"postgres://h/d?a", "postgres://h/d?a=b=c", "postgres://h/d?=b", "postgres://h/d?a=%zz", "postgres://h/d?%=b", "postgres://h/d?a=b&", "postgres://h/d?&a=b",
	"postgres:// h /d", "postgres://h/ d?a= b ", "postgres://a b@h", "postgres://h/%00", "postgres://h/\x00", "postgres://h:x/", "postgres://h: /", "postgres://h/?user=",
	"postgres://h/d?a%3Db=c&options=-c%20search_path%3Da", "Postgres://h", "postgres://h/d?%C3%A4=%FF", "postgres://h/d#f", "postgres://h/d/e?a=b?c",
}

// sameAsPgx: what parseDSNText makes of a DSN and formatDSN makes of that is to pgx the same as the DSN.
func sameAsPgx(t *testing.T, dsn string) {
	text, textErr := parseDSNText(dsn)
	want, err := pgx.ParseConfig(dsn)
	var parseError *pgconn.ParseConfigError
	if errors.As(err, &parseError) && strings.Contains(pgxReason(err).Error(), "failed to parse as ") {
		require.Error(t, textErr, "pgx: %v", err)
		return
	}
	if textErr != nil && strings.Contains(textErr.Error(), `"@" after its first "/"`) {
		return // the one difference
	}
	require.NoError(t, textErr, "pgx: %v", err)
	if value, given := text.values["ssl"]; given && value == "true" {
		return // parseForPgx sees to it
	}
	got, gotErr := pgx.ParseConfig(formatDSN(text.values))
	if err != nil {
		require.Error(t, gotErr, "pgx: %v", err)
		return
	}
	require.NoError(t, gotErr)
	assert.Equal(t, summary(want), summary(got))
}

func summary(c *pgx.ConnConfig) map[string]any {
	type way struct {
		host string
		port uint16
		tls  bool
		name string
	}
	ways := []way{{c.Host, c.Port, c.TLSConfig != nil, ""}}
	for _, f := range c.Fallbacks {
		ways = append(ways, way{f.Host, f.Port, f.TLSConfig != nil, ""})
	}
	return map[string]any{
		"ways": ways, "user": c.User, "password": c.Password, "database": c.Database, "parameters": c.RuntimeParams,
		"connect_timeout": c.ConnectTimeout, "mode": c.DefaultQueryExecMode, "cache": c.StatementCacheCapacity,
		"auth": c.RequireAuth, "validated": c.ValidateConnect != nil, "versions": c.MinProtocolVersion + c.MaxProtocolVersion,
	}
}

func TestADSNIsTakenApartAsPgxDoes(t *testing.T) {
	cleanEnv(t)
	for _, dsn := range dsnSeeds {
		t.Run(dsn, func(t *testing.T) { sameAsPgx(t, dsn) })
	}
	t.Setenv("PGHOST", "a,b")
	t.Setenv("PGPORT", "1,2")
	for _, dsn := range dsnSeeds {
		t.Run("with PGHOST/"+dsn, func(t *testing.T) { sameAsPgx(t, dsn) })
	}
}

func FuzzADSNIsTakenApartAsPgxDoes(f *testing.F) {
	cleanEnv(f)
	for _, dsn := range dsnSeeds {
		f.Add(dsn)
	}
	f.Fuzz(func(t *testing.T, dsn string) {
		if !opensFiles(dsn) {
			sameAsPgx(t, dsn)
		}
	})
}

// opensFiles: parsing the DSN could open any file of this machine; a fuzzer must not.
func opensFiles(dsn string) bool {
	for _, key := range []string{"file", "cert", "sslkey", "%"} {
		if strings.Contains(strings.ToLower(dsn), key) && (key != "%" || strings.Contains(dsn, "/dev")) {
			return true
		}
	}
	return false
}

func TestSSLTrueInKeywordFormIsNoAlias(t *testing.T) {
	cleanEnv(t)
	c := mustParse(t, "host=h ssl=true replicas=r1")
	for _, s := range c.Servers {
		assert.Equal(t, map[string]string{"ssl": "true"}, s.RuntimeParams, "as with pgx alone")
		assert.Len(t, s.Fallbacks, 1, "sslmode=prefer")
	}
	for _, s := range mustParse(t, "postgres://h?ssl=true&replicas=r1").Servers {
		assert.Empty(t, s.RuntimeParams)
		assert.Empty(t, s.Fallbacks, "sslmode=require")
	}
}

// FuzzParseConfig builds a DSN with a password from its arguments: no panic, no error that tells it, and what is accepted is
// accepted again, with nothing of ours in it.
func FuzzParseConfig(f *testing.F) {
	cleanEnv(f)
	for _, seed := range dsnSeeds {
		f.Add(seed, "r1,postgres://u:PASSWORD@r2/")
	}
	for _, seed := range []string{
		"postgres://u:PASSWORD@h1,h2/d?max_lag=1s&sslmode=x", "host=h password=PASSWORD wait=7", "host=h password='PASSWORD x' connect_timeout=x",
		"postgres://u@h/?password=PASSWORD&balancer=x", "postgres://u:PASSWORD/x@h/d", "postgres://u:x/PASSWORD@h/d?wait=1", "host=h replica=PASSWORD",
		"postgres://u:12/y?wait=PASSWORD@h", "postgres://u@v:PASSWORD@h:x/",
	} {
		for _, replicas := range []string{"", "r1,[::1]:5,/tmp", "'host=r1 password=PASSWORD port=x',r2:x", "postgres://u:PASSWORD@r1,r2:x", "u:PASSWORD@r", "a,'", "postgres://u:x/PASSWORD@r?a=b"} {
			f.Add(seed, replicas)
		}
	}
	f.Fuzz(func(t *testing.T, dsn, replicas string) {
		if opensFiles(dsn) || opensFiles(replicas) || strings.Contains(dsn+replicas, secret) {
			return
		}
		// A password that its own text gives away as one: in a URL before an "@", or after "password=".
		marked := strings.Contains(dsn+replicas, ":PASSWORD@") || strings.Contains(dsn+replicas, "password=PASSWORD")
		dsn = strings.ReplaceAll(dsn, "PASSWORD", secret)
		if !strings.Contains(replicas, "\x00") {
			t.Setenv("PGSPLIT_REPLICAS", strings.ReplaceAll(replicas, "PASSWORD", secret))
		}
		c, err := ParseConfig(dsn)
		if err != nil {
			if marked {
				assertNotTold(t, err, secret, dsn+" | "+replicas)
			}
			return
		}
		require.NoError(t, c.Clone().normalize())
		for _, server := range c.Servers {
			for key := range server.RuntimeParams {
				assert.False(t, isOwnKey(key) || isIgnoredKey(key), key)
			}
			_, err := pgx.ParseConfig(server.ConnString())
			assert.NoError(t, err)
		}
	})
}
