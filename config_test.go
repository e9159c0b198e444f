package pgsplit

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type fakeConnector struct{ password string }

func (fakeConnector) Connect(context.Context) (driver.Conn, error) { return nil, nil }
func (fakeConnector) Driver() driver.Driver                        { return nil }

func TestNormalizeRefusesAConfigMadeByHand(t *testing.T) {
	err := (&Config{Primary: fakeConnector{}}).normalize()
	assert.EqualError(t, err, "pgsplit: this Config was made by hand; start from NewConfig or ParseConfig, which set the defaults")
}

func TestNormalizeFillsWhatZeroCannotMean(t *testing.T) {
	c := NewConfig()
	c.Primary = fakeConnector{}
	c.Balancer, c.ReadOnlyTx, c.MonitorInterval, c.MonitorTimeout = "", RoleUnknown, 0, 0
	c.MaxLag, c.FailoverTimeout, c.PoolMaxConnLifetime, c.PoolMaxConnIdleTime = 0, 0, 0, 0
	require.NoError(t, c.normalize())
	assert.Equal(t, BalancerLeastBusy, c.Balancer)
	assert.Equal(t, RolePrimary, c.ReadOnlyTx)
	assert.Equal(t, time.Second, c.MonitorInterval)
	assert.Equal(t, 500*time.Millisecond, c.MonitorTimeout)
	for _, d := range []time.Duration{c.MaxLag, c.FailoverTimeout, c.PoolMaxConnLifetime, c.PoolMaxConnIdleTime} {
		assert.Zero(t, d, "here it means none")
	}
}

func TestNormalizeReportsMistakes(t *testing.T) {
	cleanEnv(t)
	server := func(dsn string) *pgx.ConnConfig {
		config, err := pgx.ParseConfig(dsn)
		require.NoError(t, err)
		return config
	}
	for want, change := range map[string]func(c *Config){
		"": func(*Config) {},
		"no server: set Config.Servers, or Config.Primary and Config.Replicas":                       func(c *Config) { c.Primary = nil },
		"Config.Replicas is set without Config.Primary; set both":                                    func(c *Config) { c.Primary, c.Replicas = nil, []driver.Connector{fakeConnector{}} },
		"Config.Replicas[1] is nil":                                                                  func(c *Config) { c.Replicas = []driver.Connector{fakeConnector{}, nil} },
		"Config.Servers[0] is nil":                                                                   func(c *Config) { c.Servers = []*pgx.ConnConfig{nil} },
		"Config.Servers[0] was made by hand; pgx wants it from pgx.ParseConfig":                      func(c *Config) { c.Servers = []*pgx.ConnConfig{{}} },
		"Config.Servers[1] has more than one host; ParseConfig makes one server of each":             func(c *Config) { c.Servers = []*pgx.ConnConfig{server("host=a"), server("host=a,b")} },
		"Config.Servers[0] would send max_lag to the server; parse the DSN with pgsplit.ParseConfig": func(c *Config) { c.Servers = []*pgx.ConnConfig{server("host=a max_lag=1s")} },
		"Config.MaxLag -1s: it must be 10ms or more, or 0 for no bound":                              func(c *Config) { c.MaxLag = -time.Second },
		"Config.Wait -1ns: it must not be negative; 0 is no wait":                                    func(c *Config) { c.Wait = -1 },
		"Config.MonitorInterval 1µs: it must be 1ms or more":                                         func(c *Config) { c.MonitorInterval = time.Microsecond },
		`Config.Balancer "fair": write "least_busy", "round_robin", "random" or "latency"`:           func(c *Config) { c.Balancer = "fair" },
		"Config.WhenStale 9: it has no such value":                                                   func(c *Config) { c.WhenStale = 9 },
		"Config.ReadOnlyTx 3: it has no such value":                                                  func(c *Config) { c.ReadOnlyTx = 3 },
		"2 mistakes: (1) Config.MaxLag -1ns: ":                                                       func(c *Config) { c.MaxLag, c.Wait = -1, -1 },
	} {
		c := NewConfig()
		c.Primary = fakeConnector{}
		change(c)
		err := c.normalize()
		if want == "" {
			assert.NoError(t, err)
			continue
		}
		assert.ErrorContains(t, err, "pgsplit: "+want)
	}
}

func TestEverySettingNamesAFieldOfConfig(t *testing.T) {
	kind := reflect.TypeFor[Config]()
	for _, s := range settings {
		_, found := kind.FieldByName(s.field)
		assert.True(t, found, s.field)
		assert.NoError(t, s.set(NewConfig(), s.get(NewConfig())), "what get gives, set takes: %s", s.key)
	}
}

