//go:build unix

package pgsplittest_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit/pgsplittest"
)

// endingVariable makes the test binary a child of itself, which starts a
// cluster and ends in the way that the variable names.
const endingVariable = "PGSPLITTEST_ENDING"

var endings = map[string]func(t *testing.T, c *pgsplittest.Cluster){
	"passes":                    func(*testing.T, *pgsplittest.Cluster) {},
	"fails":                     func(t *testing.T, _ *pgsplittest.Cluster) { t.Fatal("as planned") },
	"panics":                    func(*testing.T, *pgsplittest.Cluster) { panic("as planned") },
	"exits":                     func(*testing.T, *pgsplittest.Cluster) { os.Exit(3) },
	"panics in the background":  func(*testing.T, *pgsplittest.Cluster) { go panic("as planned"); select {} },
	"waits":                     func(*testing.T, *pgsplittest.Cluster) { time.Sleep(time.Hour) },
	"waits with frozen servers": func(t *testing.T, c *pgsplittest.Cluster) { time.Sleep(time.Hour) },
}

func TestNothingIsLeftHoweverTheTestEnds(t *testing.T) {
	if ending := os.Getenv(endingVariable); ending != "" {
		c := pgsplittest.Start(t, pgsplittest.Options{Replicas: 1})
		if strings.Contains(ending, "frozen") {
			require.NoError(t, c.Primary.Freeze())
			require.NoError(t, c.Replicas[0].Freeze())
		}
		fmt.Println("\nfolder", filepath.Dir(filepath.Dir(c.Primary.DataDir())))
		endings[ending](t, c)
		return
	}
	for ending, signals := range map[string][]syscall.Signal{
		"passes": {0}, "fails": {0}, "panics": {0}, "exits": {0}, "panics in the background": {0},
		"waits":                     {syscall.SIGINT, syscall.SIGTERM, syscall.SIGKILL},
		"waits with frozen servers": {syscall.SIGINT, syscall.SIGKILL},
	} {
		for _, sig := range signals {
			name := ending
			if sig != 0 {
				name += " for " + sig.String()
			}
			t.Run(name, func(t *testing.T) { endChild(t, ending, sig) })
		}
	}
}

func endChild(t *testing.T, ending string, sig syscall.Signal) {
	child := exec.Command(os.Args[0], "-test.run=^"+strings.Split(t.Name(), "/")[0]+"$", "-test.count=1")
	child.Env = append(os.Environ(), endingVariable+"="+ending)
	child.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	output, err := child.StdoutPipe()
	require.NoError(t, err)
	child.Stderr = child.Stdout
	require.NoError(t, child.Start())
	group := -child.Process.Pid
	defer syscall.Kill(group, syscall.SIGKILL)

	var folder string
	var all strings.Builder
	lines := bufio.NewScanner(output)
	for folder == "" && lines.Scan() {
		fmt.Fprintln(&all, lines.Text())
		if f, ok := strings.CutPrefix(lines.Text(), "folder "); ok {
			folder = f
		}
	}
	require.NotEmpty(t, folder, all.String())
	if sig != 0 {
		require.NotEmpty(t, inFolder(t, folder), "servers run")
		// To the whole group, as a terminal does with Ctrl-C.
		require.NoError(t, syscall.Kill(group, sig))
	}
	for lines.Scan() { // nobody must hold the output open for long
		fmt.Fprintln(&all, lines.Text())
	}
	err = child.Wait()
	require.Equal(t, ending == "passes", err == nil, "%v\n%s", err, all.String())
	requireNothingIn(t, folder)
}

func TestNothingIsLeftOfAStartThatIsKilled(t *testing.T) {
	for _, after := range []time.Duration{100, 400, 800, 1200} {
		t.Run((after * time.Millisecond).String(), func(t *testing.T) {
			temp := traversableTemp(t)
			child := exec.Command(os.Args[0], "-test.run=^TestFreshSystemsDiffer$", "-test.count=1")
			child.Env = append(os.Environ(), pgsplittest.EnvDir+"="+temp)
			require.NoError(t, child.Start())
			time.Sleep(after * time.Millisecond)
			require.NoError(t, child.Process.Kill())
			require.Error(t, child.Wait())
			require.Eventually(t, func() bool {
				left, err := os.ReadDir(temp)
				return err == nil && len(left) == 0 && len(inFolder(t, temp)) == 0
			}, 20*time.Second, 100*time.Millisecond)
		})
	}
}

// requireNothingIn fails unless the folder goes away, and every process with it.
func requireNothingIn(t *testing.T, folder string) {
	t.Helper()
	end := time.Now().Add(20 * time.Second)
	for {
		_, err := os.Stat(folder)
		left := inFolder(t, folder)
		if os.IsNotExist(err) && len(left) == 0 {
			return
		}
		require.True(t, time.Now().Before(end), "%v, still running: %v", err, left)
		time.Sleep(100 * time.Millisecond)
	}
}

// inFolder lists the processes that name the folder or, on Linux, work in it.
func inFolder(t *testing.T, folder string) []string {
	t.Helper()
	out, err := exec.Command("ps", "-A", "-o", "pid=,stat=,args=").Output()
	require.NoError(t, err)
	var found []string
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		cwd, _ := os.Readlink("/proc/" + fields[0] + "/cwd")
		if !strings.HasPrefix(fields[1], "Z") && (strings.HasPrefix(cwd, folder+"/") || strings.Contains(line, folder)) {
			found = append(found, line)
		}
	}
	return found
}
