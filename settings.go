package pgsplit

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// setting is one of pgsplit's own DSN keys, and the field of Config that it sets. Its default is NewConfig's.
type setting struct {
	key   string
	field string
	// set reads the value of the key. Its error says what is wrong and what would be right, and does not quote the value.
	set func(c *Config, value string) error
	get func(c *Config) string
	// check looks at the field of a Config changed by hand; its error begins with the value. Nil where no value is wrong.
	check func(c *Config) error
}

// env is the environment variable that stands in for the key.
func (s setting) env() string { return envPrefix + strings.ToUpper(s.key) }

const (
	envPrefix   = "PGSPLIT_"
	replicasKey = "replicas"
)

// settings are all of them, but for replicas, in the order of the documentation.
var settings = []setting{
	enumSetting("read_your_writes", "ReadYourWrites", readYourWritesNames, 0, func(c *Config) *ReadYourWrites { return &c.ReadYourWrites }),
	durationSetting("max_lag", "MaxLag", 10*time.Millisecond, "no bound", func(c *Config) *time.Duration { return &c.MaxLag }),
	enumSetting("when_stale", "WhenStale", whenStaleNames, 0, func(c *Config) *WhenStale { return &c.WhenStale }),
	durationSetting("wait", "Wait", 0, "no wait", func(c *Config) *time.Duration { return &c.Wait }),
	durationSetting("stick_after_write", "StickAfterWrite", 0, "for good", func(c *Config) *time.Duration { return &c.StickAfterWrite }),
	balancerSetting(),
	weightsSetting(),
	durationSetting("warmup", "Warmup", 0, "no warm-up", func(c *Config) *time.Duration { return &c.Warmup }),
	countSetting("max_fallback_reads", "MaxFallbackReads", "no bound", func(c *Config) *int { return &c.MaxFallbackReads }),
	boolSetting("replica_reads", "ReplicaReads", func(c *Config) *bool { return &c.ReplicaReads }),
	enumSetting("read_only_tx", "ReadOnlyTx", roleNames, 1, func(c *Config) *Role { return &c.ReadOnlyTx }),
	listSetting("safe_functions", "SafeFunctions", func(c *Config) *[]string { return &c.SafeFunctions }),
	listSetting("unsafe_functions", "UnsafeFunctions", func(c *Config) *[]string { return &c.UnsafeFunctions }),
	enumSetting("roles", "Roles", rolesNames, 0, func(c *Config) *Roles { return &c.Roles }),
	durationSetting("failover_timeout", "FailoverTimeout", 0, "no wait", func(c *Config) *time.Duration { return &c.FailoverTimeout }),
	durationSetting("monitor_interval", "MonitorInterval", time.Millisecond, "", func(c *Config) *time.Duration { return &c.MonitorInterval }),
	durationSetting("monitor_timeout", "MonitorTimeout", time.Millisecond, "", func(c *Config) *time.Duration { return &c.MonitorTimeout }),
	durationSetting("alert_lag", "AlertLag", 0, "no alert", func(c *Config) *time.Duration { return &c.AlertLag }),
	percentSetting("alert_connections", "AlertConnections", "no alert", func(c *Config) *int { return &c.AlertConnections }),
	durationSetting("pool_max_conn_lifetime", "PoolMaxConnLifetime", 0, "no limit", func(c *Config) *time.Duration { return &c.PoolMaxConnLifetime }),
	durationSetting("pool_max_conn_lifetime_jitter", "PoolMaxConnLifetimeJitter", 0, "none", func(c *Config) *time.Duration { return &c.PoolMaxConnLifetimeJitter }),
	durationSetting("pool_max_conn_idle_time", "PoolMaxConnIdleTime", 0, "no limit", func(c *Config) *time.Duration { return &c.PoolMaxConnIdleTime }),
	durationSetting("pool_health_check_period", "PoolHealthCheckPeriod", 10*time.Millisecond, "", func(c *Config) *time.Duration { return &c.PoolHealthCheckPeriod }),
	durationSetting("pool_ping_timeout", "PoolPingTimeout", time.Millisecond, "the default", func(c *Config) *time.Duration { return &c.PoolPingTimeout }),
	countSetting("max_conns_per_server", "MaxConnsPerServer", "no bound", func(c *Config) *int { return &c.MaxConnsPerServer }),
}

// loadBalanceHosts is libpq's; pgx does not know it.
const loadBalanceHosts = "load_balance_hosts"

// ignoredKeys are accepted, so that a DSN written for pgxpool or libpq keeps working, and have no effect: sql.DB limits the
// connections, none are opened before they are needed, and reads are balanced by the balancer. The server would refuse them.
var ignoredKeys = []string{"pool_max_conns", "pool_min_conns", "pool_min_idle_conns", loadBalanceHosts}