func TestCloneSharesNothing(t *testing.T) {
	cleanEnv(t)
	c := mustParse(t, "host=h1,h2 search_path=x")
	require.NoError(t, c.Clone().normalize())
	c.Replicas = []driver.Connector{fakeConnector{}}
	clone := c.Clone()
	assert.Equal(t, c.String(), clone.String())

	clone.Servers[0].RuntimeParams["search_path"] = "y"
	clone.Servers[0].Fallbacks[0].Host = "other"
	clone.Servers[1] = nil
	clone.Original.RuntimeParams["search_path"] = "y"
	clone.Replicas[0] = nil
	assert.Equal(t, "x", c.Servers[0].RuntimeParams["search_path"])
	assert.Equal(t, "h1", c.Servers[0].Fallbacks[0].Host)
	assert.NotNil(t, c.Servers[1])
	assert.Equal(t, "x", c.Original.RuntimeParams["search_path"])
	assert.NotNil(t, c.Replicas[0])

	assert.NotPanics(t, func() { (&Config{Servers: []*pgx.ConnConfig{nil}}).Clone() })
}

func TestAConfigIsPrintedWithoutPasswords(t *testing.T) {
	cleanEnv(t)
	c := mustParse(t, "postgres://app:"+secret+"@h1,[::1]:5433/db?sslpassword="+secret+"&max_lag=3s&replicas=postgres://ro:"+secret+"@r1/")
	want := "pgsplit.Config{servers: app@h1:5432/db app@[::1]:5433/db ro@r1:5432/db; read_your_writes=off max_lag=3s when_stale=primary "
	withConnectors := NewConfig()
	withConnectors.Primary, withConnectors.Replicas = fakeConnector{secret}, []driver.Connector{&fakeConnector{secret}}
	type holder struct {
		Config *Config
		Value  Config
	}
	type hider struct { // fmt cannot call methods on these
		hidden *Config
		inner  Config
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("starts", "config", c)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("starts", "config", *c)
	texts := []string{log.String()}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		assert.True(t, strings.HasPrefix(fmt.Sprintf(verb, c), want), fmt.Sprintf(verb, c))
		assert.True(t, strings.HasPrefix(fmt.Sprintf(verb, *c), want))
		if strings.HasSuffix(verb, "v") {
			texts = append(texts, fmt.Sprintf(verb, hider{c, *c}), fmt.Sprintf(verb, &hider{c, *c}))
		}
		for _, thing := range []any{c, *c, holder{c, *c}, &holder{c, *c}, []Config{*c}, map[string]*Config{"c": c}, withConnectors} {
			texts = append(texts, fmt.Sprintf(verb, thing))
		}
	}
	for _, text := range texts {
		assert.NotContains(t, text, secret)
		assert.NotContains(t, text, fmt.Sprintf("%x", secret))
	}
	assert.True(t, strings.HasPrefix(withConnectors.String(), "pgsplit.Config{primary: pgsplit.fakeConnector, replicas: *pgsplit.fakeConnector;"))
	assert.True(t, strings.HasPrefix(c.GoString(), want))
}

func TestOptionsHaveNames(t *testing.T) {
	for name, value := range map[string]fmt.Stringer{
		"unknown": RoleUnknown, "primary": RolePrimary, "replica": RoleReplica,
		"off": RYWOff, "on": RYWOn, "strict": RYWStrict,
		"freshest": StaleFreshest, "error": StaleError,
		"invalid(77)": Role(77),
	} {
		assert.Equal(t, name, value.String())
	}
	assert.Equal(t, "primary", StalePrimary.String())
	assert.Equal(t, "invalid(3)", ReadYourWrites(3).String())
	assert.Equal(t, [3]uint8{}, [3]uint8{uint8(RoleUnknown), uint8(RYWOff), uint8(StalePrimary)}, "the defaults")
}

func TestOptionsAreReadFromFlagsAndJSON(t *testing.T) {
	var options struct {
		Role      Role
		RYW       ReadYourWrites
		WhenStale WhenStale
	}
	require.NoError(t, json.Unmarshal([]byte(`{"Role":"replica","RYW":"strict","WhenStale":"ERROR"}`), &options))
	text, err := json.Marshal(options)
	require.NoError(t, err)
	assert.JSONEq(t, `{"Role":"replica","RYW":"strict","WhenStale":"error"}`, string(text))

	flags := flag.NewFlagSet("", flag.ContinueOnError)
	flags.SetOutput(&strings.Builder{})
	flags.TextVar(&options.RYW, "ryw", RYWOff, "")
	require.NoError(t, flags.Parse([]string{"-ryw=on"}))
	assert.Equal(t, RYWOn, options.RYW)
	assert.ErrorContains(t, flags.Parse([]string{"-ryw=maybe"}), `write "off", "on" or "strict"`)
}
