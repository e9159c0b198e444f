package pgsplit

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"io"
	"time"
)

func init() { sql.Register("pgsplit", &Driver{}) }

var (
	_ driver.Driver        = (*Driver)(nil)
	_ driver.DriverContext = (*Driver)(nil)
	_ driver.Connector     = (*Connector)(nil)
	_ io.Closer            = (*Connector)(nil)
)

// Driver is the database/sql driver registered as "pgsplit". It is safe for concurrent use.
type Driver struct {
	cluster *Cluster // of the handle whose Connector has returned this Driver; nil for the registered one
}

// OpenConnector parses a DSN. sql.Open calls it, so that a mistake in the DSN is reported there. No server is contacted.
func (d *Driver) OpenConnector(dsn string) (driver.Connector, error) {
	cfg, err := ParseConfig(dsn)
	if err != nil {
		return nil, err
	}
	return NewConnector(cfg)
}

// Open makes a single connection with servers and monitors of its own, which end with it. sql.Open does not use it.
func (d *Driver) Open(dsn string) (driver.Conn, error) {
	connector, err := d.OpenConnector(dsn)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c := connector.(*Connector)
	conn, err := c.Connect(ctx)
	if err != nil {
		c.Close()
		return nil, err
	}
	return &soleConn{Conn: conn.(*Conn), connector: c}, nil
}

// soleConn is a connection that its connector ends with.
type soleConn struct {
	*Conn
	connector *Connector
}

func (s *soleConn) Close() error {
	err := s.Conn.Close()
	s.connector.Close()
	return err
}

// Connector is a driver.Connector for one cluster: one *sql.DB. It is safe for concurrent use.
type Connector struct{ cluster *Cluster }

// NewConnector returns a connector for sql.OpenDB. It checks the configuration and copies it; no server is contacted
// before the first use. Each connector is a cluster of its own, with its own connections and monitors.
func NewConnector(cfg *Config) (*Connector, error) {
	cfg = cfg.Clone()
	if err := cfg.normalize(); err != nil {
		return nil, err
	}
	cluster, err := newCluster(cfg)
	if err != nil {
		return nil, err
	}
	return &Connector{cluster: cluster}, nil
}

// OpenDB is sql.OpenDB over NewConnector.
func OpenDB(cfg *Config) (*sql.DB, error) {
	c, err := NewConnector(cfg)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(c), nil
}

// Connect returns a driver connection. It contacts servers only until the cluster is known: the first call waits for a
// primary to be found, and returns pgx's own error if no server can be reached. Connections to servers are made when
// statements need them.
func (c *Connector) Connect(ctx context.Context) (driver.Conn, error) {
	if err := c.cluster.ready(ctx); err != nil {
		return nil, err
	}
	return newConn(c.cluster), nil
}

// Driver returns a Driver that knows the connector's cluster, see ClusterOf.
func (c *Connector) Driver() driver.Driver { return &Driver{cluster: c.cluster} }

// Cluster returns the connector's cluster.
func (c *Connector) Cluster() *Cluster { return c.cluster }

// Close ends the monitors and closes idle connections. DB.Close calls it. Rows that are still open can be read to
// their end; their connection is closed then. Servers are told to cancel statements whose contexts have ended, or end later, as by pgx.
// It takes less than a second, however silent servers may be.
func (c *Connector) Close() error { return c.cluster.close() }
