package pgsplittest

import (
	"errors"
	"io"
	"net"
	"strconv"
	"sync"
	"time"
)

// proxyConn is one connection through a proxy.
type proxyConn struct {
	proxy  *Proxy
	client net.Conn

	mu     sync.Mutex
	server net.Conn      // nil until it is dialled
	done   chan struct{} // closed when the connection is broken

	writing sync.RWMutex // read-held while bytes are handed to either side
}

// parcel is what was read at once, and when it may arrive.
type parcel struct {
	data []byte
	due  time.Time
	end  error // io.EOF for an orderly end, after the data
}

const (
	parcelSize = 32 << 10
	// parcelsUnderWay bounds what a connection holds back by latency; beyond it
	// the sender waits, as it would for a full network buffer.
	parcelsUnderWay = 256
)

func (c *proxyConn) run() {
	defer c.reset()
	// A black hole swallows the first packet too.
	c.waitOpen()
	server, err := net.Dial("tcp", net.JoinHostPort(loopback, strconv.Itoa(c.proxy.server.serverPort)))
	if err != nil {
		return
	}
	c.mu.Lock()
	c.server = server
	c.mu.Unlock()
	if isClosed(c.done) {
		resetConn(server)
		return
	}
	var directions sync.WaitGroup
	directions.Go(func() { c.carry(server, c.client, func() time.Duration { return 0 }) })
	directions.Go(func() { c.carry(c.client, server, c.proxy.delay) })
	directions.Wait()
	_ = c.client.Close()
	_ = server.Close()
}

// carry brings what one side sends to the other, until the one ends.
func (c *proxyConn) carry(to, from net.Conn, delay func() time.Duration) {
	parcels := make(chan parcel, parcelsUnderWay)
	stop := make(chan struct{})
	var reader sync.WaitGroup
	reader.Go(func() {
		defer close(parcels)
		for {
			data := make([]byte, parcelSize)
			n, err := from.Read(data)
			select {
			case parcels <- parcel{data[:n], time.Now().Add(delay()), err}:
			case <-stop:
				return
			}
			if err != nil {
				return
			}
		}
	})
	for p := range parcels {
		c.waitUntil(p.due)
		if !c.deliver(to, p) {
			break
		}
	}
	close(stop)
	reader.Wait()
}

// deliver reports whether there can be more.
func (c *proxyConn) deliver(to net.Conn, p parcel) bool {
	for {
		c.waitOpen()
		c.writing.RLock()
		if isClosed(c.proxy.gate()) || isClosed(c.done) {
			break
		}
		c.writing.RUnlock()
	}
	defer c.writing.RUnlock()
	if len(p.data) > 0 {
		if _, err := to.Write(p.data); err != nil {
			c.reset()
			return false
		}
	}
	switch {
	case p.end == nil:
		return true
	case errors.Is(p.end, io.EOF):
		_ = to.(*net.TCPConn).CloseWrite() // fails only on a connection that is gone
	default:
		c.reset()
	}
	return false
}

// waitForWrites returns when what was being handed over has been, unless a side
// does not take it.
func (c *proxyConn) waitForWrites() {
	for end := time.Now().Add(100 * time.Millisecond); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if c.writing.TryLock() {
			c.writing.Unlock()
			return
		}
	}
}

// waitOpen waits while the proxy is a black hole.
func (c *proxyConn) waitOpen() {
	select {
	case <-c.proxy.gate():
	case <-c.done:
	}
}

func (c *proxyConn) waitUntil(due time.Time) {
	wait := time.Until(due)
	if wait <= 0 {
		return
	}
	select {
	case <-time.After(wait):
	case <-c.done:
	}
}

// reset breaks both sides of the connection.
func (c *proxyConn) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if isClosed(c.done) {
		return
	}
	close(c.done)
	resetConn(c.client)
	if c.server != nil {
		resetConn(c.server)
	}
}

// resetConn closes with a reset in place of an orderly end.
func resetConn(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

func (p *Proxy) gate() chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.open
}

func (p *Proxy) delay() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.latency
}

func (p *Proxy) present() []*proxyConn {
	var conns []*proxyConn
	for c := range p.conns {
		conns = append(conns, c)
	}
	return conns
}

func isClosed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
