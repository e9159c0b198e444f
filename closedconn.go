package pgsplit

import (
	"context"
	"net"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
)

// closedConn returns a pgx connection that is closed. sql.Conn.Raw gives a function no way to learn that there is no
// connection, but every method of a closed one says so. pgx makes connections only by connecting, so a scripted server
// in memory says hello to it.
func closedConn() *pgx.Conn {
	cfg, err := pgx.ParseConfig("host=127.0.0.1 port=1 user=none dbname=none password=none sslmode=disable")
	if err != nil {
		panic("pgsplit: " + err.Error()) // a constant that pgx has always understood
	}
	cfg.DialFunc = func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go greet(server)
		return client, nil
	}
	cfg.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
	cfg.ValidateConnect = nil
	ctx := context.Background()
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		panic("pgsplit: " + err.Error())
	}
	conn.Close(ctx)
	return conn
}

// greet plays a server up to its first ReadyForQuery and hangs up when the client does.
func greet(conn net.Conn) {
	defer conn.Close()
	be := pgproto3.NewBackend(conn, conn)
	if _, err := be.ReceiveStartupMessage(); err != nil {
		return
	}
	be.Send(&pgproto3.AuthenticationOk{})
	be.Send(&pgproto3.BackendKeyData{SecretKey: make([]byte, 4)})
	be.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	if be.Flush() == nil {
		be.Receive()
	}
}
