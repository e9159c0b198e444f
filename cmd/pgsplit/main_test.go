package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pgsplit/pgsplit/cmd/pgsplit/internal/demo"
)

// asCommand makes the test binary behave as the command: see TestMain.
const asCommand = "PGSPLIT_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// replaceDemo makes the demo do something else for one test.
func replaceDemo(t *testing.T, run func(context.Context, io.Writer, demo.Options) error) {
	real := runDemo
	t.Cleanup(func() { runDemo = real })
	runDemo = run
}

func TestWrongCommandLineIsStatus2WithUsageOnStderr(t *testing.T) {
	replaceDemo(t, func(context.Context, io.Writer, demo.Options) error {
		t.Error("the demo runs")
		return nil
	})
	for _, test := range []struct {
		args []string
		want string
	}{
		{nil, "Usage: pgsplit <command>"},
		{[]string{"demonstrate"}, `there is no command "demonstrate"`},
		{[]string{"help", "me"}, `there is no command "me"`},
		{[]string{"demo", "-replica", "2"}, "flag provided but not defined: -replica"},
		{[]string{"demo", "-replicas", "0"}, "-replicas is 0, and can be 1 to 8"},
		{[]string{"demo", "-replicas", "99"}, "-replicas is 99, and can be 1 to 8"},
		{[]string{"demo", "-duration", "0"}, "-duration is 0s, and has to be more than 0"},
		{[]string{"demo", "-duration", "fast"}, `invalid value "fast" for flag -duration`},
		{[]string{"demo", "now"}, `"now" is not a flag`},
	} {
		var stdout, stderr bytes.Buffer
		status := run(t.Context(), test.args, &stdout, &stderr)
		if status != 2 || stdout.Len() > 0 || !strings.Contains(stderr.String(), test.want) || !strings.Contains(stderr.String(), "Usage: pgsplit") {
			t.Errorf("%q: status %d, out %q, error %q", test.args, status, &stdout, &stderr)
		}
	}
}

func TestHelpIsStatus0OnStdout(t *testing.T) {
	for want, args := range map[string][]string{
		"  demo     start a primary": {"help"},
		"  demo     start":           {"--help"},
		"  -duration long":           {"help", "demo"},
		"  -replicas many":           {"demo", "-h"},
	} {
		var stdout, stderr bytes.Buffer
		if status := run(t.Context(), args, &stdout, &stderr); status != 0 || stderr.Len() > 0 || !strings.Contains(stdout.String(), want) {
			t.Errorf("%q: status %d, error %q, out %s", args, status, &stderr, &stdout)
		}
	}
}

func TestFlagsReachTheDemo(t *testing.T) {
	var got demo.Options
	replaceDemo(t, func(_ context.Context, _ io.Writer, opts demo.Options) error {
		got = opts
		return nil
	})
	var out bytes.Buffer
	for _, args := range []string{"demo", "demo --replicas 3 --duration 9s --hold --version 16"} {
		if status := run(t.Context(), strings.Fields(args), &out, &out); status != 0 {
			t.Fatalf("%s: status %d: %s", args, status, &out)
		}
		if args == "demo" && (got.Replicas != 2 || got.Duration != 4*time.Second || got.Hold || got.Version != "") {
			t.Errorf("defaults %+v", got)
		}
	}
	if got.Replicas != 3 || got.Duration != 9*time.Second || !got.Hold || got.Version != "16" {
		t.Errorf("options %+v", got)
	}
}

func TestWhatWentWrongIsStatus1OnStderr(t *testing.T) {
	for _, want := range []error{fmt.Errorf("%w: 1 of 14 failed", demo.ErrClaim), errors.New("no PostgreSQL found")} {
		replaceDemo(t, func(context.Context, io.Writer, demo.Options) error { return want })
		var stdout, stderr bytes.Buffer
		status := run(t.Context(), []string{"demo"}, &stdout, &stderr)
		if status != 1 || stderr.String() != "pgsplit demo: "+want.Error()+"\n" {
			t.Errorf("%v: status %d, error %q", want, status, &stderr)
		}
	}
}

func TestSignalDecidesTheStatus(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	replaceDemo(t, func(ctx context.Context, _ io.Writer, _ demo.Options) error {
		cancel(signalled{syscall.SIGTERM})
		return errors.Join(demo.ErrClaim, ctx.Err())
	})
	var stdout, stderr bytes.Buffer
	if status := run(ctx, []string{"demo"}, &stdout, &stderr); status != 143 || !strings.Contains(stderr.String(), "ended by signal: terminated") {
		t.Errorf("status %d, error %q", status, &stderr)
	}
}
