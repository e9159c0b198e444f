package pgsplit

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// Config is everything that a handle is made from. Make it with ParseConfig or NewConfig, which set the defaults, then
// change what you like: a Config made by hand is refused, since zero is a meaningful value of several settings (MaxLag 0 is
// "no bound", ReplicaReads false is "off"). A handle works on a copy; changing a Config later changes nothing.
//
// It is safe to print: no output of it holds a password.
type Config struct {
	// --- Servers

	// Servers are the servers of the cluster, each with exactly one host, in the order of the DSN: its host list, then
	// replicas=. Which of them is the primary is found out, not configured. What pgx offers beyond a DSN (Tracer, DialFunc,
	// OnNotice, OAuthTokenProvider, …) is set here, on each of them. Their Fallbacks are other ways to the same host
	// (sslmode=prefer), never other servers.
	Servers []*pgx.ConnConfig

	// Primary and Replicas, when Primary is set, are used instead of Servers: any driver.Connector serves (a cloud
	// provider's dialer, an instrumented connector, go-sqlmock). Replicas may be empty; Replicas without Primary is an error.
	// Here the roles are taken as given where a connector's connections are not pgx's.
	Primary  driver.Connector
	Replicas []driver.Connector

	// Original is the DSN as pgx alone understands it, its whole host list in one configuration, without pgsplit's own keys.
	// Connecting with it gives the error that pgx itself gives when no server can be reached. Nil in a Config from NewConfig.
	Original *pgx.ConnConfig

	// --- Routing

	// ReplicaReads false sends everything to the primary: a switch to take replicas out of use. Default true.
	ReplicaReads bool

	// Balancer picks one of several fit replicas: BalancerLeastBusy (the default; "" means the same), BalancerRoundRobin,
	// BalancerRandom or BalancerLatency.
	Balancer string

	// CustomBalancer, when set, picks the replica instead of the one that Balancer names.
	CustomBalancer Balancer

	// Weights are the shares of the replicas in the reads, by server: its name as Stats gives it ("pg2:5432"; "replica1" for
	// one given as a connector), or its host alone. A server that is not named has 1. One of weight 0 serves reads only
	// while no other replica can. Whole numbers up to a million.
	Weights map[string]int

	// Warmup is the time over which a replica that was out of reach gets back its whole share of the reads, so that neither
	// its cold caches nor a rush of new connections meet all of them at once. 0: it has it at once. Default 10 s.
	Warmup time.Duration

	// MaxFallbackReads is how many reads the primary carries at once because no replica can be reached, or none is
	// within MaxLag. A read beyond that waits for one of them to end, or for a replica, up to FailoverTimeout or the end of
	// its context; then it fails with an error that names this setting. A read counts until its rows are closed, a read-only
	// transaction until its end. Reads that need the primary for another reason do not count. 0, the default: no bound.
	MaxFallbackReads int

	// ReadOnlyTx is where sql.TxOptions{ReadOnly: true} goes: RolePrimary (the default; RoleUnknown means the same) or
	// RoleReplica. A SERIALIZABLE transaction goes to the primary in any case.
	ReadOnlyTx Role

	// SafeFunctions are functions of the application's own that may run on a replica although the catalog does not say so:
	// volatile ones that only read, say. UnsafeFunctions run on the primary although it says they are stable. Names are
	// written as in SQL, with or without schema; without, they stand for the functions of that name in every schema.
	// Functions that the lists do not name are judged by the catalog.
	//
	// SafeFunctions are on the application's word: a call of one is a read wherever it runs, and leaves no session state. Where that
	// is wrong, a replica refuses what writes, so that it runs on the primary and reads after it see it; but what one writes in
	// a transaction or on a connection that is at the primary already, reads after it need not see, whatever ReadYourWrites
	// says, and a lock that one takes on a replica excludes nobody.
	SafeFunctions   []string
	UnsafeFunctions []string

	// Roles says whether the servers are asked for their roles (RolesAuto, the default) or the first is the primary and the others
	// are replicas whatever they say (RolesStatic).
	Roles Roles

	// FailoverTimeout is how long a statement that needs the primary waits for one to appear, once this handle has seen
	// one; a context that ends earlier ends the wait. 0: not at all. Default 15 s.
	FailoverTimeout time.Duration

	// --- Consistency

	// ReadYourWrites says which of this handle's writes a read is promised to see. Default RYWOff.
	ReadYourWrites ReadYourWrites

	// MaxLag is how far a replica may be behind the primary, in time, and still serve reads. 0: no bound; otherwise at least
	// 10 ms. Default 10 s.
	MaxLag time.Duration

	// WhenStale says what a read does when no replica is fresh enough for it. Default StalePrimary.
	WhenStale WhenStale

	// Wait is how long a read may wait for a replica to become fresh enough before WhenStale decides. Default 0: it does
	// not wait.
	Wait time.Duration

	// StickAfterWrite is for replicas that have no positions to tell: servers that are no streaming standbys (Aurora's readers,
	// RolesStatic). A read that has to see a write (ReadYourWrites, a session) is not sent to them until the write is that old: a
	// guess about their lag, and weaker than what positions give; what a session has read does not count with them. 0: such
	// reads never go there, as they never go to one of several replicas behind one name, any of which may stand still
	// unnoticed. Default 2s.
	StickAfterWrite time.Duration

	// --- Monitoring

	// MonitorInterval is the time between two looks at a server's role and position while the handle is in use; a handle
	// with a single server is not monitored. At least 1 ms; 0 means the default, 1 s.
	MonitorInterval time.Duration

	// MonitorTimeout is how long a server may take to answer before the monitor holds it for unreachable, and how long a read
	// may be without an answer before the monitor looks. A pause of this process does not count. At least 1 ms; 0 means the
	// default, 500 ms.
	MonitorTimeout time.Duration

	// AlertLag is the lag of a replica above which Health gives an alert. It changes nothing for reads: see MaxLag. 0: never.
	// Default 1 s.
	AlertLag time.Duration

	// AlertConnections is how many percent of its connections a server may have in use, by whomever, before Health gives
	// an alert. 0: never. Default 80.
	AlertConnections int

	// --- Backend connections
	//
	// How many statements are under way at once is for sql.DB to say (SetMaxOpenConns), and each needs one connection to one
	// server at most. How long connections live, and how many a server gets, is for these. Besides, when database/sql closes a
	// driver connection that has lived for a second or more, for its age (SetConnMaxLifetime), its idleness
	// (SetConnMaxIdleTime) or as one too many (SetMaxIdleConns), each server gives up one idle connection that is as old, or
	// has been idle for as long.

	// PoolMaxConnLifetime is the age at which a backend connection is closed once it is idle. 0: no limit. Default 1 h.
	PoolMaxConnLifetime time.Duration

	// PoolMaxConnLifetimeJitter is the most that chance adds to a connection's PoolMaxConnLifetime, so that connections
	// opened together are not all closed together. Default 0.
	PoolMaxConnLifetimeJitter time.Duration

	// PoolMaxConnIdleTime is how long a backend connection may be idle before it is closed. 0: no limit. Default 30 min.
	PoolMaxConnIdleTime time.Duration

	// PoolHealthCheckPeriod is how often a server's idle connections are looked at. Those past their lifetime or idle time are
	// closed, and those in excess of the most that were in use at once since the look before, but for two: what a burst has
	// opened goes one to two periods after it. At least 10 ms; 0 means the default, 30 s.
	PoolHealthCheckPeriod time.Duration

	// PoolPingTimeout is how long a server may take to answer the check of a connection that was idle for more than a second,
	// as pgx makes it before reuse. One that takes longer is closed, and a read goes elsewhere. 0, the default: 5 s on the
	// primary, MonitorTimeout on a replica.
	PoolPingTimeout time.Duration

	// MaxConnsPerServer is how many backend connections to each server this handle may have, those with session state
	// included; the monitor has one more to each server, and one that reads the catalog comes and goes on the primary. Reads
	// go to another server rather than wait for a connection; what has to wait does until its context ends, first come,
	// first served. A connection with session state is free only when its driver connection is closed: an application that
	// uses some should not let SetMaxOpenConns be greater than this. If all connections of a server are kept by idle driver
	// connections for that reason, a wait ends after a second with an error that says so. 0, the default: no bound.
	MaxConnsPerServer int

	// --- Hooks

	// AfterConnect runs on every new backend connection before its first use, on whichever server; set session variables or
	// register types here. An error closes the connection, and is the connection attempt's error. Nil: nothing runs.
	AfterConnect func(ctx context.Context, conn *pgx.Conn, server ServerInfo) error

	// Trace is told what the handle does. Nil: nobody is.
	Trace *Trace

	// Logger gets one line for every change of the cluster's state: a server's role found out, a server out and back, a
	// replica too far behind and caught up again, another primary, none, two. Nothing is logged for single statements, and no
	// line holds a password. Levels: Info for what is well, Warn for a server that is lost, Error when writes are. Nil, the
	// default: nothing is logged. A handle with a single server logs nothing.
	Logger *slog.Logger

	made bool // by NewConfig: the defaults are in
}

