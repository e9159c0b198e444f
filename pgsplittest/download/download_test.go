package download_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/ulikunitz/xz"

	"github.com/pgsplit/pgsplit/pgsplittest"
	"github.com/pgsplit/pgsplit/pgsplittest/download"
)

// The programs of a mirror's archive run a cluster, although none are installed
// as far as pgsplittest can see. They are the installed ones, with what they look
// for beside themselves; some builds look elsewhere for the rest.
func TestClusterFromDownloadedPrograms(t *testing.T) {
	ctx := context.Background()
	installed, err := pgsplittest.FindPrograms(ctx, pgsplittest.Options{})
	require.NoError(t, err)
	files := map[string]string{}
	for _, pattern := range []string{"bin/initdb", "bin/pg_ctl", "bin/postgres", "lib/*.so", "share/*", "share/*/*", "share/*/*/*"} {
		found, err := filepath.Glob(filepath.Join(filepath.Dir(installed.Dir), pattern))
		require.NoError(t, err)
		for _, path := range found {
			// The compiler for queries is as large as all else, and is not needed.
			if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() || strings.Contains(path, "llvm") {
				continue
			}
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			name, err := filepath.Rel(filepath.Dir(installed.Dir), path)
			require.NoError(t, err)
			files[name] = string(text)
		}
	}
	begin := time.Now()
	mirror := startMirror(t, files)
	t.Logf("packed %d files, %d bytes in %v", len(files), len(mirror.archive), time.Since(begin))
	cache := useCache(t)

	for _, asked := range []int32{2, 2} { // the archive and its checksum, and nothing the second time
		c := pgsplittest.Start(t, pgsplittest.Options{Replicas: 1, Version: installed.Version, IgnoreInstalled: true, SetupSQL: "create table t (); insert into t default values"})
		n, err := c.Replicas[0].QueryString("select count(*) from t")
		require.NoError(t, err)
		require.Equal(t, "1", n)
		running, err := c.Primary.QueryString("select setting from pg_config where name = 'BINDIR'")
		require.NoError(t, err)
		require.Contains(t, running, cache)
		require.Equal(t, asked, mirror.answered.Load())
	}
	left, err := filepath.Glob(filepath.Join(cache, "download-*"))
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestVersions(t *testing.T) {
	mirror := startMirror(t, map[string]string{"bin/initdb": "#!/bin/sh\nexit 1\n", "bin/pg_ctl": "", "bin/postgres": ""})
	for version, release := range map[string]string{"": `18\.\d+\.0`, "15": `15\.\d+\.0`, "14.9": `14\.9\.0`, "16.1.0": `16\.1\.0`} {
		cache := useCache(t)
		bin, err := download.Programs(context.Background(), version)
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(bin, cache), bin)
		require.Regexp(t, regexp.MustCompile(`-`+release+`\.jar`), mirror.last.Load())
	}
}

func TestFailuresLeaveNothing(t *testing.T) {
	cache := useCache(t)
	_, err := func() (string, error) {
		mirror := startMirror(t, nil)
		mirror.Close()
		return download.Programs(context.Background(), "15")
	}()
	require.ErrorContains(t, err, "download PostgreSQL: ")

	startMirror(t, nil) // an archive without programs
	_, err = download.Programs(context.Background(), "15")
	require.Error(t, err)

	mirror := startMirror(t, map[string]string{"bin/initdb": "#!/bin/sh\nexit 1\n", "bin/postgres": ""})
	mirror.checksum = "0"
	_, err = download.Programs(context.Background(), "15")
	require.ErrorContains(t, err, "checksums do not match")

	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = download.Programs(cancelled, "15")
	require.ErrorIs(t, err, context.Canceled)

	left, err := os.ReadDir(cache)
	require.NoError(t, err)
	require.Empty(t, left)
}

func useCache(t *testing.T) string {
	t.Helper()
	// Not t.TempDir: for root, another account runs the programs.
	cache, err := os.MkdirTemp("/tmp", "pgsplittest-download-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(cache)) })
	require.NoError(t, os.Chmod(cache, 0o755))
	t.Setenv(pgsplittest.EnvCacheDir, cache)
	t.Setenv("TMPDIR", t.TempDir()) // the library leaves its log there
	return cache
}

// mirror serves one archive for every version.
type mirror struct {
	*httptest.Server
	archive  []byte
	checksum string
	answered atomic.Int32
	last     atomic.Value // the path of the last archive that was asked for
}

func startMirror(t *testing.T, files map[string]string) *mirror {
	t.Helper()
	m := &mirror{archive: archiveOf(t, files)}
	sum := sha256.Sum256(m.archive)
	m.checksum = hex.EncodeToString(sum[:])
	m.Server = httptest.NewServer(m)
	t.Cleanup(m.Close)
	t.Setenv(download.EnvRepository, m.URL+"/")
	return m
}

func (m *mirror) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := fmt.Sprintf("/io/zonky/test/postgres/embedded-postgres-binaries-%s-", runtime.GOOS)
	if !strings.HasPrefix(r.URL.Path, name) {
		http.NotFound(w, r)
		return
	}
	m.answered.Add(1)
	if strings.HasSuffix(r.URL.Path, ".sha256") {
		io.WriteString(w, m.checksum)
		return
	}
	m.last.Store(r.URL.Path)
	w.Write(m.archive)
}

// archiveOf packs files as the repository does: a jar, which is a zip, with a
// tar inside that xz has compressed.
func archiveOf(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var jar bytes.Buffer
	outer := zip.NewWriter(&jar)
	inner, err := outer.Create("postgres-" + runtime.GOOS + "-x86_64.txz")
	require.NoError(t, err)
	compressed, err := xz.WriterConfig{DictCap: 1 << 16}.NewWriter(inner)
	require.NoError(t, err)
	archive := tar.NewWriter(compressed)
	for name, text := range files {
		require.NoError(t, archive.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(text)), Typeflag: tar.TypeReg}))
		_, err := io.WriteString(archive, text)
		require.NoError(t, err)
	}
	require.NoError(t, archive.Close())
	require.NoError(t, compressed.Close())
	require.NoError(t, outer.Close())
	return jar.Bytes()
}
