package pgsplit_test

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
	"github.com/pgsplit/pgsplit/pgsplittest"
)

const shareSchema = `do $$ begin
 for i in 0..11 loop execute format('create table public.s%s (id int primary key, v int); insert into public.s%s select g, 0 from generate_series(0, 999) g; grant all on public.s%s to public', i, i, i); end loop;
end $$`

// shareOf counts the reads that replicas serve. A user does one thing every 25 ms.
type shareOf struct {
	reads, replica, writes atomic.Int64
}

func (s *shareOf) percent() float64 { return 100 * float64(s.replica.Load()) / float64(s.reads.Load()) }

func (s *shareOf) read(ctx context.Context, db *sql.DB, table int) error {
	var v int
	var replica bool
	err := db.QueryRowContext(ctx, fmt.Sprintf("select v, pg_is_in_recovery() from s%d where id = $1", table), rand.IntN(1000)).Scan(&v, &replica)
	if err == nil {
		s.reads.Add(1)
		if replica {
			s.replica.Add(1)
		}
	}
	return err
}

func (s *shareOf) write(ctx context.Context, db *sql.DB, table int) error {
	s.writes.Add(1)
	_, err := db.ExecContext(ctx, fmt.Sprintf("update s%d set v = v + 1 where id = $1", table), rand.IntN(1000))
	return err
}

// run has users do op, each on its own beat, for a while.
func (s *shareOf) run(t testing.TB, users int, every, long time.Duration, op func(user int) func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), long)
	defer cancel()
	var wg sync.WaitGroup
	errs := make(chan error, users)
	for u := range users {
		do := op(u)
		wg.Go(func() {
			time.Sleep(rand.N(every))
			for tick := time.NewTicker(every); ctx.Err() == nil; <-tick.C {
				if err := do(ctx); err != nil && ctx.Err() == nil {
					errs <- err
					return
				}
			}
		})
	}
	wg.Wait()
	select {
	case err := <-errs:
		require.NoError(t, err)
	default:
	}
}

// How much of the reads replicas serve. PGSPLIT_SHARE_USERS=200 is the load that the figures in the README are for; here
// it is a fifth of that, since tests share a machine.
func TestTheShareOfReadsThatReplicasServe(t *testing.T) {
	users := 40
	if s := os.Getenv("PGSPLIT_SHARE_USERS"); s != "" {
		users, _ = strconv.Atoi(s)
	}
	c := pgsplittest.Start(t, pgsplittest.Options{Replicas: 2, SetupSQL: shareSchema})
	const long = 4 * time.Second
	open := func(mode string) *sql.DB {
		db := handle(t, c, "max_lag=0", "read_your_writes="+mode)
		db.SetMaxIdleConns(users)
		require.NoError(t, pgsplit.ClusterOf(db).LoadCatalog(t.Context()))
		return db
	}
	t.Run("sessions", func(t *testing.T) {
		db, s := open("off"), &shareOf{}
		s.run(t, users, 25*time.Millisecond, long, func(int) func(context.Context) error {
			session := pgsplit.NewSession()
			return func(ctx context.Context) error {
				ctx = pgsplit.WithSession(ctx, session)
				if rand.IntN(10) == 0 {
					return s.write(ctx, db, rand.IntN(12))
				}
				return s.read(ctx, db, rand.IntN(12))
			}
		})
		t.Logf("%d reads, %d writes, %.1f %% on replicas", s.reads.Load(), s.writes.Load(), s.percent())
		require.Greater(t, s.percent(), 50.0) // 90 and more on a machine that does nothing else; its load takes part in this
	})
	for mode, least := range map[string]float64{"on": 50, "strict": 0} {
		t.Run("hot tables "+mode, func(t *testing.T) {
			db, s := open(mode), &shareOf{}
			s.run(t, users, 25*time.Millisecond, long, func(u int) func(context.Context) error {
				return func(ctx context.Context) error {
					switch {
					case u%8 == 0: // 25 ms: 5 of 40 users make 200 writes a second
						return s.write(ctx, db, rand.IntN(2))
					case rand.IntN(20) == 0:
						return s.read(ctx, db, rand.IntN(2))
					}
					return s.read(ctx, db, 2+rand.IntN(10))
				}
			})
			t.Logf("%d reads, %d writes, %.1f %% on replicas", s.reads.Load(), s.writes.Load(), s.percent())
			require.GreaterOrEqual(t, s.percent(), least)
		})
	}
}
