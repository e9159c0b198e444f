package pgsplittest_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit/pgsplittest"
)

func TestFindPrograms(t *testing.T) {
	ctx := context.Background()
	t.Setenv(pgsplittest.EnvBinDir, "")
	old, recent, beta := fakePrograms(t, "14.9"), fakePrograms(t, "97.2 (Debian 97.2-1)"), fakePrograms(t, "98beta1")
	ancient := fakePrograms(t, "9.6.24")
	t.Setenv("PATH", strings.Join([]string{t.TempDir(), ancient, old, beta, recent, os.Getenv("PATH")}, string(os.PathListSeparator)))

	t.Run("the newest first", func(t *testing.T) {
		p, err := pgsplittest.FindPrograms(ctx, pgsplittest.Options{})
		require.NoError(t, err)
		require.Equal(t, pgsplittest.Programs{Dir: beta, Version: "98beta1", Major: 98}, p)
	})

	t.Run("a version asked for", func(t *testing.T) {
		for version, dir := range map[string]string{"14": old, "14.9": old, "97": recent, "97.2": recent, "98": beta} {
			p, err := pgsplittest.FindPrograms(ctx, pgsplittest.Options{Version: version})
			require.NoError(t, err)
			require.Equal(t, dir, p.Dir, version)
		}
	})

	t.Run("a folder asked for is not replaced by another one", func(t *testing.T) {
		p, err := pgsplittest.FindPrograms(ctx, pgsplittest.Options{BinDir: old})
		require.NoError(t, err)
		require.Equal(t, old, p.Dir)
		_, err = pgsplittest.FindPrograms(ctx, pgsplittest.Options{BinDir: old, Version: "97"})
		require.ErrorContains(t, err, "is PostgreSQL 14.9, not 97")
		_, err = pgsplittest.FindPrograms(ctx, pgsplittest.Options{BinDir: ancient})
		require.ErrorContains(t, err, "13 is the oldest that works")
		_, err = pgsplittest.FindPrograms(ctx, pgsplittest.Options{BinDir: t.TempDir()})
		require.ErrorContains(t, err, "no program initdb in")
	})

	t.Run("the environment variable goes before PATH", func(t *testing.T) {
		t.Setenv(pgsplittest.EnvBinDir, old)
		p, err := pgsplittest.FindPrograms(ctx, pgsplittest.Options{})
		require.NoError(t, err)
		require.Equal(t, old, p.Dir)
		t.Setenv(pgsplittest.EnvBinDir, t.TempDir())
		_, err = pgsplittest.FindPrograms(ctx, pgsplittest.Options{})
		require.ErrorContains(t, err, "PGSPLITTEST_BIN: no program initdb in")
	})

	t.Run("nothing found is told in one line", func(t *testing.T) {
		_, err := pgsplittest.FindPrograms(ctx, pgsplittest.Options{Version: "55"})
		require.EqualError(t, err, "no PostgreSQL server programs (initdb, postgres) of version 55 found: install them (apt-get install postgresql, "+
			"dnf install postgresql-server, brew install postgresql), name their folder in PGSPLITTEST_BIN, or import github.com/pgsplit/pgsplit/pgsplittest/download")
	})

	t.Run("a provider is asked when nothing fits", func(t *testing.T) {
		provided := fakePrograms(t, "96.1")
		pgsplittest.RegisterProvider(func(_ context.Context, version string) (string, error) {
			if version == "96" {
				return provided, nil
			}
			return "", errors.New("nothing for " + version)
		})
		p, err := pgsplittest.FindPrograms(ctx, pgsplittest.Options{Version: "96"})
		require.NoError(t, err)
		require.Equal(t, provided, p.Dir)
		_, err = pgsplittest.FindPrograms(ctx, pgsplittest.Options{Version: "55"})
		require.ErrorContains(t, err, "install them")
		require.ErrorContains(t, err, "; nothing for 55")
		p, err = pgsplittest.FindPrograms(ctx, pgsplittest.Options{Version: "97"})
		require.NoError(t, err)
		require.Equal(t, recent, p.Dir)
		_, err = pgsplittest.FindPrograms(ctx, pgsplittest.Options{Version: "97", IgnoreInstalled: true})
		require.Error(t, err)
	})
}

// fakePrograms is a folder with programs that know their version only.
func fakePrograms(t *testing.T, version string) string {
	t.Helper()
	dir := t.TempDir()
	script := "#!/bin/sh\necho 'postgres (PostgreSQL) " + version + "'\n"
	for _, name := range []string{"initdb", "postgres"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755))
	}
	return dir
}
