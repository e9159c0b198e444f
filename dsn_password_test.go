package pgsplit

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPasswordFileIsLookedUpForEachServer(t *testing.T) {
	cleanEnv(t)
	t.Setenv("PGPASSFILE", writeFile(t, strings.Join([]string{
		"h1:5432:db:app:one", "h2:*:*:app:two", "r1:5432:db:ro:three", "localhost:5432:db:app:socket",
	}, "\n")))
	c := mustParse(t, "postgres://app@h1,h2,h3/db?replicas=postgres://ro@r1/,/tmp,postgres://x:given@r1/")
	var passwords []string
	for _, s := range c.Servers {
		passwords = append(passwords, s.Password)
	}
	assert.Equal(t, []string{"one", "two", "", "three", "socket", "given"}, passwords)

	c = mustParse(t, "postgres://app:mine@h1/db?replicas=r1")
	assert.Equal(t, "mine", c.Servers[0].Password)
	assert.Equal(t, "mine", c.Servers[1].Password, "a password of the DSN outranks the file, as in libpq")
}

func TestPasswordFileMayBeNamedByTheDSNAndByEachReplica(t *testing.T) {
	cleanEnv(t)
	t.Setenv("PGPASSFILE", writeFile(t, "*:*:*:*:of the environment"))
	one := writeFile(t, "h1:*:*:*:of h1\nr1:*:*:*:of r1\n")
	two := writeFile(t, "*:*:*:*:of the other file")
	for _, dsn := range []string{
		"postgres://app@h1/db?passfile=" + one + "&replicas=r1,postgres://r2/%3Fpassfile%3D" + two,
		"host=h1 user=app dbname=db passfile=" + one + " replicas='r1,\\'host=r2 passfile=" + two + "\\''",
		"service=s servicefile=" + writeFile(t, "[s]\nhost=h1\nuser=app\ndbname=db\npassfile="+one+"\nreplicas=r1,postgres://r2/?passfile="+two+"\n"),
	} {
		var passwords []string
		for _, s := range mustParse(t, dsn).Servers {
			passwords = append(passwords, s.Password)
		}
		assert.Equal(t, []string{"of h1", "of r1", "of the other file"}, passwords, dsn)
	}
}

// oddPasswords are what a password may be, each with something that means something in a DSN.
var oddPasswords = []string{
	"p@ss", "a:b", "a/b", "a?b", "a#b", "a%b", "%41", "a&b", "a=b", "a+b", "a b", " a ", "a,b", "a,postgres://x@y/", "it's", "'", `a\b`, `\`, `"`, "[::1]",
	"ä€😀", "replicas=x", "host=h password=x", "$1;--/*", "\t\n", `@:/?#%&=+ ,'\"[]`,
}

func TestAnyPasswordMayStandInAWholeDSNOfAReplica(t *testing.T) {
	cleanEnv(t)
	keyword := func(value string) string { return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(value) + "'" }
	percent := func(value string) string { return strings.ReplaceAll(url.QueryEscape(value), "+", "%20") }
	for _, password := range oddPasswords {
		replicas := map[string]string{
			"URL":               "postgres://ro:" + percent(password) + "@r1/db,postgres://ro:" + percent(password) + "@r2/db",
			"URL, as parameter": "postgres://ro@r1/db?password=" + percent(password) + ",postgres://ro@r2/db?password=" + percent(password),
			"keyword/value": keyword("host=r1 dbname=db user=ro password="+keyword(password)) + "," +
				keyword("password="+keyword(password)+" host=r2 user=ro dbname=db"),
		}
		for form, list := range replicas {
			mains := map[string]string{
				"URL":           "postgres://app:" + percent(password+"!") + "@p/db?replicas=" + percent(list) + "&max_lag=3s",
				"keyword/value": "host=p dbname=db user=app password=" + keyword(password+"!") + " replicas=" + keyword(list) + " max_lag=3s",
				"environment":   "host=p dbname=db user=app password=" + keyword(password+"!") + " max_lag=3s",
			}
			for where, dsn := range mains {
				require.NoError(t, os.Unsetenv("PGSPLIT_REPLICAS"))
				if where == "environment" {
					t.Setenv("PGSPLIT_REPLICAS", list)
				}
				c, err := ParseConfig(dsn)
				require.NoError(t, err, "%s in %s: %q", form, where, password)
				require.Equal(t, []string{"app@p:5432/db", "ro@r1:5432/db", "ro@r2:5432/db"}, servers(c), "%s in %s: %q", form, where, password)
				require.Equal(t, []string{password + "!", password, password}, []string{c.Servers[0].Password, c.Servers[1].Password, c.Servers[2].Password}, "%s in %s", form, where)
				require.Equal(t, 3*time.Second, c.MaxLag)
				again, err := pgx.ParseConfig(c.Servers[1].ConnString())
				require.NoError(t, err)
				require.Equal(t, password, again.Password)
			}
		}
	}
}

