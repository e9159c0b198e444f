package demo

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"
)

// A demo whose claims cannot fail would show nothing: here the site runs with settings under which three do not hold.
func TestBrokenClaimIsShownAndIsAnError(t *testing.T) {
	opts := NewOptions()
	opts.Duration = 200 * time.Millisecond
	opts.patience = 3 * time.Second
	opts.openDSN = func(dsn string) string {
		if strings.Contains(dsn, loadAppName) {
			return dsn + "&replica_reads=off"
		}
		return strings.NewReplacer("read_your_writes=strict", "read_your_writes=off", "max_lag=300ms", "max_lag=0").Replace(dsn)
	}
	var out bytes.Buffer
	err := Run(t.Context(), &out, opts)
	if !errors.Is(err, ErrClaim) {
		t.Errorf("error %v", err)
	}
	for _, broken := range []string{"replicas answered 0% of", "strict: every read saw what was written before it",
		"reads left replica1 not within 3.0 s,"} {
		// Once where it is claimed, once in the verdict.
		if n := strings.Count(out.String(), "✗ FAILED "+broken); n != 2 {
			t.Errorf("%q is shown as failed %d times, want 2", broken, n)
		}
	}
	if !strings.Contains(out.String(), "✓ ok every read of the site was answered by a replica") {
		t.Error("a claim that held is not shown as such")
	}
	if t.Failed() {
		t.Logf("the output:\n%s", &out)
	}
}
