package demo

import (
	"context"
	"time"

	"github.com/pgsplit/pgsplit/cmd/pgsplit/internal/screen"
	"github.com/pgsplit/pgsplit/internal/stories"
	"github.com/pgsplit/pgsplit/pgsplittest"
)

// share puts the site under load and shows what part of it each server has carried, as pgsplit says and as the servers
// themselves say.
func (d *demo) share(ctx context.Context) error {
	d.Title("2. Who carries the load?")
	d.Note("The same site with many visitors at once.")
	d.Gap()
	before, err := d.transactions(ctx)
	if err != nil {
		return err
	}
	db, err := d.open(ctx, "&application_name="+loadAppName)
	if err != nil {
		return err
	}
	defer db.Close()
	p := d.Progress("%d goroutines visit the site, 90%% reads and 10%% writes", workers)
	begin := time.Now()
	l := d.startLoad(ctx, db, 0)
	sleep(ctx, d.opts.Duration)
	l.awaitReads(ctx, enough)
	l.end()
	took := time.Since(begin)
	if ctx.Err() != nil {
		p.Failed("stopped")
		return ctx.Err()
	}
	p.Done("done")
	if err := db.Close(); err != nil {
		return err
	}
	if err := d.waitUntilGone(ctx, loadAppName); err != nil {
		return err
	}
	counted, err := d.counted(ctx, before, l)
	if err != nil {
		return err
	}
	d.shareTable(l, counted)
	d.shareClaims(l, counted, took)
	return nil
}

// counted asks the servers how many transactions they have had since before. PostgreSQL before 15 collects its numbers
// with up to half a second of delay, so they may have to be asked for again.
func (d *demo) counted(ctx context.Context, before map[*pgsplittest.Server]int64, l *load) (map[*pgsplittest.Server]int64, error) {
	for try := 0; ; try++ {
		after, err := d.transactions(ctx)
		if err != nil {
			return nil, err
		}
		complete := true
		for s, n := range before {
			after[s] -= n
			complete = complete && after[s] >= l.sent[s].total()
		}
		if complete || try == 20 {
			return after, nil
		}
		sleep(ctx, 100*time.Millisecond)
	}
}

func (d *demo) shareTable(l *load, counted map[*pgsplittest.Server]int64) {
	reads, writes := l.answered(d.servers...)
	d.Gap()
	rows := [][]screen.Cell{{
		{}, {}, screen.Text("share of all statements").As(screen.Dim), {},
		screen.Number("reads").As(screen.Dim), screen.Number("writes").As(screen.Dim),
		screen.Number("transactions that").As(screen.Dim),
	}, {
		{}, {}, {}, {}, {}, {}, screen.Number("the server counted").As(screen.Dim),
	}}
	for _, s := range d.servers {
		n := l.sent[s]
		rows = append(rows, []screen.Cell{
			d.label(s), screen.Text(d.address(s)).As(screen.Dim),
			screen.Text(screen.Bar(ratio(n.total(), reads+writes), 30)).As(d.style(s)),
			screen.Number(screen.Percent(n.total(), reads+writes)),
			screen.Number(screen.Count(n.reads.Load())), screen.Number(screen.Count(n.writes.Load())),
			screen.Number(screen.Count(counted[s])),
		})
	}
	d.Table(rows...)
	d.Gap()
	d.Line("%s statements, of which the primary ran %s. Without replicas it would have run them all.",
		screen.Count(reads+writes), screen.Count(l.sent[d.primary()].total()))
	d.Gap()
}

func (d *demo) shareClaims(l *load, counted map[*pgsplittest.Server]int64, took time.Duration) {
	reads, writes := l.answered(d.servers...)
	replicaReads, replicaWrites := l.answered(d.replicas()...)
	d.claim(l.failed.Load()+l.broken.Load() == 0, "none of %s statements failed%s", screen.Count(reads+writes), l.failures())
	d.claim(writes > 0 && replicaWrites == 0, "all %s writes ran on the primary", screen.Count(writes))
	// A machine that is busy with other things may make a replica look ill for a moment, and its reads go to the primary:
	// half is far from that and far from chance.
	d.claim(2*replicaReads > reads, "replicas answered %s of %s reads", screen.Percent(replicaReads, reads), screen.Count(reads))
	spread := true
	for _, s := range d.replicas() {
		// A fair part, with room for the same moments.
		spread = spread && 4*l.sent[s].reads.Load()*int64(len(d.replicas())) > replicaReads
	}
	if len(d.replicas()) > 1 {
		d.claim(spread, "the reads were spread over all replicas")
	}
	// What a server counts beyond the statements: each connection prepares each of them once, and pgsplit looks at it.
	extra := int64(2*workers*len(stories.Operations)) + 50*int64(took/time.Second+1) + 100
	agree := true
	for _, s := range d.servers {
		agree = agree && counted[s] >= l.sent[s].total() && counted[s] <= l.sent[s].total()+extra
	}
	d.claim(agree, "the servers' own counters (pg_stat_database) agree")
}

func ratio(part, whole int64) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

// sleep waits, at most until the context ends.
func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
