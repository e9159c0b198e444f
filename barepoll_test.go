package pgsplit_test

import (
	"context"
	"database/sql"
	"sort"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
	"github.com/pgsplit/pgsplit/pgsplittest"
)

// barePoll is what a program of one's own would do with plain pgx: it asks each server for its position, again and again with
// 2 ms in between, and a session reads on a replica once that was seen at a position of the primary that was asked for after the
// session's last write. It is the measure for the share of reads that replicas serve: the same servers, machine and load.
type barePoll struct {
	primary  *sql.DB
	replicas []*sql.DB
	clock    atomic.Uint64   // counts writes
	reached  []atomic.Uint64 // by replica: its position

	mu       sync.RWMutex
	resolved []barePoint
}

// barePoint: whoever is at lsn has the first n writes.
type barePoint struct{ n, lsn uint64 }

// startBarePoll polls until stop is called.
func startBarePoll(t testing.TB, c *pgsplittest.Cluster, conns int) (b *barePoll, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	b = &barePoll{primary: plain(t, c.Primary.DSN()), reached: make([]atomic.Uint64, len(c.Replicas))}
	for _, r := range c.Replicas {
		b.replicas = append(b.replicas, plain(t, r.DSN()))
	}
	var wg sync.WaitGroup
	poll := func(db *sql.DB, query string, see func(n, lsn uint64)) {
		db.SetMaxOpenConns(conns)
		db.SetMaxIdleConns(conns)
		conn, err := db.Conn(ctx)
		require.NoError(t, err)
		wg.Go(func() {
			defer conn.Close()
			for ctx.Err() == nil {
				began, n := time.Now(), b.clock.Load()
				var text string
				if err := conn.QueryRowContext(ctx, query).Scan(&text); err == nil {
					lsn, _ := pgsplit.ParseLSN(text)
					see(n, uint64(lsn))
				}
				time.Sleep(2*time.Millisecond - time.Since(began))
			}
		})
	}
	poll(b.primary, "select pg_current_wal_insert_lsn()::text", func(n, lsn uint64) {
		b.mu.Lock()
		b.resolved = append(b.resolved, barePoint{n, lsn})
		b.mu.Unlock()
	})
	for i, db := range b.replicas {
		poll(db, "select pg_last_wal_replay_lsn()::text", func(_, lsn uint64) { b.reached[i].Store(lsn) })
	}
	return b, func() { cancel(); wg.Wait() }
}

// reader returns the server for a read of a session whose last write was number n.
func (b *barePoll) reader(n uint64) *sql.DB {
	b.mu.RLock()
	i := sort.Search(len(b.resolved), func(i int) bool { return b.resolved[i].n >= n })
	known := i < len(b.resolved)
	var lsn uint64
	if known && n > 0 {
		lsn = b.resolved[i].lsn
	}
	b.mu.RUnlock()
	if known {
		for off := range b.replicas {
			r := (int(n) + off) % len(b.replicas)
			if b.reached[r].Load() >= lsn {
				return b.replicas[r]
			}
		}
	}
	return b.primary
}

// wrote is called when a write is complete, and returns its number.
func (b *barePoll) wrote() uint64 { return b.clock.Add(1) }
