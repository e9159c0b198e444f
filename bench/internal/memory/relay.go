package memory

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// relayTimeout bounds each question to a real server.
const relayTimeout = 10 * time.Second

// relay is a connection to a real server.
type relay struct {
	conn net.Conn
}

func dialRelay(dsn string) (*relay, error) {
	ctx, cancel := context.WithTimeout(context.Background(), relayTimeout)
	defer cancel()
	real, err := pgconn.Connect(ctx, dsn)
	if err != nil {
		return nil, fmt.Errorf("memory: the real server: %w", err)
	}
	h, err := real.Hijack()
	if err != nil {
		return nil, err
	}
	return &relay{conn: h.Conn}, nil
}

// ask sends a simple query and appends its whole answer, up to ReadyForQuery, to out.
func (r *relay) ask(query, out []byte) ([]byte, error) {
	if err := r.conn.SetDeadline(time.Now().Add(relayTimeout)); err != nil {
		return out, err
	}
	if _, err := r.conn.Write(query); err != nil {
		return out, err
	}
	for {
		begin := len(out)
		out = append(out, make([]byte, 5)...)
		if _, err := io.ReadFull(r.conn, out[begin:]); err != nil {
			return out[:begin], err
		}
		size := int(binary.BigEndian.Uint32(out[begin+1:])) - 4
		out = append(out, make([]byte, size)...)
		if _, err := io.ReadFull(r.conn, out[begin+5:]); err != nil {
			return out[:begin], err
		}
		if out[begin] == 'Z' {
			return out, nil
		}
	}
}

func (r *relay) close() { r.conn.Close() }
