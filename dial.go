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
// dials by itself, too, to have a server cancel a statement, and that must not outlive the handle. own is what bounds that.
func (c *Cluster) pgxServerConfig(cfg *pgx.ConnConfig, own func() (context.Context, context.CancelFunc)) *pgx.ConnConfig {
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
		bound, free := own()
		defer context.AfterFunc(bound, cancel)()
		conn, err := dial(dctx, network, addr)
		if err != nil {
			free()
			return nil, err
		}
		stop := context.AfterFunc(bound, func() { conn.Close() })
		return &ownedConn{Conn: conn, stop: func() { stop(); free() }}, nil
	}
	return cfg
}

// inLife bounds what is done for the handle itself: it ends with it.
func (c *Cluster) inLife() (context.Context, context.CancelFunc) { return c.life, func() {} }

// lastWords bounds what is done for a statement of the application whose context has ended: that its server hears of it. A
// statement may end at the time of Close, or go on after it, and so may this, for a moment: what ran on would hold its locks, and
// write in the end.
func (c *Cluster) lastWords() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	begin := time.Now()
	stop := context.AfterFunc(c.end, func() { time.AfterFunc(lastWordsTimeout-time.Since(begin), cancel) })
	return ctx, func() { stop(); cancel() }
}

// ownedConn is a socket of pgx's own (a cancel request).
type ownedConn struct {
	net.Conn
	stop func()
}

func (o *ownedConn) Close() error {
	o.stop()
	return o.Conn.Close()
}

// hangUp closes a connection without waiting for its server. When a context has ended in the middle of a statement, pgx
// goes on to ask the server to cancel it, for up to 15 s: that goes on in the background, and ends with Close, see lastWords.
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
		case <-c.end.Done():
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

// serverName is a server's address as configured.
func serverName(cfg *pgx.ConnConfig) string {
	_, addr := pgconn.NetworkAddress(cfg.Host, cfg.Port)
	return addr
}
