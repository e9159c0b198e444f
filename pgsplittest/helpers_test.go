package pgsplittest_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit/pgsplittest"
)

const itemsTable = "create table items (id int)"

func insertItem(t *testing.T, s *pgsplittest.Server) {
	t.Helper()
	require.NoError(t, s.Exec("insert into items values (1)"))
}

func countItems(t *testing.T, s *pgsplittest.Server) string {
	t.Helper()
	n, err := s.QueryString("select count(*) from items")
	require.NoError(t, err)
	return n
}

// requireItemsStay fails when the number of items on the server changes within the time.
func requireItemsStay(t *testing.T, s *pgsplittest.Server, want string, during time.Duration) {
	t.Helper()
	for end := time.Now().Add(during); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		require.Equal(t, want, countItems(t, s))
	}
}

// processes maps each process of the system to its parent and state, without
// those that are dead and only not waited for.
func processes(t *testing.T) map[int]int {
	t.Helper()
	out, err := exec.Command("ps", "-A", "-o", "pid=,ppid=,stat=").Output()
	require.NoError(t, err)
	parents := map[int]int{}
	for line := range strings.Lines(string(out)) {
		var pid, parent int
		var state string
		_, err := fmt.Sscan(line, &pid, &parent, &state)
		require.NoError(t, err)
		if !strings.HasPrefix(state, "Z") {
			parents[pid] = parent
		}
	}
	return parents
}

func childrenOf(t *testing.T, parent int) []int {
	t.Helper()
	var children []int
	for pid, p := range processes(t) {
		if p == parent {
			children = append(children, pid)
		}
	}
	return children
}

func processExists(t *testing.T, pid int) bool {
	t.Helper()
	_, ok := processes(t)[pid]
	return ok
}

// traversableTemp is t.TempDir for other accounts too.
func traversableTemp(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "pgsplittest-test-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o777))
	return dir
}
