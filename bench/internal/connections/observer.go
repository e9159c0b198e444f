package connections

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/pgsplit/pgsplit/pgsplittest"
)

// observer counts on the servers themselves how many connections the benchmark's role has: those of statements as well as
// those of monitors and of whoever reads the catalog.
type observer struct {
	conns []*pgx.Conn // in the order of the servers
	role  string
	most  []int // seen since forget
}

func observe(ctx context.Context, c *pgsplittest.Cluster) (o *observer, err error) {
	o = &observer{role: c.User}
	for _, s := range c.Servers() {
		conn, err := pgx.Connect(ctx, s.SuperDSN())
		if err != nil {
			return o, err
		}
		o.conns = append(o.conns, conn)
	}
	o.forget()
	return o, nil
}

func (o *observer) forget() { o.most = make([]int, len(o.conns)) }

// look returns the present numbers.
func (o *observer) look(ctx context.Context) ([]int, error) {
	now := make([]int, len(o.conns))
	for i, conn := range o.conns {
		const count = "select count(*) from pg_stat_activity where usename = $1 and backend_type = 'client backend'"
		if err := conn.QueryRow(ctx, count, o.role).Scan(&now[i]); err != nil {
			return nil, err
		}
		o.most[i] = max(o.most[i], now[i])
	}
	return now, nil
}

func (o *observer) close() (err error) {
	for _, conn := range o.conns {
		err = errors.Join(err, conn.Close(context.Background()))
	}
	return err
}
