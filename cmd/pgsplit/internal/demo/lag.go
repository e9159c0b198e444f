package demo

import (
	"context"
	"time"

	"github.com/pgsplit/pgsplit/cmd/pgsplit/internal/screen"
)

// lagBound is max_lag in the DSN of this part: short, so that nobody has to wait for it.
const lagBound = 300 * time.Millisecond

// lag pauses replay on a replica while the site is under load, and resumes it.
func (d *demo) lag(ctx context.Context) error {
	victim := d.replicas()[0]
	d.Title("5. What if a replica falls behind?")
	d.Note("Replay is paused on %s: it still answers, but with older and older rows. The DSN says max_lag=%s.", victim.Name, lagBound)
	d.Gap()
	db, err := d.open(ctx, "&max_lag="+lagBound.String())
	if err != nil {
		return err
	}
	defer db.Close()
	l := d.startLoad(ctx, db, 0)
	t := d.newTimeline(l, d.phase()/2)
	left, back, err := time.Duration(-1), time.Duration(-1), t.during(ctx, d.watch)
	if err == nil {
		err = t.during(ctx, func(context.Context) error { return victim.PauseReplay() })
	}
	if err == nil {
		t.event("replay of " + victim.Name + " is paused")
		left, err = t.until(ctx, func() bool { return l.leaves(ctx, victim) })
	}
	if err == nil && left >= 0 {
		t.event(victim.Name + " is more than " + lagBound.String() + " behind and gets no reads")
		err = t.during(ctx, d.watch)
	}
	if err == nil {
		t.event("replay of " + victim.Name + " goes on")
		err = t.during(ctx, func(context.Context) error { return victim.ResumeReplay() })
	}
	if err == nil {
		back, err = t.until(ctx, l.answers(victim))
	}
	if err == nil && back >= 0 {
		t.event(victim.Name + " has caught up and answers reads again")
		err = t.during(ctx, d.watch)
	}
	l.end()
	if err != nil {
		return err
	}
	d.Gap()
	reads, writes := l.answered(d.servers...)
	d.claim(l.failed.Load() == 0, "none of %s statements failed%s", screen.Count(reads+writes), l.failures())
	d.claimTime(left, "reads left %s %s after replay had stopped", victim.Name)
	d.claimTime(back, "reads came back to %s %s after replay went on", victim.Name)
	return nil
}

// claimTime claims that something happened; a negative time says that it did not.
func (d *demo) claimTime(took time.Duration, format, name string) {
	if took < 0 {
		d.claim(false, format, name, "not within "+screen.Seconds(d.opts.patience)+",")
		return
	}
	d.claim(true, format, name, screen.Seconds(took))
}