// NewConfig gives a Config with every default and no server: add Servers, or Primary and Replicas.
func NewConfig() *Config {
	return &Config{
		ReplicaReads:          true,
		Balancer:              BalancerLeastBusy,
		Warmup:                10 * time.Second,
		ReadOnlyTx:            RolePrimary,
		FailoverTimeout:       15 * time.Second,
		ReadYourWrites:        RYWOff,
		MaxLag:                10 * time.Second,
		WhenStale:             StalePrimary,
		Wait:                  0,
		StickAfterWrite:       2 * time.Second,
		MonitorInterval:       time.Second,
		MonitorTimeout:        500 * time.Millisecond,
		AlertLag:              time.Second,
		AlertConnections:      80,
		PoolMaxConnLifetime:   time.Hour,
		PoolMaxConnIdleTime:   30 * time.Minute,
		PoolHealthCheckPeriod: 30 * time.Second,
		made:                  true,
	}
}

// Clone gives a copy that shares nothing that can be changed, except what the fields point to by nature: connectors,
// functions, Trace, Logger, and the tracers and TLS settings inside Servers.
func (c *Config) Clone() *Config {
	clone := *c
	clone.Servers = slices.Clone(c.Servers)
	for i, server := range clone.Servers {
		if server != nil {
			clone.Servers[i] = server.Copy()
		}
	}
	if c.Original != nil {
		clone.Original = c.Original.Copy()
	}
	clone.Replicas = slices.Clone(c.Replicas)
	clone.SafeFunctions = slices.Clone(c.SafeFunctions)
	clone.UnsafeFunctions = slices.Clone(c.UnsafeFunctions)
	clone.Weights = maps.Clone(c.Weights)
	return &clone
}

