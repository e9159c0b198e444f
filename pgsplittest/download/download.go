// Package download brings PostgreSQL's server programs to machines that have
// none, for pgsplittest. A blank import is all it takes:
//
//	import _ "github.com/pgsplit/pgsplit/pgsplittest/download"
//
// It is asked only when no installed programs fit. It needs no root: the
// programs go below [pgsplittest.CacheDir] and are used from there next time. It
// is a module of its own, so that its dependencies are only theirs who import it.
//
// The work is done by github.com/fergusstrange/embedded-postgres: it knows the
// archives for each system and processor, and compares them with their published
// checksum. That library fetches only on the way to starting a server, so it is
// asked for one that cannot be initialised, and stops when the programs are
// there. The archives hold initdb, pg_ctl and postgres, without the contributed
// extensions.
//
// How far this is tested: with archives of that layout, made from installed
// programs and served by a mirror on the loopback address. The public repository
// itself is not part of the tests.
package download

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	embedded "github.com/fergusstrange/embedded-postgres"

	"github.com/pgsplit/pgsplit/pgsplittest"
)

// EnvRepository is the environment variable that names the base URL of another
// repository with the same layout as the library's own, such as a company's
// mirror.
const EnvRepository = "PGSPLITTEST_REPOSITORY"

func init() { pgsplittest.RegisterProvider(Programs) }

// newest maps the major versions to the release that the library knows as each
// one's newest.
var newest = map[string]embedded.PostgresVersion{
	"":   embedded.V18,
	"18": embedded.V18,
	"17": embedded.V17,
	"16": embedded.V16,
	"15": embedded.V15,
	"14": embedded.V14,
	"13": embedded.V13,
}

// Programs returns the folder with initdb and postgres of a version: empty for
// the newest known, a major one ("15") or an exact one ("15.4"). It downloads
// what is not there yet, which takes as long as some ten megabytes take; the
// context is looked at before that only.
func Programs(ctx context.Context, version string) (binDir string, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("download PostgreSQL: %w", err)
		}
	}()
	if err := ctx.Err(); err != nil {
		return "", err
	}
	release := releaseOf(version)
	cache, err := pgsplittest.CacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, fmt.Sprintf("programs-%s-%s-%s", release, runtime.GOOS, runtime.GOARCH))
	bin := filepath.Join(dir, "bin")
	if complete(bin) {
		return bin, nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	work, err := os.MkdirTemp(cache, "download-")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	// The account that runs the servers for root has to get at them.
	if err := os.Chmod(work, 0o755); err != nil {
		return "", err
	}
	unpacked := filepath.Join(work, "programs")
	if err := fetch(release, work, unpacked); err != nil {
		return "", err
	}
	// Of two processes that download at once the second finds the first one's.
	if err := os.Rename(unpacked, dir); err != nil && !errors.Is(err, fs.ErrExist) && !complete(bin) {
		return "", err
	}
	return bin, nil
}

// noEncoding is what initdb refuses at once, before it has made anything: all
// that is wanted of the library happens before.
const noEncoding = "none"

func fetch(release embedded.PostgresVersion, work, unpacked string) error {
	conf := embedded.DefaultConfig().
		Version(release).
		Port(0).
		CachePath(filepath.Join(work, "archive")).
		RuntimePath(filepath.Join(work, "run")).
		DataPath(filepath.Join(work, "data")).
		BinariesPath(unpacked).
		Encoding(noEncoding).
		Logger(io.Discard)
	if repository := os.Getenv(EnvRepository); repository != "" {
		conf = conf.BinaryRepositoryURL(strings.TrimRight(repository, "/"))
	}
	server := embedded.NewDatabase(conf)
	err := server.Start()
	if err == nil { // an initdb that takes any encoding
		return server.Stop()
	}
	if !complete(filepath.Join(unpacked, "bin")) {
		return err
	}
	return nil
}

// releaseOf gives the version its three parts, as the archives are named.
func releaseOf(version string) embedded.PostgresVersion {
	if release, known := newest[version]; known {
		return release
	}
	for strings.Count(version, ".") < 2 {
		version += ".0"
	}
	return embedded.PostgresVersion(version)
}

func complete(bin string) bool {
	for _, name := range []string{"initdb", "postgres"} {
		if info, err := os.Stat(filepath.Join(bin, name)); err != nil || !info.Mode().IsRegular() {
			return false
		}
	}
	return true
}
