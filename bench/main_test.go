package main_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// bench is the command, built without the race detector, which would measure itself.
var bench string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "pgsplit-bench-")
	if err == nil {
		bench = filepath.Join(dir, "bench")
		var out []byte
		if out, err = exec.Command("go", "build", "-race=false", "-o", bench, ".").CombinedOutput(); err != nil {
			err = fmt.Errorf("%w: %s", err, out)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	status := m.Run()
	os.RemoveAll(dir)
	os.Exit(status)
}

// run runs the command and returns what it printed.
func run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, bench, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // its servers end with it
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.CombinedOutput()
	t.Logf("bench %v\n%s", args, out)
	return string(out), err
}

// The few percent of time are for the command to judge, on a machine that does nothing else: in a test run other tests share
// the caches. Allocations do not depend on that.
func TestPgsplitAddsNoAllocationsToAStatement(t *testing.T) {
	out, _ := run(t, "exact", "-short")
	require.Contains(t, out, "INSERT     2           replica, strict", "the table is whole")
	require.NotContains(t, out, "allocations more than pgx")
}

var loopback = regexp.MustCompile(`A SELECT of one row over loopback, plain pgx: (\S+)\. `)

func TestTheExactFiguresNoticeADefect(t *testing.T) {
	// What a machine's loopback takes decides how much time is too much: the first two runs tell, the third needs it.
	spin := 20 * time.Microsecond
	for _, test := range []struct{ fault, complaint string }{
		{"trips=1", "(ns|allocations) more than pgx"}, // over a network its time shows
		{"allocs=2", "allocations more than pgx"},
		{"spin", "ns more than pgx"},
	} {
		fault, complaint := test.fault, test.complaint
		if fault == "spin" {
			fault += "=" + spin.String()
		}
		out, err := run(t, "exact", "-short", "-goroutines", "1", "-fault", fault)
		require.Error(t, err, fault)
		full := loopback.FindStringSubmatch(out)
		require.Len(t, full, 2)
		took, err := time.ParseDuration(full[1])
		require.NoError(t, err)
		spin = max(spin, took/10) // three times what is allowed
		for _, config := range []string{"one server", "replica", "replica, strict"} {
			for _, statement := range []string{"SELECT", "INSERT"} {
				require.Regexp(t, fmt.Sprintf(`(?m)^%s, %s, 1 goroutines: .*%s`, statement, config, complaint), out, fault)
			}
		}
	}
}

// A machine that is busy with something else may hold up a server for so long that more of it is in use at once: that passes.
func TestServersGetTheConnectionsThatAreInUseAtOnce(t *testing.T) {
	var err error
	for range 3 {
		var out string
		if out, err = run(t, "connections", "-short"); err == nil {
			require.Regexp(t, `pgsplit, after the load +[0-4] +[0-4] +[0-4]`, out)
			return
		}
	}
	require.NoError(t, err)
}

// How fast servers are in a test run says nothing; that the command measures, and notices what is slow, can be seen.
func TestTheSpeedFiguresNoticeADefect(t *testing.T) {
	for command, first := range map[string]string{"speed": "plain pgx", "scopes": "off"} {
		out, err := run(t, command, "-short", "-goroutines", "4", "-fault", "spin=1ms")
		require.Error(t, err)
		for _, statement := range []string{"SELECT", "INSERT"} {
			require.Regexp(t, `(?m)^`+statement+` +4 +0\.\d+ \[`, out, "the table is whole")
			require.Regexp(t, `(?m)^`+statement+`, 4 goroutines: .* of `+first+`'s throughput`, out)
		}
	}
}
