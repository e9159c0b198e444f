package verify

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/pgsplit/pgsplit"
)

// errDiscard has database/sql close a connection.
var errDiscard = driver.ErrBadConn

const recovery = "pg_is_in_recovery()"

// read reads a row, its own or another's, and holds what it got against what was promised.
func (w *worker) read(ctx context.Context) {
	t, row := w.rand.IntN(tables), w.id
	if w.rand.IntN(3) == 0 {
		row = w.rand.IntN(w.opts.Workers)
	}
	across := w.opts.Mode == Session && w.rand.IntN(10) == 0
	promised := w.done[t][row].Load()
	switch {
	case w.opts.Mode != Session:
	case row != w.id:
		promised = 0
	case across:
		promised = w.told[t]
	default:
		promised = w.mine[t]
	}
	key := [2]int{t, row}
	before := w.seen[key]
	ask := w.ask
	if across {
		ask = w.askAcross
	}
	got, replica, err := ask(ctx, t, row)
	if err != nil {
		w.errors.Add(1)
		return
	}
	w.reads.Add(1)
	if replica {
		w.replica.Add(1)
	}
	switch {
	case got < promised:
		w.violated(&w.stale, "worker %d read %d of row %d of t%d, %d was written (replica: %v)", w.id, got, row, t, promised, replica)
	case across: // the order of reads is each handle's own
		return
	case w.opts.Mode == Session && got < before.value && before.replica && !replica:
		w.ahead.Add(1)
	case w.opts.Mode == Session && got < before.value:
		w.violated(&w.backward, "worker %d read %d of row %d of t%d after it had read %d (replica: %v)", w.id, got, row, t, before.value, replica)
	}
	if got > before.value || got == before.value && !replica {
		w.seen[key] = sight{got, replica}
	}
}

// ask reads a row in one of many ways.
func (w *worker) ask(ctx context.Context, t, row int) (v int64, replica bool, err error) {
	ctx = w.within(ctx)
	way := w.rand.IntN(9)
	if w.opts.Mode == Session && way == 8 {
		return w.askElsewhere(ctx, t, row)
	}
	query := plainQuery(t)
	switch way {
	case 1:
		query = fmt.Sprintf("select v, %s from %s.vv%d where id = $1", recovery, schema, t)
	case 2:
		query = fmt.Sprintf("select a.v, %s from %s a join %s b using (id) where id = $1", recovery, table(t), table((t+1)%tables))
	case 3:
		query = fmt.Sprintf("select %s.f%d($1), %s", schema, t, recovery)
	case 4:
		query = fmt.Sprintf("with x as (select * from %s.v%d) select max(v), bool_or(%s) from x where id = $1", schema, t, recovery)
	case 5:
		return w.askStatement(ctx, query, row)
	case 6:
		tx, err := w.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead})
		if err != nil {
			return 0, false, err
		}
		defer tx.Rollback()
		err = tx.QueryRowContext(ctx, query, row).Scan(&v, &replica)
		return v, replica, err
	}
	err = w.db.QueryRowContext(ctx, query, row).Scan(&v, &replica)
	return v, replica, err
}

// askAcross reads through the other handle, in the worker's session as it is: that of another library in the same process, say.
func (w *worker) askAcross(ctx context.Context, t, row int) (v int64, replica bool, err error) {
	return w.askOther(ctx, w.session, t, row)
}

func (w *worker) askOther(ctx context.Context, s *pgsplit.Session, t, row int) (v int64, replica bool, err error) {
	err = w.other.QueryRowContext(pgsplit.WithSession(ctx, s), plainQuery(t), row).Scan(&v, &replica)
	return v, replica, err
}

func plainQuery(t int) string {
	return fmt.Sprintf("select v, %s from %s where id = $1", recovery, table(t))
}

// askElsewhere reads in another process: the session goes there, and comes back.
func (w *worker) askElsewhere(ctx context.Context, t, row int) (v int64, replica bool, err error) {
	s := w.resume(ctx, w.session, w.other)
	v, replica, err = w.askOther(ctx, s, t, row)
	w.session = w.resume(ctx, s, w.db) // the one before knows nothing of what was read there
	return v, replica, err
}

// resume takes a session over to a handle by its token. Only if the primary fails may that be ahead of it; what is promised holds, and
// also if there was no time to find out.
func (w *worker) resume(ctx context.Context, s *pgsplit.Session, db *sql.DB) *pgsplit.Session {
	there, err := pgsplit.ResumeSession(ctx, s.Token(), db)
	if errors.Is(err, pgsplit.ErrToken) && !w.fails {
		w.violated(&w.refused, "worker %d: %v", w.id, err)
	}
	return there
}

func (w *worker) askStatement(ctx context.Context, query string, row int) (v int64, replica bool, err error) {
	st := w.prep[query]
	if st == nil {
		if st, err = w.db.PrepareContext(ctx, query); err != nil {
			return 0, false, err
		}
		w.prep[query] = st
	}
	err = st.QueryRowContext(ctx, row).Scan(&v, &replica)
	return v, replica, err
}
