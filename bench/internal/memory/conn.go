package memory

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// conn is both ends of one connection: what is written to it is answered before Write returns.
type conn struct {
	server *Server

	mu      sync.Mutex
	arrived sync.Cond
	closed  bool
	out     []byte // answers
	read    int    // of out

	in       []byte // of a message that has not arrived whole
	started  bool
	failed   bool // an error was sent: everything up to Sync is skipped
	prepared map[string]*answer
	bound    *answer
	served   int64
	relay    *relay
}

func newConn(s *Server) *conn {
	c := &conn{server: s, prepared: make(map[string]*answer)}
	c.arrived.L = &c.mu
	return c
}

func (c *conn) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.read == len(c.out) {
		if c.closed {
			return 0, io.EOF
		}
		c.arrived.Wait()
	}
	n := copy(p, c.out[c.read:])
	if c.read += n; c.read == len(c.out) {
		c.out, c.read = c.out[:0], 0
	}
	return n, nil
}

func (c *conn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return 0, net.ErrClosed
	}
	whole := p
	if len(c.in) > 0 {
		c.in = append(c.in, p...)
		whole = c.in
	}
	rest, err := c.take(whole)
	c.in = append(c.in[:0], rest...)
	if err != nil {
		return 0, err
	}
	c.arrived.Signal()
	return len(p), nil
}

// take answers all whole messages of b and returns what is left.
func (c *conn) take(b []byte) ([]byte, error) {
	for {
		head := 1
		if !c.started {
			head = 0 // the startup message has no type
		}
		if len(b) < head+4 {
			return b, nil
		}
		end := head + int(binary.BigEndian.Uint32(b[head:]))
		if len(b) < end {
			return b, nil
		}
		if !c.started {
			c.started = true
			c.out = append(c.out, welcome(c.server.Standby)...)
		} else if err := c.answer(b[0], b[head+4:end], b[:end]); err != nil {
			return nil, err
		}
		b = b[end:]
	}
}

func (c *conn) answer(kind byte, body, msg []byte) error {
	if c.failed && kind != 'S' && kind != 'X' {
		return nil
	}
	switch kind {
	case 'P': // Parse: name, text
		name, rest := cut(body)
		text, _ := cut(rest)
		a := script[string(text)]
		if a == nil {
			c.fail()
			return nil
		}
		c.prepared[string(name)] = a
		c.out = append(c.out, parseComplete...)
	case 'D': // Describe: a statement or a portal, name
		a := c.bound
		if body[0] == 'S' {
			name, _ := cut(body[1:])
			if a = c.prepared[string(name)]; a != nil {
				c.out = append(c.out, a.parameters...)
			}
		}
		if a == nil {
			c.fail()
			return nil
		}
		c.out = append(c.out, a.columns...)
	case 'B': // Bind: portal, statement, …
		_, rest := cut(body)
		name, _ := cut(rest)
		if c.bound = c.prepared[string(name)]; c.bound == nil {
			c.fail()
			return nil
		}
		c.out = append(c.out, bindComplete...)
	case 'E':
		c.out = append(c.out, c.bound.result...)
		if c.served++; c.served == 1000 {
			c.count()
		}
	case 'C':
		c.out = append(c.out, closeComplete...)
	case 'S':
		c.failed = false
		c.out = append(c.out, ready...)
	case 'H': // Flush: nothing is held back
	case 'Q':
		if text, _ := cut(body); string(text) == ping {
			c.out = append(c.out, pong...)
			return nil
		}
		return c.forward(msg)
	case 'X':
		c.close()
	default:
		return fmt.Errorf("memory: a message of type %q is not in the script", kind)
	}
	return nil
}

// fail answers what is not in the script.
func (c *conn) fail() {
	c.failed = true
	c.out = append(c.out, unscripted...)
}

func (c *conn) count() {
	c.server.served.Add(c.served)
	c.served = 0
}

// forward has the real server answer a simple query.
func (c *conn) forward(msg []byte) (err error) {
	if c.relay == nil {
		if c.relay, err = dialRelay(c.server.Real); err != nil {
			return err
		}
	}
	c.out, err = c.relay.ask(msg, c.out)
	return err
}

func cut(b []byte) (text, rest []byte) {
	i := bytes.IndexByte(b, 0)
	return b[:i], b[i+1:]
}

func (c *conn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.close()
	return nil
}

func (c *conn) close() {
	if c.closed {
		return
	}
	c.closed = true
	c.count()
	c.arrived.Broadcast()
	if c.relay != nil {
		c.relay.close()
	}
}

func (c *conn) LocalAddr() net.Addr              { return addr{} }
func (c *conn) RemoteAddr() net.Addr             { return addr{} }
func (c *conn) SetDeadline(time.Time) error      { return nil } // nothing takes time
func (c *conn) SetReadDeadline(time.Time) error  { return nil }
func (c *conn) SetWriteDeadline(time.Time) error { return nil }

type addr struct{}

func (addr) Network() string { return "memory" }
func (addr) String() string  { return "memory" }
