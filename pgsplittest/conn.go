package pgsplittest

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

func (s *Server) withConn(f func(context.Context, *pgx.Conn) error) error {
	ctx, cancel := s.timeout()
	defer cancel()
	conn, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer closeConn(conn)
	return f(ctx, conn)
}

// connect opens a connection as superuser, whatever PG* variables say.
func (s *Server) connect(ctx context.Context) (*pgx.Conn, error) {
	conf, err := pgx.ParseConfig(s.SuperDSN() + "&target_session_attrs=any")
	if err != nil {
		return nil, err
	}
	return pgx.ConnectConfig(ctx, conf)
}

// closeConn does not wait for a server that does not answer.
func closeConn(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = conn.Close(ctx)
}

func queryText(ctx context.Context, conn *pgx.Conn, sql string) (string, error) {
	results, err := conn.PgConn().Exec(ctx, sql).ReadAll()
	if err != nil {
		return "", err
	}
	return firstValue(results)
}

// ask runs a question for true or false on a connection of its own.
func (s *Server) ask(ctx context.Context, question string) (bool, error) {
	once := asker{server: s}
	defer once.close()
	return once.ask(ctx, question)
}

// asker asks a server over and over, on one connection as long as it lives.
type asker struct {
	server *Server
	conn   *pgx.Conn
}

func (a *asker) ask(ctx context.Context, question string) (bool, error) {
	answer, err := a.text(ctx, question)
	return answer == "t", err
}

func (a *asker) text(ctx context.Context, question string) (string, error) {
	if a.conn == nil || a.conn.IsClosed() {
		conn, err := a.server.connect(ctx)
		if err != nil {
			return "", err
		}
		a.conn = conn
	}
	return queryText(ctx, a.conn, question)
}

func (a *asker) close() {
	if a.conn != nil {
		closeConn(a.conn)
	}
}

func firstValue(results []*pgconn.Result) (string, error) {
	for _, r := range results {
		if len(r.Rows) > 0 && len(r.Rows[0]) > 0 {
			return string(r.Rows[0][0]), nil
		}
	}
	return "", pgx.ErrNoRows
}

func execSQL(ctx context.Context, conn *pgx.Conn, sql string) error {
	_, err := conn.PgConn().Exec(ctx, sql).ReadAll()
	return err
}

func quote(literal string) string {
	return "'" + strings.ReplaceAll(literal, "'", "''") + "'"
}
