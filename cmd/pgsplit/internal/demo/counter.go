package demo

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/pgsplit/pgsplit/pgsplittest"
)

// transactions asks every server how many transactions it has committed in the site's database. A statement outside a
// transaction is one; so is preparing a statement, or a look that pgsplit takes at the server.
func (d *demo) transactions(ctx context.Context) (map[*pgsplittest.Server]int64, error) {
	counts := map[*pgsplittest.Server]int64{}
	for _, s := range d.servers {
		n, err := ask(ctx, s, `SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()`)
		if err != nil {
			return nil, err
		}
		counts[s] = n
	}
	return counts, nil
}

// waitUntilGone waits until no server has a connection of that application name any more: a connection hands in the last
// of its numbers when it ends.
func (d *demo) waitUntilGone(ctx context.Context, application string) error {
	deadline := time.Now().Add(10 * time.Second)
	for _, s := range d.servers {
		for {
			n, err := ask(ctx, s, `SELECT count(*) FROM pg_stat_activity WHERE application_name = $1`, application)
			if err != nil {
				return err
			}
			if n == 0 {
				break
			}
			if time.Now().After(deadline) {
				return errors.New(s.Name + " still has connections of a database that was closed")
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	return nil
}

// ask asks one server, past pgsplit, for a number.
func ask(ctx context.Context, s *pgsplittest.Server, query string, args ...any) (n int64, err error) {
	db, err := sql.Open("pgx", s.DSN())
	if err != nil {
		return 0, err
	}
	defer db.Close()
	err = db.QueryRowContext(ctx, query, args...).Scan(&n)
	return n, err
}