// normalize sets what may be left zero to its default, and reports every mistake at once.
func (c *Config) normalize() error {
	if !c.made {
		return errors.New("pgsplit: this Config was made by hand; start from NewConfig or ParseConfig, which set the defaults")
	}
	defaults := NewConfig()
	if c.Balancer == "" {
		c.Balancer = defaults.Balancer
	}
	if c.ReadOnlyTx == RoleUnknown {
		c.ReadOnlyTx = defaults.ReadOnlyTx
	}
	if c.MonitorInterval == 0 {
		c.MonitorInterval = defaults.MonitorInterval
	}
	if c.MonitorTimeout == 0 {
		c.MonitorTimeout = defaults.MonitorTimeout
	}
	if c.PoolHealthCheckPeriod == 0 {
		c.PoolHealthCheckPeriod = defaults.PoolHealthCheckPeriod
	}

	var found mistakes
	for _, err := range c.checkServers() {
		found.add(err)
	}
	for _, s := range settings {
		if s.check == nil {
			continue
		}
		if err := s.check(c); err != nil {
			found.add(fmt.Errorf("Config.%s %v", s.field, err))
		}
	}
	return found.err()
}

func (c *Config) checkServers() (errs []error) {
	if c.Primary == nil && len(c.Replicas) > 0 {
		errs = append(errs, errors.New("Config.Replicas is set without Config.Primary; set both, or list every server in Config.Servers"))
	}
	if c.Primary == nil && len(c.Replicas) == 0 && len(c.Servers) == 0 {
		errs = append(errs, errors.New("no server: set Config.Servers, or Config.Primary and Config.Replicas"))
	}
	for i, replica := range c.Replicas {
		if replica == nil {
			errs = append(errs, fmt.Errorf("Config.Replicas[%d] is nil", i))
		}
	}
	for i, server := range c.Servers {
		if err := checkServer(server); err != nil {
			errs = append(errs, fmt.Errorf("Config.Servers[%d] %v", i, err))
		}
	}
	return errs
}

func checkServer(server *pgx.ConnConfig) error {
	if server == nil {
		return errors.New("is nil")
	}
	if server.BuildFrontend == nil { // pgx would panic while connecting
		return errors.New("was made by hand; pgx wants it from pgx.ParseConfig")
	}
	for _, fallback := range server.Fallbacks {
		if fallback.Host != server.Host || fallback.Port != server.Port {
			return errors.New("has more than one host; ParseConfig makes one server of each")
		}
	}
	for key := range server.RuntimeParams {
		if isOwnKey(key) {
			return fmt.Errorf("would send %s to the server; parse the DSN with pgsplit.ParseConfig, not pgx.ParseConfig", key)
		}
	}
	return nil
}
