// Package memory plays PostgreSQL servers in the memory of this process, so that a client can be measured without a
// network, a kernel or a server's own work in the figures.
package memory

import (
	"context"
	"net"
	"sync/atomic"
)

// Server answers the statements of its script at once. Everything else is relayed to a real server: what a client's
// background work asks (roles, positions, the catalog) is answered as in life. It is safe for concurrent use.
type Server struct {
	// Real is the DSN of the server behind it, of the role that this one plays.
	Real string

	// Standby is whether it says that it is in recovery.
	Standby bool

	served atomic.Int64
}

// Dial opens a connection; it is a pgconn.DialFunc. The goroutine that writes a question also makes up the answer, so
// that nothing is handed from one goroutine to another.
func (s *Server) Dial(context.Context, string, string) (net.Conn, error) { return newConn(s), nil }

// Served returns how many statements of the script its connections have answered. Each connection adds its own when
// it closes, and after every thousand.
func (s *Server) Served() int64 { return s.served.Load() }
