package verify_test

import (
	"flag"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit/internal/broken"
	"github.com/pgsplit/pgsplit/internal/verify"
	"github.com/pgsplit/pgsplit/pgsplittest"
)

// earlyMark: how soon reads overtake the commit behind a large result is a matter of the machine, from seconds to minutes.
var earlyMark = flag.Bool("earlymark", false, "run the checker without the rule that a write counts when its rows have ended, until it finds violations")

// Each rule is there for a reason: without it, the checker finds what must not be.
func TestWithoutARuleThereAreViolations(t *testing.T) {
	c := pgsplittest.Start(t, pgsplittest.Options{Replicas: 2})
	for name, test := range map[string]struct {
		rule *atomic.Bool
		opts verify.Options
	}{
		"write position": {&broken.WritePosition, verify.Options{Params: "&synchronous_commit=off", Workers: 8, Think: 2 * time.Millisecond}},
		"early mark":     {&broken.EarlyMark, verify.Options{Huge: true, Workers: 6}},
	} {
		t.Run(name, func(t *testing.T) {
			rounds := 8
			if test.rule == &broken.EarlyMark {
				if !*earlyMark {
					t.Skip("run with -earlymark: it may take minutes")
				}
				rounds = 100
			}
			test.opts.DSN, test.opts.Mode, test.opts.Duration = c.DSN(), verify.On, 3*time.Second
			report := check(t, test.opts)
			require.Zero(t, report.Violations(), "with the rule")
			test.rule.Store(true)
			defer test.rule.Store(false)
			for range rounds { // it is a matter of time
				if report = check(t, test.opts); report.Stale > 0 {
					break
				}
			}
			require.NotZero(t, report.Stale, "without the rule")
		})
	}
}
