package integration

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/jmoiron/sqlx"
	"gorm.io/gorm"
)

// tenantLibs are an application of many tenants that uses three libraries on one handle.
type tenantLibs struct {
	db       *sql.DB
	gorm     *gorm.DB
	prepared *gorm.DB // with PrepareStmt
	sqlx     *sqlx.DB
	ent      *entsql.Driver
}

// tenantWays work for one tenant each, and return the notes that it has seen and how many rows it has changed: one each time.
var tenantWays = map[string]func(l *tenantLibs, ctx context.Context, tenant string) (seen [][]note, changed []int64, err error){
	"GORM, a connection": func(l *tenantLibs, ctx context.Context, tenant string) (seen [][]note, changed []int64, err error) {
		err = l.anyGorm().WithContext(ctx).Connection(func(db *gorm.DB) (err error) {
			if err := db.Exec("set app.tenant = '" + tenant + "'").Error; err != nil {
				return err
			}
			defer func() { err = errors.Join(err, db.Exec("reset app.tenant").Error) }()
			return gormNotes(db, &seen, &changed)
		})
		return seen, changed, err
	},
	"GORM, a transaction": func(l *tenantLibs, ctx context.Context, tenant string) (seen [][]note, changed []int64, err error) {
		err = l.anyGorm().WithContext(ctx).Transaction(func(tx *gorm.DB) error {
			if err := tx.Exec("set local app.tenant = '" + tenant + "'").Error; err != nil {
				return err
			}
			return tx.Transaction(func(tx *gorm.DB) error { return gormNotes(tx, &seen, &changed) })
		})
		return seen, changed, err
	},
	"GORM, a read-only transaction": func(l *tenantLibs, ctx context.Context, tenant string) (seen [][]note, changed []int64, err error) {
		err = l.anyGorm().WithContext(ctx).Transaction(func(tx *gorm.DB) error {
			var set string
			if err := tx.Raw("select set_config('app.tenant', ?, true)", tenant).Scan(&set).Error; err != nil {
				return err
			}
			var notes []note
			if err := tx.Raw(notesOfSession).Scan(&notes).Error; err != nil {
				return err
			}
			seen = append(seen, notes)
			return nil
		}, &sql.TxOptions{ReadOnly: true})
		return seen, changed, err
	},
	"sqlx, a connection": func(l *tenantLibs, ctx context.Context, tenant string) (seen [][]note, changed []int64, err error) {
		conn, err := l.sqlx.Connx(ctx)
		if err != nil {
			return nil, nil, err
		}
		defer conn.Close()
		var set string
		if err := conn.GetContext(ctx, &set, conn.Rebind("select set_config('app.tenant', ?, false)"), tenant); err != nil {
			return nil, nil, err
		}
		err = sqlxNotes(ctx, conn, &seen, &changed)
		_, reset := conn.ExecContext(ctx, "select set_config('app.tenant', '', false)")
		return seen, changed, errors.Join(err, reset)
	},
	"sqlx, a transaction": func(l *tenantLibs, ctx context.Context, tenant string) (seen [][]note, changed []int64, err error) {
		tx, err := l.sqlx.BeginTxx(ctx, nil)
		if err != nil {
			return nil, nil, err
		}
		defer tx.Rollback()
		if _, err := tx.ExecContext(ctx, "set local app.tenant = '"+tenant+"'"); err != nil {
			return nil, nil, err
		}
		if err := sqlxNotes(ctx, tx, &seen, &changed); err != nil {
			return seen, changed, err
		}
		return seen, changed, tx.Commit()
	},
	"sqlx, a read-only transaction": func(l *tenantLibs, ctx context.Context, tenant string) (seen [][]note, changed []int64, err error) {
		tx, err := l.sqlx.BeginTxx(ctx, &sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead})
		if err != nil {
			return nil, nil, err
		}
		defer tx.Rollback()
		if _, err := tx.ExecContext(ctx, "set local app.tenant = '"+tenant+"'"); err != nil {
			return nil, nil, err
		}
		var notes []note
		if err := tx.SelectContext(ctx, &notes, notesOfSession); err != nil {
			return nil, nil, err
		}
		return [][]note{notes}, nil, tx.Commit()
	},
	"ent": func(l *tenantLibs, ctx context.Context, tenant string) (seen [][]note, changed []int64, err error) {
		ctx = entsql.WithVar(ctx, "app.tenant", tenant)
		for range 2 {
			if err := entNotes(ctx, l.ent, &seen, &changed); err != nil {
				return seen, changed, err
			}
		}
		return seen, changed, nil
	},
	"ent, a transaction": func(l *tenantLibs, ctx context.Context, tenant string) (seen [][]note, changed []int64, err error) {
		// What ent sets in a transaction it does not take back: only the rollback does.
		tx, err := l.ent.Tx(ctx)
		if err != nil {
			return nil, nil, err
		}
		err = entNotes(entsql.WithVar(ctx, "app.tenant", tenant), tx, &seen, &changed)
		return seen, changed, errors.Join(err, tx.Rollback())
	},
}

