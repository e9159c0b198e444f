//go:build unix && !aix

package pgsplit

import (
	"net"
	"syscall"
)

// socket looks at a connection's socket without taking anything from it. The zero socket, of a connection that has none that
// can be looked at, is quiet.
type socket struct {
	raw  syscall.RawConn
	peek func(fd uintptr) // made once, so that a look allocates nothing
	err  error
	buf  [1]byte
}

// init has it look at a connection, or at what lies below one with TLS.
func (s *socket) init(conn net.Conn) {
	if c, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = c.NetConn()
	}
	c, ok := conn.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return
	}
	s.raw = raw
	s.peek = func(fd uintptr) {
		_, _, s.err = syscall.Recvfrom(int(fd), s.buf[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	}
}

// quiet says whether the connection is open, as far as this end knows, and nothing has arrived on it.
func (s *socket) quiet() bool {
	if s.raw == nil {
		return true
	}
	// Not Read: it would wait for whoever reads the connection. After a write that took long, pgx leaves a goroutine behind
	// that does, until something arrives.
	if err := s.raw.Control(s.peek); err != nil {
		return false
	}
	return s.err == syscall.EAGAIN || s.err == syscall.EINTR
}
