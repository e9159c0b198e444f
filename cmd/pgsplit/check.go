package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/pgsplit/pgsplit"
)

var checkCommand = command{
	name:    "check",
	summary: "say how the servers of a DSN are, and what is wrong with them",
	about: `Asks every server of a DSN for its role, timeline, lag and connections, as an application with that DSN would see
them, and names what is wrong and what is likely to go wrong.

  pgsplit check 'postgres://app@pg1,pg2,pg3/stories?alert_lag=500ms'

The DSN is that of the application; alert_lag (default 1s) and alert_connections (default 80, in percent) in it say when
there is an alert. Passwords come from the DSN, PGPASSWORD, or the password file, as usual. Nothing is written.

The status is 0 if all is well, 1 if there is an alert, 2 if the command line or the DSN is wrong. Advice changes nothing
of that.
`,
	prepare: func(flags *flag.FlagSet) func(context.Context, io.Writer, []string) error {
		var c check
		flags.BoolVar(&c.json, "json", false, "write one JSON object in place of a table")
		flags.DurationVar(&c.timeout, "timeout", 3*time.Second, "how `long` a server may take to answer")
		return func(ctx context.Context, out io.Writer, args []string) error {
			switch {
			case len(args) != 1:
				return fmt.Errorf("%w: write one DSN, not %d", errUsage, len(args))
			case c.timeout <= 0:
				return fmt.Errorf("%w: -timeout is %v, and has to be more than 0", errUsage, c.timeout)
			}
			cfg, err := pgsplit.ParseConfig(args[0])
			if err != nil {
				return fmt.Errorf("%w: %w", errUsage, err)
			}
			return c.run(ctx, out, cfg)
		}
	},
}

// errUnhealthy is what check returns, wrapped, when there are alerts.
var errUnhealthy = errors.New("not healthy")

// check looks at a cluster once.
type check struct {
	json    bool
	timeout time.Duration
}

func (c check) run(ctx context.Context, out io.Writer, cfg *pgsplit.Config) error {
	cfg.MonitorTimeout = c.timeout
	db, err := pgsplit.OpenDB(cfg)
	if err != nil {
		return err
	}
	defer db.Close()
	health := pgsplit.ClusterOf(db).Health(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if c.json {
		err = writeHealthJSON(out, health)
	} else {
		writeHealth(out, health)
	}
	if err == nil && !health.Healthy {
		err = fmt.Errorf("%w: %d to see to", errUnhealthy, len(health.Alerts))
	}
	return err
}