func isIgnoredKey(key string) bool { return slices.Contains(ignoredKeys, key) }

func isOwnKey(key string) bool {
	if key == replicasKey {
		return true
	}
	for _, s := range settings {
		if s.key == key {
			return true
		}
	}
	return false
}

func enumSetting[E ~uint8](key, field string, names []string, first E, at func(*Config) *E) setting {
	check := func(e E) error {
		if e < first || int(e) >= len(names) {
			return fmt.Errorf("write %s", oneOf(names[first:]))
		}
		return nil
	}
	return setting{
		key:   key,
		field: field,
		set: func(c *Config, value string) error {
			var e E
			if parseEnum(&e, names, value) != nil || check(e) != nil {
				return fmt.Errorf("write %s", oneOf(names[first:]))
			}
			*at(c) = e
			return nil
		},
		get: func(c *Config) string { return enumName(names, *at(c)) },
		check: func(c *Config) error {
			e := *at(c)
			if err := check(e); err != nil {
				return fmt.Errorf("%d: it has no such value", e)
			}
			return nil
		},
	}
}

func balancerSetting() setting {
	find := func(value string) (string, error) {
		for _, name := range balancerNames {
			if strings.EqualFold(name, value) {
				return name, nil
			}
		}
		return "", fmt.Errorf("write %s", oneOf(balancerNames))
	}
	return setting{
		key:   "balancer",
		field: "Balancer",
		set: func(c *Config, value string) (err error) {
			name, err := find(value)
			if err == nil {
				c.Balancer = name
			}
			return err
		},
		get: func(c *Config) string { return c.Balancer },
		check: func(c *Config) error {
			if _, err := find(c.Balancer); err != nil {
				return fmt.Errorf("%q: %v", c.Balancer, err)
			}
			return nil
		},
	}
}

func boolSetting(key, field string, at func(*Config) *bool) setting {
	return setting{
		key:   key,
		field: field,
		set: func(c *Config, value string) error {
			switch strings.ToLower(value) {
			case "on", "true", "yes", "1":
				*at(c) = true
			case "off", "false", "no", "0":
				*at(c) = false
			default:
				return errors.New(`write "on" or "off"`)
			}
			return nil
		},
		get: func(c *Config) string {
			if *at(c) {
				return "on"
			}
			return "off"
		},
	}
}

// listSetting takes names separated by commas.
func listSetting(key, field string, at func(*Config) *[]string) setting {
	return setting{
		key:   key,
		field: field,
		set: func(c *Config, value string) error {
			var names []string
			for _, name := range strings.Split(value, ",") {
				if name = strings.TrimSpace(name); name != "" {
					names = append(names, name)
				}
			}
			*at(c) = names
			return nil
		},
		get: func(c *Config) string { return cmp.Or(strings.Join(*at(c), ","), "-") },
	}
}

// durationSetting takes zero, if zeroMeans is not empty, and durations of at least least.
func durationSetting(key, field string, least time.Duration, zeroMeans string, at func(*Config) *time.Duration) setting {
	check := func(d time.Duration) error {
		switch {
		case d == 0 && zeroMeans != "", d >= least && d > 0:
			return nil
		case zeroMeans == "":
			return fmt.Errorf("it must be %v or more", least)
		case least > 0:
			return fmt.Errorf("it must be %v or more, or 0 for %s", least, zeroMeans)
		default:
			return fmt.Errorf("it must not be negative; 0 is %s", zeroMeans)
		}
	}
	return setting{
		key:   key,
		field: field,
		set: func(c *Config, value string) error {
			d, err := parseDuration(value)
			if err != nil {
				return err
			}
			if err := check(d); err != nil {
				return err
			}
			*at(c) = d
			return nil
		},
		get: func(c *Config) string { return at(c).String() },
		check: func(c *Config) error {
			if err := check(*at(c)); err != nil {
				return fmt.Errorf("%v: %v", *at(c), err)
			}
			return nil
		},
	}
}

// parseDuration wants a unit: a bare 10 would be seconds to libpq and milliseconds to the server's own settings.
func parseDuration(value string) (time.Duration, error) {
	d, err := time.ParseDuration(value)
	if err == nil {
		return d, nil
	}
	if value != "" && strings.Trim(value, "0123456789") == "" {
		return 0, errors.New(`it has no unit; append "s" for seconds or "ms" for milliseconds`)
	}
	return 0, errors.New(`it is no duration; write one with a unit, such as "500ms", "10s" or "1m30s"`)
}
