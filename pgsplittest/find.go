package pgsplittest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Programs is a folder with PostgreSQL's server programs, of which initdb and
// postgres are used.
type Programs struct {
	Dir     string
	Version string // such as "15.4"
	Major   int
	Minor   int
}

// Provider gets server programs from elsewhere, for instance by downloading
// them, and returns the folder that holds initdb and postgres. The version is
// [Options.Version]: empty, a major or an exact one.
type Provider func(ctx context.Context, version string) (binDir string, err error)

var providers struct {
	sync.Mutex
	list []Provider
}

// RegisterProvider adds a provider that is asked when no installed programs fit.
func RegisterProvider(p Provider) {
	providers.Lock()
	defer providers.Unlock()
	providers.list = append(providers.list, p)
}

// FindPrograms returns the server programs that a cluster with these options
// would run. It takes the first of: [Options.BinDir]; the environment variable
// PGSPLITTEST_BIN; the newest, or the newest of the version asked for, in PATH,
// in the folder that pg_config names, and where Debian, Red Hat, Homebrew and
// Postgres.app put them; what a registered provider brings.
func FindPrograms(ctx context.Context, opts Options) (Programs, error) {
	if opts.BinDir != "" {
		return programsIn(ctx, opts.BinDir, opts.Version)
	}
	if !opts.IgnoreInstalled {
		if dir := os.Getenv(EnvBinDir); dir != "" {
			p, err := programsIn(ctx, dir, opts.Version)
			if err != nil {
				return Programs{}, fmt.Errorf("%s: %w", EnvBinDir, err)
			}
			return p, nil
		}
		if p, ok := newest(ctx, installedDirs(ctx), opts.Version); ok {
			return p, nil
		}
	}
	if err := ctx.Err(); err != nil {
		return Programs{}, err
	}
	providers.Lock()
	list := slices.Clone(providers.list)
	providers.Unlock()
	var errs []error
	for _, provide := range list {
		dir, err := provide(ctx, opts.Version)
		if err == nil {
			var p Programs
			if p, err = programsIn(ctx, dir, opts.Version); err == nil {
				return p, nil
			}
		}
		errs = append(errs, err)
	}
	return Programs{}, notFound(opts.Version, errs)
}

// notFound is one line, also with what the providers have said.
func notFound(version string, provided []error) error {
	what := "PostgreSQL server programs (initdb, postgres)"
	if version != "" {
		what += " of version " + version
	}
	hint := ", or import github.com/pgsplit/pgsplit/pgsplittest/download"
	if len(provided) > 0 {
		hint = ""
	}
	err := fmt.Errorf("no %s found: install them (apt-get install postgresql, dnf install postgresql-server, brew install postgresql), "+
		"name their folder in %s%s", what, EnvBinDir, hint)
	for _, p := range provided {
		err = fmt.Errorf("%w; %w", err, p)
	}
	return err
}

// newest returns the newest usable programs of the version among the folders.
func newest(ctx context.Context, dirs []string, version string) (best Programs, ok bool) {
	for _, dir := range dirs {
		p, err := programsIn(ctx, dir, version)
		if err != nil {
			continue
		}
		if !ok || p.Major > best.Major || p.Major == best.Major && p.Minor > best.Minor {
			best, ok = p, true
		}
	}
	return best, ok
}

// installedDirs lists the folders to look into, each once.
func installedDirs(ctx context.Context) []string {
	dirs := filepath.SplitList(os.Getenv("PATH"))
	if out, err := exec.CommandContext(ctx, "pg_config", "--bindir").Output(); err == nil {
		dirs = append(dirs, strings.TrimSpace(string(out)))
	}
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin",         // Debian
		"/usr/lib/postgresql*/bin",          // SUSE, Alpine
		"/usr/pgsql-*/bin",                  // Red Hat, from the PostgreSQL project
		"/usr/libexec/postgresql*",          // Alpine
		"/opt/homebrew/opt/postgresql*/bin", // Homebrew
		"/usr/local/opt/postgresql*/bin",
		"/home/linuxbrew/.linuxbrew/opt/postgresql*/bin",
		"/Applications/Postgres.app/Contents/Versions/*/bin",
		"/usr/local/pgsql/bin", // built from source
	} {
		found, _ := filepath.Glob(pattern) // only a bad pattern is an error
		dirs = append(dirs, found...)
	}
	var unique []string
	for _, dir := range dirs {
		real, err := filepath.EvalSymlinks(dir)
		if err == nil && filepath.IsAbs(real) && !slices.Contains(unique, real) {
			unique = append(unique, real)
		}
	}
	return unique
}

// programsIn looks whether the folder has usable programs of the version.
func programsIn(ctx context.Context, dir, version string) (Programs, error) {
	for _, name := range []string{"initdb", "postgres"} {
		if _, err := exec.LookPath(filepath.Join(dir, name)); err != nil {
			return Programs{}, fmt.Errorf("no program %s in %s", name, dir)
		}
	}
	// A link in PATH would hide the libraries and files that the program finds
	// relative to itself.
	postgres, err := filepath.EvalSymlinks(filepath.Join(dir, "postgres"))
	if err != nil {
		return Programs{}, err
	}
	dir = filepath.Dir(postgres)
	out, err := exec.CommandContext(ctx, postgres, "--version").Output()
	if err != nil {
		return Programs{}, fmt.Errorf("%s --version: %w", postgres, err)
	}
	p, err := parseVersion(string(out))
	if err != nil {
		return Programs{}, err
	}
	p.Dir = dir
	if p.Major < oldestMajor {
		return Programs{}, fmt.Errorf("%s is PostgreSQL %s, %d is the oldest that works", dir, p.Version, oldestMajor)
	}
	if !p.matches(version) {
		return Programs{}, fmt.Errorf("%s is PostgreSQL %s, not %s", dir, p.Version, version)
	}
	return p, nil
}

// Before 13, settings that this package needs have other names or need a restart.
const oldestMajor = 13

var versionPattern = regexp.MustCompile(`\(PostgreSQL\) ((\d+)(?:\.(\d+))?\S*)`)

func parseVersion(output string) (Programs, error) {
	m := versionPattern.FindStringSubmatch(output)
	if m == nil {
		return Programs{}, fmt.Errorf("not a PostgreSQL version: %q", strings.TrimSpace(output))
	}
	major, _ := strconv.Atoi(m[2]) // digits by the pattern
	minor, _ := strconv.Atoi(m[3])
	return Programs{Version: m[1], Major: major, Minor: minor}, nil
}

func (p Programs) matches(version string) bool {
	return version == "" || version == p.Version || version == strconv.Itoa(p.Major)
}

func (p Programs) path(name string) string { return filepath.Join(p.Dir, name) }
