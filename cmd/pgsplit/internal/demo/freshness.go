package demo

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/pgsplit/pgsplit/cmd/pgsplit/internal/screen"
	"github.com/pgsplit/pgsplit/internal/stories"
)

const (
	// replayDelay is how far the replicas are held behind: much more than a read takes, so that a replica cannot have the
	// write that the read comes right after.
	replayDelay = 500 * time.Millisecond
	authors     = 8
	rounds      = 3
)

// seen is what came of reads that look for an earlier write.
type seen struct {
	reads     int64
	stale     int64 // did not see the write
	byReplica int64
	reasons   map[string]bool // why the others went to the primary
}

// comparison is what a mode of read_your_writes brought.
type comparison struct {
	mode   string
	soon   seen // right after the write
	others seen // of tables that nobody has written, at the same time
	late   seen // when the replicas had caught up
	back   bool // whether all replicas answered reads then
}

// freshness lets authors read what they have just written, on replicas that are behind, in each mode of read_your_writes.
func (d *demo) freshness(ctx context.Context) error {
	d.Title("3. Do I see what I have just written?")
	d.Note("Replicas are a moment behind the primary. With read_your_writes=on in the DSN, a read goes to the primary for as")
	d.Note("long as no replica has every write to the tables that it reads; with strict, every write to whatever table.")
	d.Gap()
	off, on, strict := comparison{mode: "off"}, comparison{mode: "on"}, comparison{mode: "strict"}
	p := d.Progress("replicas are held %d ms behind; %d authors write, and read it at once", replayDelay.Milliseconds(), authors)
	err := d.delayed(func() error {
		for _, c := range []*comparison{&off, &on, &strict} {
			if err := d.compare(ctx, c); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		p.Failed("stopped")
		return err
	}
	p.Done("done")
	d.freshnessTable(off, on, strict)
	d.claim(off.soon.stale > 0, "off: a read right after a write can miss it (%d of %d did)", off.soon.stale, off.soon.reads)
	d.claim(on.soon.stale+on.late.stale == 0, "on: every read saw what was written before it")
	d.claim(on.others.byReplica == on.others.reads, "on: reads of other tables stayed on the replicas (%d of %d)", on.others.byReplica, on.others.reads)
	d.claim(strict.soon.stale+strict.late.stale == 0, "strict: every read saw what was written before it")
	d.claim(on.back && strict.back, "on and strict: once the replicas had caught up, they answered again")
	return nil
}

func (d *demo) freshnessTable(off, on, strict comparison) {
	d.Gap()
	head := func(text string) screen.Cell { return screen.Number(text).As(screen.Dim) }
	line := func(text string, of func(comparison) (string, screen.Style)) []screen.Cell {
		cells := []screen.Cell{screen.Text(text)}
		for _, c := range []comparison{off, on, strict} {
			value, style := of(c)
			cells = append(cells, screen.Number(value).As(style))
		}
		return cells
	}
	rows := [][]screen.Cell{{screen.Text("read_your_writes").As(screen.Dim), head("off (default)"), head("on"), head("strict")}}
	for _, when := range []struct {
		text string
		seen func(comparison) seen
	}{
		{"reads right after a write", func(c comparison) seen { return c.soon }},
		{"reads of other tables at that time", func(c comparison) seen { return c.others }},
		{"reads when the replicas have caught up", func(c comparison) seen { return c.late }},
	} {
		rows = append(rows,
			line(when.text, func(c comparison) (string, screen.Style) { return screen.Count(when.seen(c).reads), screen.Plain }),
			line("  did not see the write", func(c comparison) (string, screen.Style) {
				stale := when.seen(c).stale
				if stale > 0 {
					return screen.Count(stale), screen.Bad
				}
				return "0", screen.Good
			}),
			line("  answered by a replica", func(c comparison) (string, screen.Style) {
				return screen.Percent(when.seen(c).byReplica, when.seen(c).reads), screen.Replica
			}))
	}
	d.Table(rows...)
	d.Gap()
	for reason := range strict.soon.reasons {
		d.Line("strict sent reads to the primary, with the reason: %s", reason)
	}
}

// delayed holds all replicas behind while f runs.
func (d *demo) delayed(f func() error) error {
	set := func(delay time.Duration) error {
		return inParallel(len(d.replicas()), func(i int) error { return d.replicas()[i].SetApplyDelay(delay) })
	}
	if err := set(replayDelay); err != nil {
		return err
	}
	if err := f(); err != nil {
		return err
	}
	return set(0)
}

// compare lets the authors work in a mode of read_your_writes.
func (d *demo) compare(ctx context.Context, c *comparison) error {
	db, err := d.open(ctx, "&read_your_writes="+c.mode)
	if err != nil {
		return err
	}
	defer db.Close()
	work := make([]look, authors)
	for round := range rounds {
		err := inParallel(authors, func(i int) (err error) {
			work[i], err = write(ctx, stories.New(db), int64(i+1), round)
			if err != nil {
				return err
			}
			if err := d.see(ctx, db, &c.soon, work[i]); err != nil {
				return err
			}
			return d.see(ctx, db, &c.others, tags)
		})
		if err != nil {
			return fmt.Errorf("read_your_writes=%s: %w", c.mode, err)
		}
	}
	if err := d.WaitForCatchUp(); err != nil {
		return err
	}
	if c.back, err = d.warm(ctx, db, 10*time.Second); err != nil {
		return err
	}
	return inParallel(authors, func(i int) error { return d.see(ctx, db, &c.late, work[i]) })
}

// look is a read that tells whether a write is seen.
type look func(context.Context, *stories.Site) (fresh bool, err error)

// tags reads a table that no author writes.
func tags(ctx context.Context, site *stories.Site) (bool, error) {
	var n int
	err := site.DB.QueryRowContext(ctx, "SELECT count(*) FROM tags").Scan(&n)
	return true, err
}

// write lets an author write something; half of them write stories, the others change their profiles.
func write(ctx context.Context, site *stories.Site, author int64, round int) (look, error) {
	if author%2 == 0 {
		bio := "In round " + strconv.Itoa(round) + " at " + time.Now().String()
		return func(ctx context.Context, site *stories.Site) (bool, error) {
			u, err := site.User(ctx, author)
			return u.Bio == bio, err
		}, site.UpdateProfile(ctx, author, bio, "")
	}
	id, err := site.Write(ctx, stories.Draft{AuthorID: author, Title: "Fresh ink", Body: "Still wet.", Genre: "romance"})
	return func(ctx context.Context, site *stories.Site) (bool, error) {
		_, err := site.Story(ctx, id)
		if errors.Is(err, sql.ErrNoRows) {
			return false, nil
		}
		return err == nil, err
	}, err
}

// seeing guards the counts, which the authors share.
var seeing sync.Mutex

func (d *demo) see(ctx context.Context, db *sql.DB, s *seen, look look) error {
	var w watch
	fresh, err := look(w.in(ctx), stories.New(db))
	if err != nil {
		return err
	}
	seeing.Lock()
	defer seeing.Unlock()
	s.reads++
	if !fresh {
		s.stale++
	}
	if server := d.byAddress[w.route.Server.Name]; server != nil && !d.isPrimary(server) {
		s.byReplica++
		return nil
	}
	if s.reasons == nil {
		s.reasons = map[string]bool{}
	}
	s.reasons[w.route.Reason.String()] = true
	return nil
}

// inParallel does n things at once and joins their errors.
func inParallel(n int, do func(i int) error) error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { errs[i] = do(i) })
	}
	wg.Wait()
	return errors.Join(errs...)
}
