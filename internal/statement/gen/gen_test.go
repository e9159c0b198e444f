package main

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit/pgsplittest"
)

// copyOf is a folder like package statement's, with the committed catalog.txt and nothing else.
func copyOf(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "gen"), 0o755))
	text, err := os.ReadFile("catalog.txt")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "gen", "catalog.txt"), text, 0o600))
	return dir
}

func same(t *testing.T, dir, name string) {
	t.Helper()
	want, err := os.ReadFile(filepath.Join("..", name))
	require.NoError(t, err)
	got, err := os.ReadFile(filepath.Join(dir, name))
	require.NoError(t, err)
	require.Equal(t, string(want), string(got), name)
}

func TestTheCommittedTablesAreWhatTheGeneratorWrites(t *testing.T) {
	dir := copyOf(t)
	require.NoError(t, run(nil, nil, "", dir))
	for _, name := range []string{"builtin_table.go", "name_table.go", "keyword_table.go"} {
		same(t, dir, name)
	}
}

// A server adds nothing to what is committed of its version, and takes nothing away.
func TestAServerSaysWhatIsCommittedOfItsVersion(t *testing.T) {
	c, err := readCatalog("catalog.txt")
	require.NoError(t, err)
	server := pgsplittest.Start(t, pgsplittest.Options{}).Primary
	major, err := server.QueryString("select current_setting('server_version_num')::int / 10000")
	require.NoError(t, err)
	versions := map[string]bool{"14": true, "15": true, "16": true, "17": true, "18": true}
	before := maps.Clone(c)
	for r, list := range before {
		before[r] = slices.Clone(list)
	}
	require.NoError(t, c.ask(context.Background(), server.DSN()))
	for r := range c {
		slices.Sort(c[r])
	}
	if !versions[major] {
		t.Logf("PostgreSQL %s is not among the versions that are committed", major)
		for r := range before {
			require.Subset(t, c[r], before[r])
		}
		return
	}
	require.Equal(t, before, c)
}

func TestEveryListedFunctionIsOneOfAServer(t *testing.T) {
	c, err := readCatalog("catalog.txt")
	require.NoError(t, err)
	names := map[string]string{}
	for r := range c {
		if r.kind == function {
			names[r.name] = max(names[r.name], r.detail)
		}
	}
	for name := range exactly {
		require.Contains(t, names, name, "listed in classes.go")
	}
	for name := range pins {
		require.Contains(t, names, name, "pins")
	}
	// Of the volatile functions only those that are listed as reads go to a standby.
	for name, volatility := range names {
		if volatility == "v" && classify(name, volatility) == read {
			require.Equal(t, read, exactly[name], name)
		}
	}
}
