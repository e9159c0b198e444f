package exact

import (
	"context"
	"database/sql"
	"errors"

	"github.com/pgsplit/pgsplit/bench/internal/handle"
	"github.com/pgsplit/pgsplit/bench/internal/memory"
	"github.com/pgsplit/pgsplit/bench/internal/servers"
	"github.com/pgsplit/pgsplit/pgsplittest"
)

// setting is one configuration of pgsplit with what it is compared with.
type setting struct {
	name         string
	replicas     bool
	pgx, control *sql.DB
	pgsplit      *sql.DB
}

// settings opens all configurations, with servers in memory in front of a cluster's.
func settings(ctx context.Context, c *pgsplittest.Cluster, opts Options) (all []*setting, err error) {
	defer func() {
		if err != nil {
			closeAll(all)
		}
	}()
	primary := &memory.Server{Real: c.Primary.DSN()}
	replica := &memory.Server{Real: c.Replicas[0].DSN(), Standby: true}
	for _, s := range []struct {
		name, dsn string
		servers   []*memory.Server
	}{
		{"one server", c.Primary.DSN(), []*memory.Server{primary}},
		{"replica", c.DSN() + "&monitor_timeout=10s", []*memory.Server{primary, replica}},
		{"replica, strict", c.DSN() + "&monitor_timeout=10s&read_your_writes=strict", []*memory.Server{primary, replica}},
	} {
		next := &setting{name: s.name, replicas: len(s.servers) > 1}
		all = append(all, next)
		if next.pgx, err = handle.PGX(c.Primary.DSN(), primary.Dial); err != nil {
			return all, err
		}
		if next.control, err = handle.PGX(c.Primary.DSN(), primary.Dial); err != nil {
			return all, err
		}
		if next.pgsplit, err = handle.Pgsplit(s.dsn, handle.Through(s.servers...), opts.Fault); err != nil {
			return all, err
		}
		for _, db := range []*sql.DB{next.pgx, next.control, next.pgsplit} {
			db.SetMaxIdleConns(64)
		}
		// A write first: with read_your_writes every read then has something to wait for, and to compare.
		if _, err = next.pgsplit.ExecContext(ctx, servers.Insert, "the first"); err != nil {
			return all, err
		}
		if err = handle.Ready(ctx, next.pgsplit, servers.Select, int64(1)); err != nil {
			return all, err
		}
	}
	return all, nil
}

func closeAll(all []*setting) (err error) {
	for _, s := range all {
		for _, db := range []*sql.DB{s.pgx, s.control, s.pgsplit} {
			if db != nil {
				err = errors.Join(err, db.Close())
			}
		}
	}
	return err
}
