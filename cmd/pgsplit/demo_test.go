package main

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"io"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
)

// start starts the command as a process of its own. It is killed when the test has not ended it.
func start(t *testing.T, args ...string) (cmd *exec.Cmd, stdout *bufio.Reader, stderr *bytes.Buffer) {
	t.Helper()
	cmd = exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), asCommand+"=1")
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr = new(bytes.Buffer)
	cmd.Stderr = stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(3*time.Minute, func() { cmd.Process.Kill() })
	t.Cleanup(func() {
		timer.Stop()
		cmd.Process.Kill()
		cmd.Wait()
	})
	return cmd, bufio.NewReader(pipe), stderr
}

// readUntil returns the output up to the line that contains text.
func readUntil(t *testing.T, out *bufio.Reader, text string) string {
	t.Helper()
	var all strings.Builder
	for {
		line, err := out.ReadString('\n')
		all.WriteString(line)
		if err != nil {
			t.Fatalf("no %q before %v in:\n%s", text, err, &all)
		}
		if strings.Contains(line, text) {
			return all.String()
		}
	}
}

func interrupt(t *testing.T, cmd *exec.Cmd, out io.Reader) (rest string) {
	t.Helper()
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(out)
	cmd.Wait()
	return string(text)
}

func TestDemoOnRealServersHoldsWhatItClaims(t *testing.T) {
	cmd, out, stderr := start(t, "demo", "--duration", "1s")
	text, err := io.ReadAll(out)
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil || stderr.Len() > 0 {
		t.Errorf("%v: %s", err, stderr)
	}
	got := string(text)
	for _, want := range []string{
		"sql.Open(\"pgsplit\", \"postgres://app@127.0.0.1:",
		"✓ ok every read of the site was answered by a replica",
		"✓ ok every write ran on the primary",
		"✓ ok so did the reads that need it",
		"✓ ok none of",
		"writes ran on the primary",
		"✓ ok replicas answered",
		"✓ ok the reads were spread over all replicas",
		"✓ ok the servers' own counters (pg_stat_database) agree",
		"✓ ok off: a read right after a write can miss it",
		"✓ ok on: every read saw what was written before it",
		"✓ ok on: reads of other tables stayed on the replicas",
		"✓ ok strict: every read saw what was written before it",
		"✓ ok on and strict: once the replicas had caught up, they answered again",
		"✓ ok reads went on while replica2 was dead",
		"✓ ok replica2 answered reads again",
		"replay of replica1 is paused",
		"✓ ok reads left replica1 ",
		"✓ ok reads came back to replica1 ",
		"the primary was killed (kill -9)",
		"✓ ok reads went on without a primary",
		"at most one for each connection",
		"✓ ok writes went on, on replica1, ",
		"✓ ok the server that was the primary (primary) answered reads",
		"✓ all 24 claims held",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no line %q", want)
		}
	}
	for _, reason := range []string{"  read  ", "  writes  ", "  exec  ", "  locks  ", "  inside a transaction  ", "  forced to the primary  "} {
		if !strings.Contains(got, reason) {
			t.Errorf("no statement with the reason %q", strings.TrimSpace(reason))
		}
	}
	if strings.ContainsAny(got, "\x1b\r") {
		t.Error("escape sequences in what is no terminal")
	}
	if t.Failed() {
		t.Logf("the output:\n%s", got)
	}
}

func TestHeldServersTakeConnectionsUntilInterrupted(t *testing.T) {
	cmd, out, stderr := start(t, "demo", "--replicas", "1", "--duration", "200ms", "--hold")
	shown := readUntil(t, out, "The servers stay up")
	held := readUntil(t, out, "Ctrl-C stops the servers")

	var dsns []string
	for _, line := range strings.Split(held, "\n") {
		if _, dsn, ok := strings.Cut(line, "postgres://"); ok {
			dsns = append(dsns, "postgres://"+dsn)
		}
	}
	if len(dsns) != 3 { // all, and each alone
		t.Fatalf("DSNs %q in %s", dsns, held)
	}
	u, err := url.Parse(dsns[1])
	if err != nil {
		t.Fatal(err)
	}
	if password, ok := u.User.Password(); !ok || strings.Contains(shown, password) {
		t.Error("the password is shown before it is needed")
	}
	for i, dsn := range dsns[1:] {
		var replica bool
		if err := query(t.Context(), dsn, &replica); err != nil || replica != (i == 0) { // the demo has moved the primary
			t.Errorf("server %d: a replica: %v, %v", i, replica, err)
		}
	}

	interrupt(t, cmd, out)
	if status := cmd.ProcessState.ExitCode(); status != 130 {
		t.Errorf("status %d: %s", status, stderr)
	}
	for i, dsn := range dsns[1:] {
		if err := query(t.Context(), dsn, new(bool)); err == nil {
			t.Errorf("server %d is still there", i)
		}
	}
}

func query(ctx context.Context, dsn string, replica *bool) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		return err
	}
	defer db.Close()
	return db.QueryRowContext(ctx, `SELECT pg_is_in_recovery()`).Scan(replica)
}

func TestInterruptedDemoLeavesNothing(t *testing.T) {
	for _, at := range []string{"pgsplit demo:", "2. Who carries the load?", "was killed"} {
		folders := t.TempDir()
		t.Setenv("TMPDIR", folders)
		if err := os.Chmod(folders, 0o755); err != nil {
			t.Fatal(err)
		}
		cmd, out, stderr := start(t, "demo", "--replicas", "1", "--duration", "200ms")
		readUntil(t, out, at)
		interrupt(t, cmd, out)
		if status := cmd.ProcessState.ExitCode(); status != 128+int(syscall.SIGINT) {
			t.Errorf("interrupted at %q: status %d: %s", at, status, stderr)
		}
		if left, err := os.ReadDir(folders); err != nil || len(left) > 0 {
			t.Errorf("interrupted at %q: left are %v, %v", at, left, err)
		}
	}
}
