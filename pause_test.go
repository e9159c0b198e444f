//go:build unix

package pgsplit_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
	"github.com/pgsplit/pgsplit/pgsplittest"
)

// A process that stood still finds the servers as well as it has left them.
func TestAPauseOfTheProcessIsNotTakenForSilence(t *testing.T) {
	if dsn := os.Getenv("PGSPLIT_TEST_PAUSED"); dsn != "" {
		pausedProcess(t, dsn)
		return
	}
	t.Parallel() // it mostly waits
	c := pgsplittest.Start(t, pgsplittest.Options{Replicas: 2, SetupSQL: behaviourSchema, Proxy: true})
	for _, s := range c.Servers() { // so that there is nearly always a question under way
		s.Proxy().Latency(30 * time.Millisecond)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), "PGSPLIT_TEST_PAUSED="+dsnWith(c.DSN(), "monitor_timeout=400ms", "monitor_interval=10ms", "max_lag=0"))
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	defer cmd.Wait()
	defer cmd.Process.Kill()
	var told strings.Builder
	lines := bufio.NewScanner(stdout)
	for lines.Scan() && lines.Text() != "ready" {
		told.WriteString(lines.Text() + "\n")
	}
	for range 12 {
		require.NoError(t, cmd.Process.Signal(syscall.SIGSTOP), told.String())
		time.Sleep(600 * time.Millisecond)
		require.NoError(t, cmd.Process.Signal(syscall.SIGCONT))
		time.Sleep(150 * time.Millisecond)
	}
	require.NoError(t, stdin.Close())
	for lines.Scan() {
		told.WriteString(lines.Text() + "\n")
	}
	require.Contains(t, told.String(), "\n0 left\n")
}

// pausedProcess uses a handle until its input ends, and tells how often a server was taken out.
func pausedProcess(t *testing.T, dsn string) {
	cfg, err := pgsplit.ParseConfig(dsn)
	require.NoError(t, err)
	left := make(chan string, 100)
	cfg.Trace = &pgsplit.Trace{ServerOut: func(i pgsplit.ServerOutInfo) { left <- fmt.Sprint(i) }}
	db, err := pgsplit.OpenDB(cfg)
	require.NoError(t, err)
	defer db.Close()
	replicasServe(t, db, 2)
	for len(left) > 0 {
		<-left
	}
	fmt.Println("ready")
	io.Copy(io.Discard, os.Stdin)
	fmt.Println(len(left), "left")
	for len(left) > 0 {
		fmt.Println(<-left)
	}
}