const secret = "Tr0ub4dor"

func TestNoErrorTellsAPassword(t *testing.T) {
	cleanEnv(t)
	// The mistakes go into %s, each DSN having its password somewhere else.
	for _, dsn := range []string{
		"postgres://u:" + secret + "@h/db?%s",
		"postgres://u@h/db?password=" + secret + "&%s",
		"postgres://u@h/db?%s&sslpassword=" + secret,
		"postgres://u@h/db?pass%%77ord=" + secret + "&%s",
		"postgres://u:" + secret + "@h:port/db?%s",
		"postgres://u:" + secret + "/@h/db?%s",
		"postgres://u:x/" + secret + "@h/db?%s",
		"postgres://u:12/" + secret + "@h/db?%s",
		"postgres://u:12?" + secret + "/@h/db?%s",
		"postgres://u:x/y?wait=" + secret + "@h/db&%s",
		"postgres://u:x/y?connect_timeout=" + secret + "@h/db&%s",
		"postgres://u:x/y?connect_timeout=" + secret + "&z=@h/db&%s",
		"postgres://u:x/y?" + secret + "=a=b@h/db&%s",
		"postgres://u:x@" + secret + "@h/db?%s",
		"postgres://u:x@y:" + secret + "@h/db?%s",
		"postgres://u:x@y:" + secret + "/z@h/db?%s",
		"postgres://u@corp.com:" + secret + "@h/db?%s",
		"postgres://u:%%zz" + secret + "@h/db?%s",
		"postgres://u:" + secret + " x@h/db?%s",
		"postgres://u:[" + secret + "@h/db?%s",
		"postgres://u:" + secret + "\x00@h/db?%s",
		"postgres://u:" + secret,
		"postgres:///u:" + secret + "@h/db?%s",
		"postgres//u:" + secret + "@h/db?%s",
		"user=u password=" + secret + " %s",
		"user=u password='" + secret + "' %s",
		"user=u password=x " + secret + " %s",
		"user=u password='x'" + secret + " %s",
		"user=u password=x\\ " + secret + " %s",
		"user=u password = " + secret + " host='%s",
		"user=u password='" + secret + " %s",
		"host=u:" + secret + "@h %s",
		"u:" + secret + "@h %s",
		"jdbc:postgresql://u:" + secret + "@h/db?%s",
		// in a replica
		"postgres://h/db?%s&replicas=postgres://u:" + secret + "@r",
		"postgres://h/db?%s&replicas=postgres://u:" + secret + "@r:port",
		"postgres://h/db?%s&replicas=postgres://u:" + secret + "@r?sslmode%%3dx",
		"postgres://h/db?%s&replicas=postgres://u:" + secret + "@r?sslmode=x",
		"postgres://h/db?%s&replicas=postgres://u:" + secret + "%%253dx%%3",
		"postgres://h/db?%s&replicas=postgres://u:%%25zz" + secret + "@r",
		"postgres://h/db?%s&replicas=postgres://u:x/" + secret + "@r",
		"postgres://h/db?%s&replicas=postgres://u:x/y,z" + secret + ":zz@r",
		"postgres://h/db?%s&replicas=u:" + secret + "@r",
		"postgres://h/db?%s&replicas=mysql://u:" + secret + "@r",
		"postgres://h/db?%s&replicas=postgres://r/%%3Fpassword%%3D" + secret + "%%26sslmode%%3Dx",
		"postgres://h/db?%s&replicas=host%%3Dr%%20password%%3D" + secret,
		"postgres://h/db?%s&replicas='host%%3Dr%%20password%%3D" + secret,
		"postgres://h/db?%s&replicas='host%%3Dr%%20password%%3D" + secret + "%%20x'",
		"postgres://h/db?%s&replicas='host%%3Dr%%20password%%3Dx%%20" + secret + "'",
		"postgres://h/db?%s&replicas='host%%3Dr%%20password%%3D" + secret + "%%20sslmode=x'",
		"postgres://h/db?%s&replicas='host%%3Dr%%20password%%3D" + secret + "%%20sslmode%%3Dx'",
		"host=h %s replicas='postgres://u:" + secret + "@r?wait=1s'",
		"host=h %s replicas='postgres://u:" + secret + "@r,postgres://u:" + secret + "@r'",
		"host=h %s replicas='\\'host=r password=" + secret + " max_lag=1\\''",
		// where its value has strayed into another key
		"host=h password=" + secret + " wait=" + secret + " %s",
		"host=h password=" + secret + " connect_timeout=" + secret + " %s",
		"host=h password=" + secret + " target_session_attrs=" + secret + " %s",
		"host=h password=" + secret + " service=" + secret + " servicefile=/dev/null %s",
		"host=h password=" + secret + " sslmode=verify-ca sslrootcert=/" + secret + " %s",
	} {
		for _, mistake := range []string{"wait=1s", "wait=7", "maxlag=1s", "connect_timeout=x", "sslmode=x", "target_session_attrs=x", "port=x", "replica_reads=" + secret} {
			dsn := strings.NewReplacer("%%", "%", "%s", mistake).Replace(dsn)
			c, err := ParseConfig(dsn)
			if err == nil {
				assert.NotContains(t, c.String(), secret, dsn)
				continue
			}
			if mistake == "replica_reads="+secret && !strings.Contains(dsn, "password="+secret) && !strings.Contains(dsn, "//u:"+secret) {
				continue // nothing tells that it is one
			}
			assertNotTold(t, err, secret, dsn)
		}
	}
}

