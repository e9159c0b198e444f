// Package handle opens the handles that are compared: plain pgx, and pgsplit, with a defect where one is asked for.
package handle

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/pgsplit/pgsplit"
	"github.com/pgsplit/pgsplit/bench/internal/memory"
)

// Dial is pgx's dial function.
type Dial = func(ctx context.Context, network, addr string) (net.Conn, error)

// Through returns a dial function for each server played in memory.
func Through(servers ...*memory.Server) []Dial {
	dials := make([]Dial, len(servers))
	for i, s := range servers {
		dials[i] = s.Dial
	}
	return dials
}

// PGX opens plain pgx. dial may be nil.
func PGX(dsn string, dial Dial) (*sql.DB, error) {
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, err
	}
	if dial != nil {
		cfg.DialFunc = dial
	}
	return stdlib.OpenDB(*cfg), nil
}

// Pgsplit opens pgsplit. dials, if any, are those of the servers in the DSN's order.
func Pgsplit(dsn string, dials []Dial, fault Fault) (*sql.DB, error) {
	cfg, err := pgsplit.ParseConfig(dsn)
	if err != nil {
		return nil, err
	}
	for i, dial := range dials {
		cfg.Servers[i].DialFunc = dial
	}
	connector, err := pgsplit.NewConnector(cfg)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(fault.in(connector)), nil
}

// Ready waits until all replicas of a pgsplit handle serve reads, which a read shows.
func Ready(ctx context.Context, db *sql.DB, query string, args ...any) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		if err := db.QueryRowContext(ctx, query, args...).Scan(new(any)); err != nil {
			return err
		}
		waiting := ""
		for i, s := range pgsplit.ClusterOf(db).Stats().Servers {
			if i > 0 && s.Routed[pgsplit.ReasonReplica] == 0 {
				waiting = s.Name
			}
		}
		if waiting == "" {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the replica %s serves no reads", waiting)
		case <-time.After(time.Millisecond):
		}
	}
}
