package pgsplit

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// close ends everything that belongs to the handle. database/sql calls it from DB.Close, after it has closed the idle
// driver connections. Rows that are still open stay usable; their connection ends with them.
func (c *Cluster) close() error {
	if c.life.Err() != nil {
		return nil
	}
	limit, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	looked := c.freeReads(limit, closeTimeout/2, (*server).awaited)
	c.over.Store(true)
	for _, s := range c.servers {
		s.refuse()
	}
	// Now no read gets a connection any more. One that had got it before may have begun to wait after the look above. The life
	// of the handle goes on until then: without it nobody connects.
	c.freeReads(limit, closeTimeout/3, func(s *server) bool { return !looked[s] && s.lent() && c.snap.Load().primary != s })
	c.quit()
	for _, s := range c.servers {
		s.close()
	}
	// Most of it ends at once. Servers may have to be told still what to cancel, see lastWords; and pgx may clean up for 15 s after
	// connectors that dial by themselves.
	within(limit, c.tasks.wait)
	return nil
}

// within waits until f has ended, or the context has.
func within(ctx context.Context, f func()) {
	done := make(chan struct{})
	go func() {
		f()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// freeReads looks, one last time, at servers on which reads wait for their first row, and says at which. Reads on a silent
// one come free; the others may end as they would with plain pgx.
func (c *Cluster) freeReads(limit context.Context, most time.Duration, concerned func(*server) bool) (looked map[*server]bool) {
	looked = map[*server]bool{}
	var looks sync.WaitGroup
	for _, s := range c.servers {
		if len(c.servers) == 1 || !concerned(s) {
			continue
		}
		looked[s] = true
		looks.Go(func() {
			ctx, cancel := context.WithTimeout(limit, min(c.cfg.MonitorTimeout, most))
			defer cancel()
			dc, err := s.watcher.Connect(ctx)
			if err == nil {
				dc.Close()
				return
			}
			if pgErr := (*pgconn.PgError)(nil); !errors.As(err, &pgErr) { // a server that is full answers
				s.abandon()
			}
		})
	}
	within(limit, looks.Wait)
	return looked
}

// closeTimeout bounds how long DB.Close takes to end what is under way.
const closeTimeout = 900 * time.Millisecond

// lastWordsTimeout bounds how long a server is told to cancel a statement while DB.Close is at work, and after it: three round trips
// with TLS.
const lastWordsTimeout = 350 * time.Millisecond
