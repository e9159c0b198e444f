package pgsplittest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
)

// account is who the servers run as. PostgreSQL refuses to run as root, so for
// root it is another account; for everybody else it is the caller's own.
type account struct {
	uid, gid int
	name     string
	differs  bool
}

func serverAccount() (account, error) {
	if os.Geteuid() != 0 {
		return account{uid: os.Geteuid(), gid: os.Getegid()}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errUID := strconv.Atoi(u.Uid)
		gid, errGID := strconv.Atoi(u.Gid)
		if errUID == nil && errGID == nil && uid > 0 {
			return account{uid: uid, gid: gid, name: name, differs: true}, nil
		}
	}
	return account{}, errors.New(`PostgreSQL does not run as root, and there is no account "postgres" or "nobody" for it`)
}

// own gives a file to the account.
func (a account) own(path string) error {
	if !a.differs {
		return nil
	}
	return os.Lchown(path, a.uid, a.gid)
}

// canReach reports, as an error, a folder on the way that the account may not
// pass through.
func (a account) canReach(dir string) error {
	if !a.differs {
		return nil
	}
	for p := filepath.Clean(dir); ; p = filepath.Dir(p) {
		info, err := os.Stat(p)
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o001 == 0 {
			return fmt.Errorf("the account %q, which the servers run as, may not pass through %s on the way to %s", a.name, p, dir)
		}
		if p == filepath.Dir(p) {
			return nil
		}
	}
}

// tempDir makes a folder in which the account can have folders of its own.
func (a account) tempDir(prefix string) (string, error) {
	bases := []string{os.Getenv(EnvDir)}
	if bases[0] == "" {
		bases[0] = os.TempDir()
		if a.differs {
			bases = append(bases, "/tmp", "/var/tmp")
		}
	}
	var errs []error
	for _, base := range bases {
		// The servers' processes are recognised by this path, so it has to be the
		// one that the system shows.
		base, err := filepath.EvalSymlinks(base)
		if err == nil {
			err = a.canReach(base)
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		dir, err := os.MkdirTemp(base, prefix)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if a.differs {
			if err := os.Chmod(dir, 0o711); err != nil {
				return "", errors.Join(err, os.RemoveAll(dir))
			}
		}
		return dir, nil
	}
	return "", errors.Join(errs...)
}

// ownDir makes a folder for the account alone.
func (a account) ownDir(path string) error {
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return a.own(path)
}

// cleanEnv is our environment without what would change how a server or its
// replication connection behaves.
func cleanEnv() []string {
	var env []string
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "PG") && !strings.HasPrefix(kv, "LC_") && !strings.HasPrefix(kv, "LANG") {
			env = append(env, kv)
		}
	}
	return append(env, "LC_ALL=C")
}
