package demo

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/pgsplit/pgsplit/cmd/pgsplit/internal/screen"
	"github.com/pgsplit/pgsplit/pgsplittest"
)

// cluster is the servers that the demo runs on.
type cluster struct {
	*pgsplittest.Cluster
	servers   []*pgsplittest.Server          // the one that was the primary at the start first
	byAddress map[string]*pgsplittest.Server // by the name that pgsplit knows a server under
}

// start starts the servers and shows that it does.
func (d *demo) start(ctx context.Context) error {
	p := d.Progress("starting PostgreSQL: 1 primary, %s", plural(d.opts.Replicas, "replica"))
	c, err := pgsplittest.Run(ctx, pgsplittest.Options{Replicas: d.opts.Replicas, Version: d.opts.Version})
	if err != nil {
		p.Failed("stopped")
		return err
	}
	p.Done("ready")
	d.cluster = &cluster{Cluster: c, servers: c.Servers(), byAddress: map[string]*pgsplittest.Server{}}
	for _, s := range d.servers {
		d.byAddress[net.JoinHostPort(s.Host, strconv.Itoa(s.Port))] = s
	}
	return nil
}

func (c *cluster) primary() *pgsplittest.Server { return c.CurrentPrimary() }

func (c *cluster) replicas() []*pgsplittest.Server {
	return slices.DeleteFunc(slices.Clone(c.servers), c.isPrimary)
}

func (c *cluster) isPrimary(s *pgsplittest.Server) bool { return s == c.primary() }

// label is a server's name in its colour.
func (c *cluster) label(s *pgsplittest.Server) screen.Cell {
	return screen.Text(s.Name).As(c.style(s))
}

func (c *cluster) style(s *pgsplittest.Server) screen.Style {
	if c.isPrimary(s) {
		return screen.Primary
	}
	return screen.Replica
}

// address is a server's port: all are on the loopback address.
func (c *cluster) address(s *pgsplittest.Server) string { return ":" + strconv.Itoa(s.Port) }

// publicDSN is the DSN without its password and without what only matters to this cluster.
func (c *cluster) publicDSN() string {
	var hosts []string
	for _, s := range c.servers {
		hosts = append(hosts, net.JoinHostPort(s.Host, strconv.Itoa(s.Port)))
	}
	return fmt.Sprintf("postgres://%s@%s/%s", c.User, strings.Join(hosts, ","), c.Database)
}

// plural returns "1 replica" or "2 replicas".
func plural(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}
