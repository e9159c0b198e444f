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

func (s *shareOf) String() string {
	return fmt.Sprintf("%d reads, %d writes, %.1f %% of the reads on replicas", s.reads.Load(), s.writes.Load(), s.percent())
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

// How much of the reads replicas serve, at 200 users who do one thing every 25 ms. A fifth of them in the ordinary run: with the
// race detector 200 are more than two cores can do. PGSPLIT_SHARE_USERS=200 is the whole.
func TestTheShareOfReadsThatReplicasServe(t *testing.T) {
	users := 40
	if s := os.Getenv("PGSPLIT_SHARE_USERS"); s != "" {
		users, _ = strconv.Atoi(s)
	}
	const conns, writers, every, long = 64, 5, 25 * time.Millisecond, 2 * time.Second
	// The ended connections of one measurement may still be there in the next.
	c := pgsplittest.Start(t, pgsplittest.Options{Replicas: 2, SetupSQL: shareSchema, Parameters: map[string]string{"max_connections": "300"}})
	open := func(mode string) *sql.DB {
		db := handle(t, c, "max_lag=0", "read_your_writes="+mode)
		db.SetMaxOpenConns(conns)
		db.SetMaxIdleConns(conns)
		require.NoError(t, pgsplit.ClusterOf(db).LoadCatalog(t.Context()))
		return db
	}
	t.Run("sessions", func(t *testing.T) {
		db := open("off")
		var ours, bares *shareOf
		enough := func() bool { return ours.percent() >= min(90, bares.percent()-5) }
		compare := func() {
			ours, bares = &shareOf{}, &shareOf{}
			for range 2 { // in turns, so that whatever else the machine does meets both
				ours.run(t, users, every, long, func(int) func(context.Context) error {
					session := pgsplit.NewSession()
					return func(ctx context.Context) error {
						ctx = pgsplit.WithSession(ctx, session)
						if rand.IntN(10) == 0 {
							return ours.write(ctx, db, rand.IntN(12))
						}
						return ours.read(ctx, db, rand.IntN(12))
					}
				})
				bare, stop := startBarePoll(t, c, conns)
				bares.run(t, users, every, long, func(int) func(context.Context) error {
					var last uint64
					return func(ctx context.Context) error {
						if rand.IntN(10) == 0 {
							err := bares.write(ctx, bare.primary, rand.IntN(12))
							last = bare.wrote()
							return err
						}
						return bares.read(ctx, bare.reader(last), rand.IntN(12))
					}
				})
				stop()
			}
			t.Logf("pgsplit:   %v", ours)
			t.Logf("bare poll: %v", bares)
		}
		compare()
		for range 2 { // a machine that stands still for a moment does so in one of the comparisons only
			if !enough() {
				compare()
			}
		}
		require.True(t, enough(), "replicas serve too little")
	})
	for _, mode := range []string{"on", "strict"} {
		t.Run("hot tables "+mode, func(t *testing.T) {
			db := open(mode)
			measure := func() float64 {
				s := &shareOf{}
				s.run(t, users, every, long, func(u int) func(context.Context) error {
					return func(ctx context.Context) error {
						switch {
						case u < writers: // 200 writes a second
							return s.write(ctx, db, rand.IntN(2))
						case rand.IntN(20) == 0:
							return s.read(ctx, db, rand.IntN(2))
						}
						return s.read(ctx, db, 2+rand.IntN(10))
					}
				})
				t.Log(s)
				return s.percent()
			}
			percent := measure()
			for range 2 {
				if mode == "on" && percent < 90 {
					percent = measure()
				}
			}
			if mode == "on" {
				require.GreaterOrEqual(t, percent, 90.0)
			}
		})
	}
}
