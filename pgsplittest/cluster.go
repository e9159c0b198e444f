package pgsplittest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Cluster is a running primary with its replicas.
type Cluster struct {
	// Primary and Replicas are the servers as they were started. They stay
	// where they are when roles change: see CurrentPrimary.
	Primary  *Server
	Replicas []*Server

	// User, Password and Database are what an application logs in with. The
	// role is an ordinary one which owns the database. It may also use, but not
	// alter, what the superuser creates in the schema public there.
	User     string
	Password string
	Database string

	opts     Options
	dir      string // everything that the cluster has on disk is below it
	programs Programs
	account  account
	super    string // the superuser's password
	spawner  *spawner
	watchdog *watchdog

	mu      sync.Mutex
	current *Server

	closeOnce sync.Once
	closeErr  error
}

// Run starts a cluster for a program; tests use [Start]. The context bounds the
// start only. Whoever calls Run calls Close.
func Run(ctx context.Context, opts Options) (_ *Cluster, err error) {
	opts = opts.withDefaults()
	defer func() {
		if err != nil {
			err = fmt.Errorf("pgsplittest: %w", err)
		}
	}()
	if err := supported(); err != nil {
		return nil, err
	}
	programs, err := FindPrograms(ctx, opts)
	if err != nil {
		return nil, err
	}
	account, err := serverAccount()
	if err != nil {
		return nil, err
	}
	if err := account.canReach(programs.Dir); err != nil {
		return nil, err
	}
	dir, err := account.tempDir("pgsplittest-")
	if err != nil {
		return nil, err
	}
	c := &Cluster{User: appUser, Database: appDatabase, opts: opts, dir: dir, programs: programs, account: account}
	if c.watchdog, err = startWatchdog(dir); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	c.spawner = newSpawner()
	if err := c.start(ctx); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func (c *Cluster) start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.opts.Timeout)
	defer cancel()
	begin := time.Now()
	tmpl, err := c.template(ctx)
	if err != nil {
		return err
	}
	c.Password, c.super = tmpl.AppPassword, tmpl.SuperPassword

	c.Primary = newServer(c, "primary")
	for i := range c.opts.Replicas {
		r := newServer(c, "replica"+strconv.Itoa(i+1))
		r.upstream = c.Primary
		c.Replicas = append(c.Replicas, r)
	}
	c.current = c.Primary

	if err := c.startServers(ctx, tmpl); err != nil {
		return err
	}
	if c.opts.SetupSQL != "" {
		if err := c.Primary.Exec(c.opts.SetupSQL); err != nil {
			return fmt.Errorf("SetupSQL: %w", err)
		}
	}
	if err := eachServer(c.Replicas, func(s *Server) error {
		if err := s.waitForStreaming(ctx, c.Primary); err != nil {
			return err
		}
		return s.catchUp(ctx)
	}); err != nil {
		return err
	}
	c.opts.Logf("PostgreSQL %s, a primary and %d replicas, started in %v", c.programs.Version, len(c.Replicas), time.Since(begin).Round(time.Millisecond))
	return nil
}

// startServers starts all servers from one data folder. They begin at the same
// clean checkpoint, so no base backup is needed: a replica streams from there on.
func (c *Cluster) startServers(ctx context.Context, tmpl template) error {
	settled := make(chan struct{}) // closed when the primary has its port, or has failed
	return eachServer(c.Servers(), func(s *Server) error {
		if s == c.Primary {
			defer close(settled)
		}
		if err := c.account.ownDir(s.dir); err != nil {
			return err
		}
		if err := copyTree(filepath.Join(tmpl.dir, "data"), s.data(), c.account, nil); err != nil {
			return fmt.Errorf("copy the data folder to %s: %w", s.dir, err)
		}
		if s != c.Primary {
			<-settled
			if !c.Primary.Running() {
				return nil // the primary's error says it all
			}
		}
		if err := s.startOnFreePort(ctx); err != nil {
			return fmt.Errorf("start %s: %w", s.Name, err)
		}
		return nil
	})
}

// Servers returns all servers, the first primary first.
func (c *Cluster) Servers() []*Server {
	if c.Primary == nil {
		return nil
	}
	return append([]*Server{c.Primary}, c.Replicas...)
}

// DSN is a libpq URL of all servers ("postgres://…@h:1,h:2,h:3/app") for the
// ordinary login role.
func (c *Cluster) DSN() string {
	var hosts []string
	for _, s := range c.Servers() {
		hosts = append(hosts, net.JoinHostPort(s.Host, strconv.Itoa(s.Port)))
	}
	return dsn(c.User, c.Password, strings.Join(hosts, ","), c.Database)
}

// CurrentPrimary is the primary of the others as far as this package has made
// it so: the first one, or the one that Promote has put in its place.
func (c *Cluster) CurrentPrimary() *Server {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.current
}

// Close ends the servers and removes their folder. A second call does nothing
// and returns the error of the first.
func (c *Cluster) Close() error {
	c.closeOnce.Do(func() {
		var errs []error
		for _, s := range c.Servers() {
			s.closeProxy()
		}
		errs = append(errs, eachServer(c.Servers(), (*Server).discard))
		c.spawner.stop()
		errs = append(errs, removeAll(c.dir))
		errs = append(errs, c.watchdog.stop())
		if err := errors.Join(errs...); err != nil {
			c.closeErr = fmt.Errorf("pgsplittest: close: %w", err)
		}
	})
	return c.closeErr
}

// eachServer does f for all servers at once and joins the errors.
func eachServer(servers []*Server, f func(*Server) error) error {
	errs := make([]error, len(servers))
	var wg sync.WaitGroup
	for i, s := range servers {
		wg.Go(func() {
			errs[i] = f(s)
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

func dsn(user, password, hosts, database string) string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(user, password), Host: hosts, Path: "/" + database, RawQuery: "sslmode=disable"}
	return u.String()
}
