//go:build unix

package pgsplittest_test

import (
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit/pgsplittest"
)

func TestServersDoNotRunAsRoot(t *testing.T) {
	c := pgsplittest.Start(t, pgsplittest.Options{})
	info, err := os.Stat(c.Primary.DataDir())
	require.NoError(t, err)
	require.NotZero(t, info.Sys().(*syscall.Stat_t).Uid)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	if uid := os.Geteuid(); uid != 0 {
		require.EqualValues(t, uid, info.Sys().(*syscall.Stat_t).Uid)
	}
}

// As root this runs the tests that matter once more as an ordinary user, who has
// an empty home; every other test runs as whoever runs the tests.
func TestOrdinaryUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("the other tests run as an ordinary user already")
	}
	nobody, err := user.Lookup("nobody")
	require.NoError(t, err)
	uid, err := strconv.Atoi(nobody.Uid)
	require.NoError(t, err)
	gid, err := strconv.Atoi(nobody.Gid)
	require.NoError(t, err)

	home := traversableTemp(t)
	program := filepath.Join(home, "pgsplittest.test")
	copyProgram(t, os.Args[0], program)
	for _, tests := range []string{
		"TestStartGivesAPrimaryAndStreamingReplicas|TestFailoverAndReturnOfTheOldPrimary|TestServersDoNotRunAsRoot",
		"TestNothingIsLeftHoweverTheTestEnds/waits_for_(interrupt|killed)",
	} {
		child := exec.Command(program, "-test.v", "-test.count=1", "-test.run", tests)
		child.Dir = home
		child.Env = []string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), pgsplittest.EnvDir + "=" + home,
			pgsplittest.EnvBinDir + "=" + os.Getenv(pgsplittest.EnvBinDir)}
		child.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
		output, err := child.CombinedOutput()
		t.Logf("%s", output)
		require.NoError(t, err)
		require.Contains(t, string(output), "--- PASS: ")
	}
}

func copyProgram(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	require.NoError(t, err)
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	require.NoError(t, err)
	_, err = io.Copy(out, in)
	require.NoError(t, err)
	require.NoError(t, out.Close())
}
