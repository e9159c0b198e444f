package pgsplittest

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/jackc/pgx/v5"
)

// Server is one PostgreSQL server of a cluster. Its knobs are the methods that
// return an error: each returns when it has taken effect. They may be used from
// several goroutines; those of one server run one after the other.
type Server struct {
	// Name is "primary", "replica1", "replica2", … as the server was started.
	Name string

	// Host and Port are where applications connect to: the server, or its proxy
	// when there is one. They stay the same for the server's life.
	Host string
	Port int

	cluster    *Cluster
	dir        string // data folder and log
	serverPort int

	knob      sync.Mutex // held by a knob while it works
	discarded bool       // nothing starts any more
	conf      settings

	frozen bool

	// generation counts the writings of postgresql.conf.
	generation int

	state    sync.Mutex
	proc     *process
	upstream *Server // whom it replicates from; nil for a primary
	proxy    *Proxy
}

func newServer(c *Cluster, name string) *Server {
	s := &Server{Name: name, Host: loopback, cluster: c, dir: filepath.Join(c.dir, name)}
	s.conf = newSettings(s)
	return s
}

// DSN is a libpq URL of this server alone, for the ordinary login role.
func (s *Server) DSN() string {
	return dsn(s.cluster.User, s.cluster.Password, net.JoinHostPort(s.Host, strconv.Itoa(s.Port)), s.cluster.Database)
}

// SuperDSN is a libpq URL of this server alone, for the superuser, in the
// application database. It never leads through a proxy.
func (s *Server) SuperDSN() string {
	return dsn(superUser, s.cluster.super, net.JoinHostPort(loopback, strconv.Itoa(s.serverPort)), s.cluster.Database)
}

// Exec runs one or more statements as superuser in the application database.
func (s *Server) Exec(sql string) error {
	return s.withConn(func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.PgConn().Exec(ctx, sql).ReadAll()
		return err
	})
}

// QueryString runs a statement as superuser in the application database and
// returns the first column of its first row in text form: "" for NULL. No row
// is pgx.ErrNoRows.
func (s *Server) QueryString(sql string) (string, error) {
	var text string
	err := s.withConn(func(ctx context.Context, conn *pgx.Conn) (err error) {
		text, err = queryText(ctx, conn, sql)
		return err
	})
	return text, err
}

// Log is what the server has logged so far, over all its starts.
func (s *Server) Log() string {
	text, err := os.ReadFile(s.logPath())
	if err != nil {
		return ""
	}
	return string(text)
}

// DataDir is the server's data folder.
func (s *Server) DataDir() string { return s.data() }

// Running reports whether the server's main process is there, frozen or not.
func (s *Server) Running() bool { return s.process() != nil }

// Pid is the process id of the server's main process, 0 while it is not running.
func (s *Server) Pid() int {
	if p := s.process(); p != nil {
		return p.pid
	}
	return 0
}

func (s *Server) data() string    { return filepath.Join(s.dir, "data") }
func (s *Server) logPath() string { return filepath.Join(s.dir, "log") }

// process is nil when the server is not running, also when it ended by itself.
func (s *Server) process() *process {
	s.state.Lock()
	defer s.state.Unlock()
	if s.proc != nil && s.proc.gone() {
		s.proc = nil
	}
	return s.proc
}

func (s *Server) setProcess(p *process) {
	s.state.Lock()
	defer s.state.Unlock()
	s.proc = p
}

// timeout is the context of one knob.
func (s *Server) timeout() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), s.cluster.opts.Timeout)
}

func (s *Server) errorf(format string, args ...any) error {
	return fmt.Errorf("pgsplittest: "+s.Name+": "+format, args...)
}