// assertNotTold looks at the error and at all that can be unwrapped from it.
func assertNotTold(t *testing.T, err error, secret, dsn string) {
	t.Helper()
	var walk func(err error)
	walk = func(err error) {
		if err == nil {
			return
		}
		for _, verb := range []string{"%v", "%+v", "%#v", "%q"} {
			if strings.Contains(fmt.Sprintf(verb, err), secret) {
				t.Errorf("the error for %q tells the password: %v", dsn, err)
			}
		}
		var parseError *pgconn.ParseConfigError
		if errors.As(err, &parseError) {
			t.Errorf("the error for %q holds pgx's, which holds the DSN", dsn)
		}
		switch e := err.(type) {
		case interface{ Unwrap() error }:
			walk(e.Unwrap())
		case interface{ Unwrap() []error }:
			for _, err := range e.Unwrap() {
				walk(err)
			}
		}
	}
	walk(err)
}

func TestPasswordsOfEnvironmentAndServiceFileAreNotTold(t *testing.T) {
	cleanEnv(t)
	t.Setenv("PGPASSWORD", secret)
	_, err := ParseConfig("host=h wait=" + secret + " connect_timeout=" + secret)
	require.Error(t, err)
	assertNotTold(t, err, secret, "PGPASSWORD")

	t.Setenv("PGPASSWORD", "")
	t.Setenv("PGSERVICEFILE", writeFile(t, "[s]\npassword="+secret+"\n"))
	_, err = ParseConfig("host=h service=s wait=" + secret + " connect_timeout=" + secret)
	require.Error(t, err)
	assertNotTold(t, err, secret, "service")
	_, err = ParseConfig("host=h replicas=postgres://r/?service=s&connect_timeout=" + secret)
	require.Error(t, err)
	assertNotTold(t, err, secret, "service of a replica")
}
