package pgsplit

import (
	"context"
	"net"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// dialed carries what belongs to a connection attempt out of pgx.
type dialed struct {
	conn  net.Conn // the socket
	ahead *readAhead
}

type dialedKey struct{}

// pgxServerConfig is the private copy of a server's configuration whose dial function knows the handle's life: pgx
// dials by itself, too, to cancel a statement, and that must not outlive the handle.
func (c *Cluster) pgxServerConfig(cfg *pgx.ConnConfig) *pgx.ConnConfig {
	cfg = cfg.Copy()
	dial := cfg.DialFunc
	cfg.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		d, _ := ctx.Value(dialedKey{}).(*dialed)
		dctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(c.life, cancel)()
		conn, err := dial(dctx, network, addr)
		if err != nil {
			return nil, err
		}
		if d != nil {
			d.conn = conn
			return conn, nil
		}
		stop := context.AfterFunc(c.life, func() { conn.Close() })
		return &ownedConn{Conn: conn, stop: stop}, nil
	}
	return cfg
}

// ownedConn is a socket of pgx's own (a cancel request): it ends with the handle.
type ownedConn struct {
	net.Conn
	stop func() bool
}

func (o *ownedConn) Close() error {
	o.stop()
	return o.Conn.Close()
}

// hangUp closes a connection without waiting for its server. When a context has ended in the middle of a statement, pgx
// goes on to ask the server to cancel it, for up to 15 s: that goes on in the background, and ends with the handle.
func (c *Cluster) hangUp(conn *pgx.Conn, raw net.Conn) {
	if raw == nil {
		raw = conn.PgConn().Conn()
	}
	if !conn.IsClosed() {
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		conn.Close(ctx)
	}
	raw.Close()
	c.awaitCleanup(conn, raw)
}

// awaitCleanup has the handle's Close wait for what pgx still does for a closed connection.
func (c *Cluster) awaitCleanup(conn *pgx.Conn, raw net.Conn) {
	done := conn.PgConn().CleanupDone()
	select {
	case <-done:
		return
	default:
	}
	c.tasks.run(func() {
		select {
		case <-done:
		case <-c.life.Done():
			if raw != nil {
				raw.Close()
			}
			<-done
		}
	})
}

// addServer adds a server given as a pgx configuration of one host.
func (c *Cluster) addServer(cfg *pgx.ConnConfig) {
	cfg = c.pgxServerConfig(cfg)
	watch := cfg.Copy()
	watch.Tracer = nil
	if watch.RuntimeParams == nil {
		watch.RuntimeParams = map[string]string{}
	}
	if name := watch.RuntimeParams["application_name"]; name != "" {
		watch.RuntimeParams["application_name"] = name + " (" + monitorName + ")"
	} else {
		watch.RuntimeParams["application_name"] = monitorName
	}
	var opts []stdlib.OptionOpenDB
	if len(c.cfg.Servers) > 1 {
		opts = append(opts, stdlib.OptionBeforeConnect(inFront))
	}
	s := newServer(c, len(c.servers), serverName(cfg), stdlib.GetConnector(*cfg, opts...), stdlib.GetConnector(*watch))
	s.bare = true
	s.weight = c.cfg.weightOf(s.name, cfg.Host)
	c.servers = append(c.servers, s)
}

// serverName is a server's address as configured.
func serverName(cfg *pgx.ConnConfig) string {
	_, addr := pgconn.NetworkAddress(cfg.Host, cfg.Port)
	return addr
}
