package pgsplit_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
	"github.com/pgsplit/pgsplit/pgsplittest"
)

type taken struct {
	rows []string
	err  error
}

// all reads a result to its end, first only its first row.
func all(q rowsQuerier) func(context.Context, string) taken {
	return func(ctx context.Context, text string) (r taken) {
		rows, err := q.QueryContext(ctx, text)
		if err != nil {
			return taken{err: err}
		}
		defer rows.Close()
		for rows.Next() {
			var s string
			if err := rows.Scan(&s); err != nil {
				return taken{r.rows, err}
			}
			r.rows = append(r.rows, strings.TrimSpace(s))
		}
		return taken{r.rows, rows.Err()}
	}
}

func first(q rowsQuerier) func(context.Context, string) taken {
	return func(ctx context.Context, text string) taken {
		var s string
		err := q.QueryRowContext(ctx, text).Scan(&s)
		return taken{[]string{strings.TrimSpace(s)}, err}
	}
}

type rowsQuerier interface {
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
	QueryRowContext(context.Context, string, ...any) *sql.Row
}

// inTheMiddle runs a read that has made three rows, of one byte or of width, and then sleeps if it runs on the victim, where it
// is interrupted.
func inTheMiddle(t *testing.T, victim *pgsplittest.Server, width int, read func(context.Context, string) taken, interrupt func(pid string)) (taken, []pgsplit.RetryInfo) {
	t.Helper()
	for {
		mark := unique("middle")
		ctx, tr := follow(t.Context())
		answer := make(chan taken, 1)
		go func() {
			answer <- read(ctx, fmt.Sprintf("select rpad(v::text, %d) from middle union all select '4' from pg_sleep(case inet_server_port() when %d then 60 else 0 end) /* %s */",
				width, victim.Port, mark))
		}()
		pid := caught(t, victim, mark, answer)
		if pid == "" {
			require.NoError(t, (<-answer).err)
			continue // another server's turn
		}
		interrupt(pid)
		a := <-answer
		_, retries := tr.take()
		return a, retries
	}
}

// A server that ends a query sends the rows that it has made by then. None of them has been handed out: the read runs elsewhere.
func TestAReadThatIsInterruptedAfterItsFirstRows(t *testing.T) {
	c := calm(t)
	victim := c.Replicas[0]
	define(t, c, "create table middle as select v from generate_series(1, 3) v; grant all on middle to public", "drop table middle")
	db, onPgx := handle(t, c), plain(t, victim.DSN())
	four, three, one := []string{"1", "2", "3", "4"}, []string{"1", "2", "3"}, []string{"1"}

	ways := []struct {
		name, code string
		do         func(pid string)
	}{
		{"terminated", "57P01", func(pid string) { terminate(t, victim, pid) }},
		{"a conflict with recovery", "40001", func(string) {
			require.NoError(t, c.Primary.Exec("begin; lock table middle in access exclusive mode; commit"))
		}},
	}
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			if w.code == "40001" { // only here: a vacuum would interrupt the others, too
				impatient(t, c)
			}
			a, _ := inTheMiddle(t, victim, 1, all(onPgx), w.do)
			require.Equal(t, w.code, code(a.err), "pgx hands out the rows, and the error: %v", a.err)
			require.Equal(t, three, a.rows)

			a, retries := inTheMiddle(t, victim, 1, all(db), w.do)
			require.NoError(t, a.err)
			require.Equal(t, four, a.rows)
			require.NotEmpty(t, retries)
			if w.name == "terminated" { // the other replica may replay the lock later, and end the read once more
				require.Len(t, retries, 1)
			}
			for _, r := range retries {
				require.Equal(t, w.code, code(r.Err))
			}

			a, _ = inTheMiddle(t, victim, 1, first(db), w.do)
			require.Equal(t, taken{one, nil}, a)

			a, _ = inTheMiddle(t, victim, 10_000, first(onPgx), w.do)
			require.Equal(t, w.code, code(a.err), "%v", a.err)
			// The first row is with the application long before the rest fails, and it asks for no more.
			a, retries = inTheMiddle(t, victim, 10_000, first(db), w.do)
			require.Equal(t, taken{one, nil}, a)
			require.Empty(t, retries)
			a, _ = inTheMiddle(t, victim, 10_000, all(db), w.do)
			require.Equal(t, taken{three, a.err}, a, "what was handed out cannot be taken back")
			require.Equal(t, w.code, code(a.err), "%v", a.err)
		})
	}
	t.Run("cancelled", func(t *testing.T) {
		for _, q := range []*sql.DB{onPgx, db} {
			a, retries := inTheMiddle(t, victim, 1, all(q), func(pid string) {
				require.Equal(t, "t", ask(t, victim, "select pg_cancel_backend(%s)", pid))
			})
			require.Equal(t, "57014", code(a.err), "%v", a.err)
			require.Equal(t, three, a.rows)
			require.Empty(t, retries)
		}
	})
	t.Run("its own mistake", func(t *testing.T) {
		for _, q := range []*sql.DB{onPgx, db} {
			a := all(q)(t.Context(), "select (6 / (3 - v))::text from middle")
			require.Equal(t, "22012", code(a.err), "%v", a.err)
			require.Equal(t, []string{"3", "6"}, a.rows)
			a = first(q)(t.Context(), "select (6 / (3 - v))::text from middle")
			require.Equal(t, "22012", code(a.err), "%v", a.err)
		}
	})
	t.Run("a warning of its own that sounds like the server's end", func(t *testing.T) {
		define(t, c, `create function alarming() returns int stable language plpgsql as
			'begin raise warning using errcode = ''57P01'', message = ''I go''; return 0; end'`, "drop function alarming")
		db := handle(t, c)
		require.NoError(t, pgsplit.ClusterOf(db).LoadCatalog(t.Context()))
		for range 20 {
			require.Equal(t, taken{three, nil}, all(db)(t.Context(), "select (v + alarming())::text from middle"))
		}
	})
	t.Run("in a read-only transaction", func(t *testing.T) {
		db := handle(t, c, "read_only_tx=replica")
		inTx := func(before string) func(context.Context, string) taken {
			return func(ctx context.Context, text string) taken {
				tx := begin(t, ctx, db, readOnly)
				defer tx.Rollback()
				if before != "" {
					firstValue(t, ctx, tx, before)
				}
				return all(tx)(ctx, text)
			}
		}
		terminated := ways[0]
		a, retries := inTheMiddle(t, victim, 1, inTx(""), terminated.do)
		require.Equal(t, taken{four, nil}, a)
		require.Len(t, retries, 1)
		a, _ = inTheMiddle(t, victim, 1, inTx("select 1"), terminated.do)
		require.Equal(t, terminated.code, code(a.err), "a transaction that has read something cannot move: %v", a.err)
		require.Equal(t, three, a.rows)
	})
}

// A replica that is told to stop at once says so in a warning; no error follows.
func TestAReplicaThatStopsAtOnceCostsNoRead(t *testing.T) {
	c := rough(t)
	victim := c.Replicas[0]
	define(t, c, "create table middle as select v from generate_series(1, 3) v; grant all on middle to public", "drop table middle")
	db := handle(t, c)
	a, retries := inTheMiddle(t, victim, 1, all(db), func(string) { require.NoError(t, victim.StopImmediate()) })
	require.Equal(t, taken{[]string{"1", "2", "3", "4"}, nil}, a)
	require.Len(t, retries, 1)
	require.NoError(t, victim.Start())
}
