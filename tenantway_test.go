package pgsplit_test

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/pgsplit/pgsplit"
)

// tenantSets are ways to tell a connection its tenant.
var tenantSets = []func(context.Context, *sql.Conn, string) error{
	func(ctx context.Context, c *sql.Conn, tenant string) error {
		_, err := c.ExecContext(ctx, "set app.tenant = '"+tenant+"'")
		return err
	},
	func(ctx context.Context, c *sql.Conn, tenant string) error {
		return c.QueryRowContext(ctx, "select set_config('app.tenant', $1, false)", tenant).Scan(new(string))
	},
	func(ctx context.Context, c *sql.Conn, tenant string) error {
		return c.QueryRowContext(ctx, "select enter($1)", tenant).Scan(new(string))
	},
	func(ctx context.Context, c *sql.Conn, tenant string) error {
		stmt, err := c.PrepareContext(ctx, "select set_config('app.tenant', $1, false)")
		if err != nil {
			return err
		}
		return errors.Join(stmt.QueryRowContext(ctx, tenant).Scan(new(string)), stmt.Close())
	},
	func(ctx context.Context, c *sql.Conn, tenant string) error {
		tx, err := c.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer tx.Rollback()
		if _, err := tx.ExecContext(ctx, "set session app.tenant to "+tenant); err != nil {
			return err
		}
		return tx.Commit()
	},
	func(ctx context.Context, c *sql.Conn, tenant string) error {
		return c.Raw(func(dc any) error {
			if o, ok := dc.(*opaqueConn); ok {
				dc = o.dc
			}
			_, err := dc.(interface{ Conn() *pgx.Conn }).Conn().Exec(ctx, "select set_config('app.tenant', $1, false)", tenant)
			return err
		})
	},
}

var tenantResets = []string{"reset app.tenant", "set app.tenant = ''", "select set_config('app.tenant', '', false)", "reset all", "discard all"}

// onConn serves a tenant on a connection of its own, and takes the setting back or leaves it.
func onConn(y *tenancy, ctx context.Context) error {
	conn, err := y.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	var dc any
	if err := conn.Raw(func(c any) error { dc = c; return nil }); err != nil {
		return err
	}
	was := y.toldLast(dc)
	switch rand.IntN(4) {
	case 0:
		err = y.look(ctx, conn, was...)
	case 1:
		err = y.look(pgsplit.WithPrimary(ctx), conn, was...)
	}
	if err != nil {
		return err
	}
	tenant := anyTenant()
	y.tell(dc, append(slices.Clone(was), tenant)...)
	if err := tenantSets[rand.IntN(len(tenantSets))](ctx, conn, tenant); err != nil {
		return err
	}
	y.tell(dc, tenant)
	if err := y.serve(ctx, conn, tenant); err != nil {
		return err
	}
	if !y.tidy && rand.IntN(2) == 0 {
		return nil
	}
	y.tell(dc, tenant, "")
	if _, err := conn.ExecContext(ctx, tenantResets[rand.IntN(len(tenantResets))]); err != nil {
		return err
	}
	y.tell(dc, "")
	return y.look(ctx, conn, "")
}

// inTransaction serves a tenant in a transaction, whose setting ends with it.
func inTransaction(readOnly bool) tenantWay {
	return func(y *tenancy, ctx context.Context) error {
		tx, err := y.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: readOnly})
		if err != nil {
			return err
		}
		defer tx.Rollback()
		tenant := anyTenant()
		if rand.IntN(2) == 0 {
			_, err = tx.ExecContext(ctx, "set local app.tenant = '"+tenant+"'")
		} else {
			err = tx.QueryRowContext(ctx, "select set_config('app.tenant', $1, true)", tenant).Scan(new(string))
		}
		if err != nil {
			return err
		}
		if readOnly {
			err = y.look(ctx, tx, tenant)
		} else {
			err = y.serve(ctx, tx, tenant)
		}
		if err != nil || rand.IntN(4) == 0 {
			return err // rolled back
		}
		return tx.Commit()
	}
}

// cancelled serves a tenant until its context ends in the middle.
func cancelled(y *tenancy, ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	conn, err := y.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	var dc any
	if err := conn.Raw(func(c any) error { dc = c; return nil }); err != nil {
		return err
	}
	tenant := anyTenant()
	y.tell(dc, append(slices.Clone(y.toldLast(dc)), tenant)...)
	if _, err := conn.ExecContext(ctx, "set app.tenant = '"+tenant+"'"); err != nil {
		return err
	}
	y.tell(dc, tenant)
	rows, err := conn.QueryContext(ctx, "select tenant, repeat('x', 1000) from note, generate_series(1, 10000)")
	if err != nil {
		return err
	}
	defer rows.Close()
	rows.Next()
	cancel()
	for rows.Next() {
	}
	if rows.Err() == nil {
		return errors.New("the context has not ended the rows")
	}
	// pgx has closed the connection, and its tenant is gone: there is nothing that might be seen, not even by nobody.
	if y.look(context.WithoutCancel(ctx), conn) == nil {
		y.sight.note(&y.sight.leaked, "%s: the connection of %q goes on after its death", y.name, tenant)
	}
	return nil
}

// asNobody reads from the pool without a tenant. Where settings are taken back, it is nobody's connection.
func asNobody(y *tenancy, ctx context.Context) error { return y.look(ctx, y.db, "") }
