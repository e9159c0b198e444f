package pgsplittest

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"
)

// Proxy is the network between applications and one server. Its knobs add up
// until Heal: a proxy can refuse new connections and hold back the present ones.
// Replication and [Server.SuperDSN] do not lead through it. While the server is
// not running the proxy refuses connections, as the server's own port would.
type Proxy struct {
	server *Server
	port   int

	mu       sync.Mutex
	listener net.Listener
	conns    map[*proxyConn]struct{}
	refusing bool // by Refuse
	down     bool // the server is not running
	closed   bool
	latency  time.Duration
	open     chan struct{} // closed while data flows; a new one makes it stop

	running sync.WaitGroup // all goroutines
}

// Proxy is the server's proxy, nil without [Options.Proxy].
func (s *Server) Proxy() *Proxy {
	s.state.Lock()
	defer s.state.Unlock()
	return s.proxy
}

// Refuse makes the proxy refuse new connections; present ones go on.
func (p *Proxy) Refuse() error {
	p.mu.Lock()
	p.refusing = true
	p.mu.Unlock()
	return p.update()
}

// Cut resets all present connections; new ones are accepted. With Refuse before
// it, it is the end of a machine.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.reset()
	}
}

// BlackHole lets nothing through any more, in silence: connections stay open,
// new ones are accepted, and no byte and no end of a connection arrives on
// either side. After Heal everything that was held back arrives.
func (p *Proxy) BlackHole() {
	p.mu.Lock()
	if isClosed(p.open) {
		p.open = make(chan struct{})
	}
	conns := p.present()
	p.mu.Unlock()
	for _, c := range conns {
		c.waitForWrites()
	}
}

// Latency adds to the time that each answer takes to arrive, and to that of
// opening a connection (which takes several answers). Zero ends it.
func (p *Proxy) Latency(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.latency = d
}

// Heal ends what the other knobs have done.
func (p *Proxy) Heal() error {
	p.mu.Lock()
	p.refusing, p.latency = false, 0
	if !isClosed(p.open) {
		close(p.open)
	}
	p.mu.Unlock()
	return p.update()
}

// openProxy sets the address for applications.
func (s *Server) openProxy() error {
	if !s.cluster.opts.Proxy {
		s.Port = s.serverPort
		return nil
	}
	if s.Proxy() != nil { // the server's port has changed, the proxy's need not
		return nil
	}
	open := make(chan struct{})
	close(open)
	p := &Proxy{server: s, open: open, down: true, conns: map[*proxyConn]struct{}{}}
	for {
		port, err := freePort()
		if err != nil {
			return err
		}
		l, err := net.Listen("tcp", net.JoinHostPort(loopback, strconv.Itoa(port)))
		if err != nil {
			continue // somebody was faster
		}
		s.Port, p.port = port, port
		_ = l.Close()
		s.state.Lock()
		s.proxy = p
		s.state.Unlock()
		return nil
	}
}

func (s *Server) closeProxy() {
	p := s.Proxy()
	if p == nil {
		return
	}
	p.mu.Lock()
	p.closed = true
	if !isClosed(p.open) {
		close(p.open)
	}
	p.mu.Unlock()
	_ = p.update() // closing a listener on loopback does not fail
	p.Cut()
	p.running.Wait()
}

// serverIs is told when the server starts and when it has ended.
func (p *Proxy) serverIs(running bool) error {
	if p == nil {
		return nil
	}
	p.mu.Lock()
	p.down = !running
	p.mu.Unlock()
	return p.update()
}

// update opens or closes the listener as the state demands.
func (p *Proxy) update() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	listen := !p.refusing && !p.down && !p.closed
	switch {
	case listen && p.listener == nil:
		// Somebody may have taken the port meanwhile.
		ctx, cancel := context.WithTimeout(context.Background(), p.server.cluster.opts.Timeout)
		defer cancel()
		var l net.Listener
		if err := await(ctx, fmt.Sprintf("port %d", p.port), func() (ok bool, err error) {
			l, err = net.Listen("tcp", net.JoinHostPort(loopback, strconv.Itoa(p.port)))
			return err == nil, err
		}); err != nil {
			return err
		}
		p.listener = l
		p.running.Go(func() { p.accept(l) })
	case !listen && p.listener != nil:
		err := p.listener.Close()
		p.listener = nil
		return err
	}
	return nil
}

func (p *Proxy) accept(l net.Listener) {
	for {
		client, err := l.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		if p.closed || p.listener != l {
			p.mu.Unlock()
			resetConn(client)
			return
		}
		c := &proxyConn{proxy: p, client: client, done: make(chan struct{})}
		p.conns[c] = struct{}{}
		p.running.Go(func() {
			c.run()
			p.mu.Lock()
			delete(p.conns, c)
			p.mu.Unlock()
		})
		p.mu.Unlock()
	}
}
