package demo

import (
	"context"
	"time"

	"github.com/pgsplit/pgsplit/cmd/pgsplit/internal/screen"
	"github.com/pgsplit/pgsplit/pgsplittest"
)

// failover kills the primary while the site is under load, promotes a replica, and brings the old primary back as a replica.
func (d *demo) failover(ctx context.Context) error {
	old, next := d.primary(), d.replicas()[0]
	d.Title("6. What if the primary dies?")
	d.Note("The primary dies while the site is under load, and an operator promotes %s. Nobody tells the application.", next.Name)
	d.Note("Half of the visitors only read; the others write now and then, and wait when they cannot.")
	d.Gap()
	db, err := d.open(ctx, "")
	if err != nil {
		return err
	}
	defer db.Close()
	l := d.startLoad(ctx, db, workers/2)
	t := d.newTimeline(l, d.phase()/2)
	var meanwhile int64
	resumed, back, err := time.Duration(-1), time.Duration(-1), t.during(ctx, d.watch)
	if err == nil {
		err = t.during(ctx, func(context.Context) error { return old.Kill() })
	}
	if err == nil {
		t.event("the primary was killed (kill -9): nothing takes writes")
		before, _ := l.answered(d.servers...)
		err = t.during(ctx, func(ctx context.Context) error {
			err := d.watch(ctx)
			l.awaitReads(ctx, before+enough)
			return err
		})
		after, _ := l.answered(d.servers...)
		meanwhile = after - before
	}
	if err == nil {
		// The moment of the promotion, not the end of what Promote does for the other replicas.
		promoted := make(chan error, 1)
		go func() { promoted <- d.Promote(next) }()
		err = t.during(ctx, func(ctx context.Context) error { return d.awaitPromotion(ctx, next) })
		if err == nil {
			t.event(next.Name + " is promoted")
			if resumed, err = t.until(ctx, func() bool { return l.sent[next].writes.Load() > 0 }); resumed >= 0 {
				t.event(next.Name + " takes the writes")
			}
		}
		// It ends in any case before the servers are stopped.
		if e := <-promoted; err == nil {
			err = e
		}
	}
	if err == nil {
		err = t.during(ctx, d.watch)
	}
	if err == nil {
		err = t.during(ctx, func(context.Context) error { return old.Follow(next) })
	}
	if err == nil {
		t.event("the old primary is back, as a replica of " + next.Name)
		if back, err = t.until(ctx, l.answers(old)); err == nil && back >= 0 {
			err = t.during(ctx, d.watch)
		}
	}
	l.end()
	if err != nil {
		return err
	}
	d.Gap()
	reads, writes := l.answered(d.servers...)
	failedWrites := l.failedWrites.Load()
	d.claim(l.failed.Load() == failedWrites, "none of %s reads failed%s; %s were answered while there was no primary",
		screen.Count(reads), l.readFailures(), screen.Count(meanwhile))
	d.claim(meanwhile > 0, "reads went on without a primary")
	d.claim(failedWrites <= workers, "of %s writes %s were cut off by its death, at most one for each connection; the others waited",
		screen.Count(writes), screen.Count(failedWrites))
	d.claimTime(resumed, "writes went on, on %s, %s after the promotion", next.Name)
	d.claimTime(back, "the server that was the primary (%s) answered reads %s after it was back", old.Name)
	return nil
}

// awaitPromotion waits until a server says that it is no standby any more.
func (d *demo) awaitPromotion(ctx context.Context, s *pgsplittest.Server) error {
	for {
		recovering, err := s.QueryString("select pg_is_in_recovery()")
		switch {
		case err == nil && recovering == "f":
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		}
		sleep(ctx, 5*time.Millisecond)
	}
}
