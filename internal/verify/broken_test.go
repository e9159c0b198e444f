package verify_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit/internal/broken"
	"github.com/pgsplit/pgsplit/internal/verify"
	"github.com/pgsplit/pgsplit/pgsplittest"
)

// Each rule is there for a reason: without it, the checker finds what must not be.
func TestWithoutARuleThereAreViolations(t *testing.T) {
	c := pgsplittest.Start(t, pgsplittest.Options{Replicas: 2})
	for name, test := range map[string]struct {
		rule *atomic.Bool
		opts verify.Options
	}{
		"write position": {&broken.WritePosition, verify.Options{Params: "&synchronous_commit=off", Workers: 8, Think: 2 * time.Millisecond}},
		"early mark":     {&broken.EarlyMark, verify.Options{Late: true, Workers: 5, Think: 2 * time.Millisecond, Disturb: &verify.Disturber{Cluster: c, Only: []string{"delay"}}}},
	} {
		t.Run(name, func(t *testing.T) {
			test.opts.DSN, test.opts.Mode, test.opts.Duration = c.DSN(), verify.On, 3*time.Second
			report := check(t, test.opts)
			require.Zero(t, report.Violations(), "with the rule")
			test.rule.Store(true)
			defer test.rule.Store(false)
			for range 8 { // it is a matter of time
				if report = check(t, test.opts); report.Stale > 0 {
					break
				}
			}
			require.NotZero(t, report.Stale, "without the rule")
		})
	}
}
