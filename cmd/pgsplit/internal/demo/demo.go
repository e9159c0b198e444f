// Package demo shows on real servers what pgsplit does: it starts a primary with replicas, runs the stories site on them
// through plain database/sql, and says of each thing that it claims whether it held.
package demo

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	_ "github.com/pgsplit/pgsplit" // registers the driver "pgsplit"

	"github.com/pgsplit/pgsplit/cmd/pgsplit/internal/screen"
	"github.com/pgsplit/pgsplit/internal/stories"
)

// Options say what to show. NewOptions has the defaults.
type Options struct {
	Replicas int           // how many replicas to start, at least 1
	Duration time.Duration // how long the site is under load
	Hold     bool          // at the end, leave the servers up until the context ends
	Version  string        // of PostgreSQL, as pgsplittest.Options.Version

	patience time.Duration // how long servers may take to be used again, or not any more

	// openDSN is what the site opens instead of the cluster's DSN: tests break the demo's claims with it.
	openDSN func(dsn string) string
}

// NewOptions returns the defaults: two replicas and four seconds.
func NewOptions() Options {
	return Options{Replicas: 2, Duration: 4 * time.Second, patience: 20 * time.Second}
}

// ErrClaim is what Run returns, wrapped, when something that it printed did not hold.
var ErrClaim = errors.New("not all that was claimed has held")

// size is what the site is seeded with.
var size = stories.Small

// demo is one run of it.
type demo struct {
	*screen.Screen
	*cluster
	opts Options
	made []claim
}

// Run shows the demo on out. It returns when all is shown and the servers are gone, early when the context ends.
func Run(ctx context.Context, out io.Writer, opts Options) (err error) {
	d := &demo{Screen: screen.New(out), opts: opts}
	d.Line("%s: one application, one sql.DB, %s", d.Paint(screen.Bold, "pgsplit demo"), plural(1+opts.Replicas, "PostgreSQL server"))
	d.Gap()
	if err := d.start(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()

	for _, show := range []func(context.Context) error{d.introduce, d.tour, d.share, d.freshness, d.outage, d.lag, d.failover} {
		if err := show(ctx); err != nil {
			return err
		}
	}
	err = d.verdict()
	if opts.Hold {
		return errors.Join(err, d.hold(ctx))
	}
	d.Line("With -hold the servers stay up, for you to try it on.")
	return err
}

// introduce seeds the site and shows what an application has to do: one line.
func (d *demo) introduce(ctx context.Context) error {
	p := d.Progress("seeding a stories site with %s users and %s stories", screen.Count(size.Users), screen.Count(size.Stories))
	if err := d.seed(ctx); err != nil {
		p.Failed("stopped")
		return err
	}
	p.Done("ready")
	d.Gap()
	d.picture()
	d.Gap()
	d.Line("The application opens one database, and knows nothing of the rest:")
	d.Gap()
	d.Line("    db, err := sql.Open(%q, %q)", "pgsplit", d.publicDSN())
	return nil
}

// picture draws what stands between the application and the servers.
func (d *demo) picture() {
	stem := "sql.DB ── pgsplit ─"
	rows := [][]screen.Cell{}
	for i, s := range d.servers {
		branch, serves := stem+"┬─", "writes, transactions, and whatever is not certain to be a read"
		if i > 0 {
			branch, serves = strings.Repeat(" ", utf8.RuneCountInString(stem))+"├─", "reads"
		}
		if i == len(d.servers)-1 {
			branch = strings.Replace(branch, "├", "└", 1)
		}
		rows = append(rows, []screen.Cell{
			screen.Text(branch), d.label(s), screen.Text(d.address(s)).As(screen.Dim), screen.Text(serves),
		})
	}
	d.Table(rows...)
}

// seed writes the site's tables on the primary, as a migration would have, and waits until all replicas have them.
func (d *demo) seed(ctx context.Context) error {
	db, err := sql.Open("pgx", d.primary().DSN())
	if err != nil {
		return err
	}
	defer db.Close()
	site := stories.New(db)
	if err := site.Create(ctx); err != nil {
		return err
	}
	if err := site.Seed(ctx, size); err != nil {
		return err
	}
	return d.WaitForCatchUp()
}

// open opens the site's database as an application would; settings are added to the DSN. It returns when every replica
// has been looked at, so that what is shown next does not hang on who asks first.
func (d *demo) open(ctx context.Context, settings string) (*sql.DB, error) {
	// A machine that stands still for a moment is no reason for a replica to be left out.
	dsn := d.DSN() + "&monitor_timeout=5s" + settings
	if d.opts.openDSN != nil {
		dsn = d.opts.openDSN(dsn)
	}
	db, err := sql.Open("pgsplit", dsn)
	if err != nil {
		return nil, err
	}
	if _, err := d.warm(ctx, db, min(d.opts.patience, 10*time.Second)); err != nil {
		return nil, errors.Join(fmt.Errorf("open the site's database: %w", err), db.Close())
	}
	return db, nil
}

// warm reads until every replica has answered, or the time is up; it says whether all have. pgsplit looks at the servers
// when the first statement comes, and reads go to the primary until a replica is known to be well.
func (d *demo) warm(ctx context.Context, db *sql.DB, atMost time.Duration) (all bool, err error) {
	deadline := time.Now().Add(atMost)
	answered := map[string]bool{}
	for len(answered) < len(d.replicas()) {
		if time.Now().After(deadline) {
			return false, nil
		}
		var w watch
		if _, err := stories.New(db).User(w.in(ctx), 1); err != nil {
			return false, err
		}
		if s := d.byAddress[w.route.Server.Name]; s != nil && !d.isPrimary(s) {
			answered[s.Name] = true
			continue
		}
		sleep(ctx, 5*time.Millisecond)
	}
	return true, nil
}