func (l *tenantLibs) anyGorm() *gorm.DB {
	if rand.IntN(2) == 0 {
		return l.prepared
	}
	return l.gorm
}

func gormNotes(db *gorm.DB, seen *[][]note, changed *[]int64) error {
	var notes []note
	if err := db.Model(&note{}).Select("*", "current_setting('app.tenant', true) as setting").Find(&notes).Error; err != nil {
		return err
	}
	*seen = append(*seen, notes)
	changing := db.Exec(changeNote)
	if changing.Error != nil {
		return changing.Error
	}
	*changed = append(*changed, changing.RowsAffected)
	var again []note
	if err := db.Raw(notesOfSession).Scan(&again).Error; err != nil {
		return err
	}
	*seen = append(*seen, again)
	return nil
}

type sqlxConversation interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	SelectContext(ctx context.Context, dest any, query string, args ...any) error
	PreparexContext(ctx context.Context, query string) (*sqlx.Stmt, error)
}

func sqlxNotes(ctx context.Context, q sqlxConversation, seen *[][]note, changed *[]int64) error {
	var notes, again []note
	if err := q.SelectContext(ctx, &notes, notesOfSession); err != nil {
		return err
	}
	res, err := q.ExecContext(ctx, changeNote)
	if err != nil {
		return err
	}
	n, err := res.RowsAffected()
	if err != nil {
		return err
	}
	stmt, err := q.PreparexContext(ctx, notesOfSession)
	if err != nil {
		return err
	}
	if err := errors.Join(stmt.SelectContext(ctx, &again), stmt.Close()); err != nil {
		return err
	}
	*seen, *changed = append(*seen, notes, again), append(*changed, n)
	return nil
}

func entNotes(ctx context.Context, q dialect.ExecQuerier, seen *[][]note, changed *[]int64) error {
	var rows entsql.Rows
	if err := q.Query(ctx, notesOfSession, []any{}, &rows); err != nil {
		return err
	}
	var notes []note
	if err := errors.Join(entsql.ScanSlice(rows, &notes), rows.Close()); err != nil {
		return err
	}
	*seen = append(*seen, notes)
	var res entsql.Result
	if err := q.Exec(ctx, changeNote, []any{}, &res); err != nil {
		return err
	}
	n, err := res.RowsAffected()
	*changed = append(*changed, n)
	return err
}

// nobody reads without a tenant, in one of the libraries' ways.
func (l *tenantLibs) nobody(ctx context.Context) (notes []note, setting string, err error) {
	switch rand.IntN(3) {
	case 0:
		err = l.anyGorm().WithContext(ctx).Find(&notes).Error
	case 1:
		err = l.sqlx.SelectContext(ctx, &notes, "select id, tenant, body from notes")
	default:
		err = l.sqlx.GetContext(ctx, &setting, "select coalesce(current_setting('app.tenant', true), '')")
	}
	return notes, setting, err
}
