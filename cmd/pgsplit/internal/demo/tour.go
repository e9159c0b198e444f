package demo

import (
	"context"
	"database/sql"

	"github.com/pgsplit/pgsplit"
	"github.com/pgsplit/pgsplit/cmd/pgsplit/internal/screen"
	"github.com/pgsplit/pgsplit/internal/stories"
)

// stop is one operation on the tour.
type stop struct {
	name    string
	primary bool // where it has to run
	run     func(context.Context, *sql.DB) (outcome string, err error)
}

// tour does every operation of the site once, and shows where each went and why.
func (d *demo) tour(ctx context.Context) error {
	db, err := d.open(ctx, "")
	if err != nil {
		return err
	}
	defer db.Close()

	d.Title("1. Where does each statement go, and why?")
	d.Note("Every operation of the site, once, with the reason that pgsplit gives.")
	d.Gap()
	rows := [][]screen.Cell{{
		screen.Text("operation").As(screen.Dim), screen.Text("server").As(screen.Dim), screen.Text("").As(screen.Dim),
		screen.Text("why").As(screen.Dim), screen.Text("result").As(screen.Dim),
	}}
	reads, writes, careful := true, true, true
	for i, stop := range stops() {
		var w watch
		outcome, err := stop.run(w.in(ctx), db)
		if err != nil {
			return err
		}
		server := d.byAddress[w.route.Server.Name]
		held := server != nil && stop.primary == d.isPrimary(server)
		switch {
		case i >= len(stories.Operations):
			careful = careful && held
		case stop.primary:
			writes = writes && held
		default:
			reads = reads && held
		}
		cells := []screen.Cell{screen.Text(stop.name), screen.Text(w.route.Server.Name), {}, screen.Text(w.route.Reason.String()), screen.Text(outcome).As(screen.Dim)}
		if server != nil {
			cells[1], cells[2] = d.label(server), screen.Text(d.address(server)).As(screen.Dim)
		}
		rows = append(rows, cells)
	}
	d.Table(rows...)
	d.Gap()
	d.claim(reads, "every read of the site was answered by a replica")
	d.claim(writes, "every write ran on the primary, INSERT … RETURNING through Query too")
	d.claim(careful, "so did the reads that need it: locks, transactions, and where the code asks for it")
	return nil
}

// stops are the operations of the site, and after them reads that do not go to a replica.
func stops() []stop {
	visit := stories.Visit{User: 3, Author: 8, Story: 1, Text: "Garden"}
	var all []stop
	for _, op := range stories.Operations {
		all = append(all, stop{op.Name, op.Kind == stories.Write, func(ctx context.Context, db *sql.DB) (string, error) {
			return op.Run(ctx, stories.New(db), visit)
		}})
	}
	profile := func(ctx context.Context, db stories.DB) (string, error) {
		u, err := stories.New(db).User(ctx, visit.User)
		return u.Name, err
	}
	return append(all,
		stop{"profile, in a transaction", true, func(ctx context.Context, db *sql.DB) (string, error) {
			tx, err := db.BeginTx(ctx, nil)
			if err != nil {
				return "", err
			}
			defer tx.Rollback()
			return profile(ctx, tx)
		}},
		stop{"profile, FOR UPDATE", true, func(ctx context.Context, db *sql.DB) (name string, err error) {
			err = db.QueryRowContext(ctx, `SELECT name FROM users WHERE id = $1 FOR UPDATE`, visit.User).Scan(&name)
			return name, err
		}},
		stop{"profile, WithPrimary(ctx)", true, func(ctx context.Context, db *sql.DB) (string, error) {
			return profile(pgsplit.WithPrimary(ctx), db)
		}},
	)
}
