package pgsplit

import (
	"context"
	"database/sql/driver"
	"fmt"
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

// pgxServerConfig is the private copy of a server's configuration whose dial function knows the handle's life, which bounds the
// dials that it makes. pgx dials by itself, too, to have a server cancel a statement: bound limits those, and their connections.
func (c *Cluster) pgxServerConfig(cfg *pgx.ConnConfig, bound func() (context.Context, context.CancelFunc)) *pgx.ConnConfig {
	cfg = cfg.Copy()
	dial := cfg.DialFunc
	cfg.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		dctx, cancel := context.WithCancel(ctx)
		defer cancel()
		if d, _ := ctx.Value(dialedKey{}).(*dialed); d != nil {
			defer context.AfterFunc(c.life, cancel)()
			conn, err := dial(dctx, network, addr)
			d.conn = conn
			return conn, err
		}
		limit, free := bound()
		defer context.AfterFunc(limit, cancel)()
		conn, err := dial(dctx, network, addr)
		if err != nil {
			free()
			return nil, err
		}
		stop := context.AfterFunc(limit, func() { conn.Close() })
		return &ownedConn{Conn: conn, stop: func() { stop(); free() }}, nil
	}
	return cfg
}

// inLife limits what is done for the handle itself: it ends with it.
func (c *Cluster) inLife() (context.Context, context.CancelFunc) { return c.life, func() {} }

// lastWords limits what is done for a statement of the application whose context has ended: that its server hears of it. That
// context may end when the handle closes, or after that, so this may go on for a moment then: a statement that is not cancelled
// keeps its locks, and writes in the end.
func (c *Cluster) lastWords() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	stop := context.AfterFunc(c.life, func() { time.AfterFunc(lastWordsTimeout, cancel) })
	return ctx, func() { stop(); cancel() }
}

// ownedConn is a connection that was dialed past the pool: the handle's own, or for a cancel request.
type ownedConn struct {
	net.Conn
	stop func()
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
			return
		case <-c.life.Done():
		}
		// The socket stays until the server has heard: PgBouncer knows by it which statement is meant.
		select {
		case <-done:
		case <-time.After(lastWordsTimeout):
			if raw != nil {
				raw.Close()
			}
			<-done
		}
	})
}

// addServer adds a server given as a pgx configuration of one host.
func (c *Cluster) addServer(cfg *pgx.ConnConfig) {
	watch := c.pgxServerConfig(cfg, c.inLife)
	cfg = c.pgxServerConfig(cfg, c.lastWords)
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

// addConnector adds a server given as a connector, which dials by itself.
func (c *Cluster) addConnector(name string, connector driver.Connector) {
	s := newServer(c, len(c.servers), name, connector, connector)
	s.weight = c.cfg.weightOf(name, "")
	c.servers = append(c.servers, s)
}

// The names of servers that are given as connectors.
const primaryName = "primary"

func replicaName(i int) string { return fmt.Sprintf("replica%d", i+1) }

// serverName is a server's address as configured.
func serverName(cfg *pgx.ConnConfig) string {
	_, addr := pgconn.NetworkAddress(cfg.Host, cfg.Port)
	return addr
}
