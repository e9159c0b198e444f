package demo

import (
	"context"
	"time"

	"github.com/pgsplit/pgsplit/cmd/pgsplit/internal/screen"
	"github.com/pgsplit/pgsplit/pgsplittest"
)

// outage kills a replica while the site is under load, and starts it again.
func (d *demo) outage(ctx context.Context) error {
	victim := d.replicas()[len(d.replicas())-1]
	d.Title("4. What if a replica dies?")
	d.Note("%s dies while the site is under load, and comes back. Each line shows how many statements every", victim.Name)
	d.Note("server has answered since the line before.")
	d.Gap()
	db, err := d.open(ctx, "")
	if err != nil {
		return err
	}
	defer db.Close()
	l := d.startLoad(ctx, db, 0)
	o := outage{victim: victim, load: l, timeline: d.newTimeline(l, d.phase()/2), back: -1}
	err = o.run(ctx)
	l.end()
	if err != nil {
		return err
	}

	d.Gap()
	reads, writes := l.answered(d.servers...)
	d.claim(l.failed.Load() == 0, "none of %s statements failed%s; %s went to another server on the way",
		screen.Count(reads+writes), l.failures(), screen.Count(l.moved.Load()))
	if n := l.broken.Load(); n > 0 {
		d.Note("%s more had delivered some of their rows when the server died; those the application has to repeat.", screen.Count(n))
	}
	d.claim(o.meanwhile > 0, "reads went on while %s was dead: %s were answered", victim.Name, screen.Count(o.meanwhile))
	if o.back < 0 {
		d.claim(false, "%s answered reads again within %s", victim.Name, screen.Seconds(d.opts.patience))
		return nil
	}
	d.claim(true, "%s answered reads again, %s after it was up", victim.Name, screen.Seconds(o.back))
	return nil
}

// phase is how long the site is watched before the replica dies, while it is dead, and after it is back.
func (d *demo) phase() time.Duration {
	return min(max(d.opts.Duration/4, 200*time.Millisecond), 2*time.Second)
}

// outage is one death of a replica.
type outage struct {
	victim   *pgsplittest.Server
	load     *load
	timeline *timeline

	meanwhile int64         // reads answered while the victim was dead
	back      time.Duration // from its start to the first read that it answered; negative: it answered none
}

// run shows the death and the return of the victim on the timeline.
func (o *outage) run(ctx context.Context) error {
	t := o.timeline
	watch := t.d.watch
	if err := t.during(ctx, watch); err != nil {
		return err
	}
	if err := t.during(ctx, func(context.Context) error { return o.victim.Kill() }); err != nil {
		return err
	}
	t.event(o.victim.Name + " was killed (kill -9)")
	before, _ := o.load.answered(t.servers...)
	err := t.during(ctx, func(ctx context.Context) error {
		err := watch(ctx)
		o.load.awaitReads(ctx, before+enough)
		return err
	})
	if err != nil {
		return err
	}
	after, _ := o.load.answered(t.servers...)
	o.meanwhile = after - before
	t.event(o.victim.Name + " is started again")
	if err := t.during(ctx, func(context.Context) error { return o.victim.Start() }); err != nil {
		return err
	}
	if o.back, err = t.until(ctx, o.load.answers(o.victim)); err != nil || o.back < 0 {
		return err
	}
	t.event(o.victim.Name + " answers reads again")
	return t.during(ctx, watch)
}

// watch lets one phase pass.
func (d *demo) watch(ctx context.Context) error {
	sleep(ctx, d.phase())
	return ctx.Err()
}
