package pgsplit_test

import (
	"fmt"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
	"github.com/pgsplit/pgsplit/pgsplittest"
)

// gate stands in front of a server. While it is shut it says to whoever connects what a server says that starts.
type gate struct {
	port   int
	target string

	mu    sync.Mutex
	shut  bool
	conns map[net.Conn]bool
}

func newGate(t testing.TB, s *pgsplittest.Server, shut bool) *gate {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	g := &gate{port: l.Addr().(*net.TCPAddr).Port, target: fmt.Sprintf("%s:%d", s.Host, s.Port), shut: shut, conns: make(map[net.Conn]bool)}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { g.serve(conn) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		g.set(true)
		wg.Wait()
	})
	return g
}

// set shuts or opens the gate. Shutting ends the connections that lead through it.
func (g *gate) set(shut bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = shut
	if shut {
		for conn := range g.conns {
			conn.Close()
		}
	}
}

func (g *gate) serve(conn net.Conn) {
	defer conn.Close()
	g.mu.Lock()
	shut := g.shut
	g.conns[conn] = true
	g.mu.Unlock()
	defer func() {
		g.mu.Lock()
		delete(g.conns, conn)
		g.mu.Unlock()
	}()
	if shut {
		sayStarting(conn)
		return
	}
	server, err := net.Dial("tcp", g.target)
	if err != nil {
		return
	}
	defer server.Close()
	go func() {
		io.Copy(server, conn)
		server.Close()
	}()
	io.Copy(conn, server)
}

func sayStarting(conn net.Conn) {
	be := pgproto3.NewBackend(conn, conn)
	for {
		msg, err := be.ReceiveStartupMessage()
		if err != nil {
			return
		}
		if _, ok := msg.(*pgproto3.SSLRequest); ok {
			conn.Write([]byte("N"))
			continue
		}
		be.Send(&pgproto3.ErrorResponse{Severity: "FATAL", SeverityUnlocalized: "FATAL", Code: "57P03", Message: "the database system is starting up"})
		be.Flush()
		return
	}
}

func TestAStartingReplicaServesWhenItHasStarted(t *testing.T) {
	c := calm(t)
	g := newGate(t, c.Replicas[0], true)
	db := open(t, dsnWith(c.Primary.DSN(), fmt.Sprintf("replicas=127.0.0.1:%d&monitor_interval=50ms", g.port)))
	for range 20 {
		require.False(t, isReplica(t, db), "it is starting")
	}
	require.False(t, serverStats(db, 1).Healthy)
	eventually(t, func() bool { return code(serverStats(db, 1).Err) == "57P03" }, "the monitor is told why")
	for range 3 {
		g.set(false)
		eventually(t, func() bool { return isReplica(t, db) }, "it has started")
		g.set(true)
		for range 20 {
			require.False(t, isReplica(t, db), "it starts again")
		}
	}
}

// It is taken for a replica in good order while its statement gets the answer of a starting server.
func TestAReadThatMeetsAStartingReplicaRunsElsewhere(t *testing.T) {
	c := calm(t)
	g := newGate(t, c.Replicas[0], false)
	db := open(t, dsnWith(c.Primary.DSN(), fmt.Sprintf("replicas=127.0.0.1:%d&monitor_interval=1h&max_lag=0", g.port)))
	replicasServe(t, db, 1)
	g.set(true)
	answer, last := healed(t, db, "57P03", isReplicaSQL)
	require.Equal(t, "false", answer)
	require.Equal(t, pgsplit.RolePrimary, last.Server.Role)
}
