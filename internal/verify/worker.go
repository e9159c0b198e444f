package verify

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgsplit/pgsplit"
)

// worker writes its own rows and reads them and those of others.
type worker struct {
	*run
	id      int
	value   int64
	session *pgsplit.Session
	mine    [tables]int64        // what it has written
	told    [tables]int64        // of that, what other handles of the process know: not what Raw has written
	handed  bool                 // the write at hand is by Raw
	seen    map[[2]int]sight     // in its session, by table and row
	prep    map[string]*sql.Stmt // of statements that come again
	rand    *rand.Rand
}

// sight is the highest value that was seen, and whether a replica showed it.
type sight struct {
	value   int64
	replica bool
}

func newWorker(r *run, id int) *worker {
	return &worker{
		run: r, id: id, session: pgsplit.NewSession(), seen: map[[2]int]sight{}, prep: map[string]*sql.Stmt{},
		rand: rand.New(rand.NewPCG(uint64(id), 1)),
	}
}

// step is a read, and a write before it now and then.
func (w *worker) step(ctx context.Context) {
	if w.rand.IntN(12) == 0 {
		w.write(ctx, w.rand.IntN(byWrite))
	}
	w.read(ctx)
}

// within is a context of the worker's session, in that mode.
func (w *worker) within(ctx context.Context) context.Context {
	if w.opts.Mode == Session {
		return pgsplit.WithSession(ctx, w.session)
	}
	return ctx
}

// write makes a value the one of the worker's row. What failed may have been kept or not, so it promises nothing.
func (w *worker) write(ctx context.Context, t int) {
	w.gate.RLock()
	defer w.gate.RUnlock()
	ctx = w.within(ctx)
	w.value++
	w.handed = false
	ways := []func(context.Context, string) error{w.exec, w.returning, w.large, w.prepared, w.tx, w.begin}
	if time.Now().Unix()%6 == 0 && w.rand.IntN(20) == 0 {
		ways = append(ways[:0], w.raw, w.several) // for a while they concern every read, so only a part of the time has them
	}
	if w.opts.Late {
		ways = append(ways[:0], w.large)
	}
	text := fmt.Sprintf("update %s set v = %d where id = %d", table(t), w.value, w.id)
	if err := ways[w.rand.IntN(len(ways))](ctx, text); err != nil {
		w.errors.Add(1)
		return
	}
	w.writes.Add(1)
	w.completed(t)
	if t == byWrite-1 {
		w.completed(byWrite)
	}
}

func (w *worker) completed(t int) {
	w.mine[t] = w.value
	if !w.handed {
		w.told[t] = w.value
	}
	w.done[t][w.id].Store(w.value) // nobody else writes it
}

func (w *worker) exec(ctx context.Context, text string) error {
	_, err := w.db.ExecContext(ctx, text)
	return err
}

func (w *worker) several(ctx context.Context, text string) error {
	_, err := w.db.ExecContext(ctx, "begin; "+text+"; commit")
	return err
}

func (w *worker) returning(ctx context.Context, text string) error {
	var v int64
	return w.db.QueryRowContext(ctx, text+" returning v").Scan(&v)
}

// large has a result of more than the server's buffer: the first rows are here before the commit.
func (w *worker) large(ctx context.Context, text string) error {
	rows, err := w.db.QueryContext(ctx, fmt.Sprintf("with x as (%s returning v) select v, repeat('x', 1000) from x, generate_series(1, 40)", text))
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
	}
	if err := rows.Err(); err != nil {
		return err
	}
	return rows.Close()
}

func (w *worker) prepared(ctx context.Context, text string) error {
	st, err := w.db.PrepareContext(ctx, text)
	if err != nil {
		return err
	}
	defer st.Close()
	_, err = st.ExecContext(ctx)
	return err
}

func (w *worker) tx(ctx context.Context, text string) error {
	tx, err := w.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(ctx, text); err != nil {
		return err
	}
	return tx.Commit()
}

func (w *worker) begin(ctx context.Context, text string) error {
	conn, err := w.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	for _, q := range []string{"begin", text, "commit"} {
		if _, err := conn.ExecContext(ctx, q); err != nil {
			conn.ExecContext(ctx, "rollback")
			return err
		}
	}
	return nil
}

// raw writes with pgx itself. The connection is closed: it would stay tied to the one of database/sql.
func (w *worker) raw(ctx context.Context, text string) error {
	w.handed = true
	conn, err := w.db.Conn(ctx)
	if err != nil {
		return err
	}
	var failed error
	err = conn.Raw(func(dc any) error {
		pg := dc.(interface{ Conn() *pgx.Conn }).Conn()
		_, failed = pg.Exec(ctx, text)
		return nil
	})
	conn.Raw(func(any) error { return errDiscard })
	if failed != nil {
		return failed
	}
	return err
}
