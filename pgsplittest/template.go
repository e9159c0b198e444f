package pgsplittest

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// template is the data folder of a cleanly stopped primary, kept from one start
// to the next and copied for every server. It holds the login role and the
// application database, so a start has no SQL to run.
type template struct {
	dir           string
	AppPassword   string
	SuperPassword string
}

const (
	appUser     = "app"
	appDatabase = "app"
	superUser   = "postgres"

	// templateFormat is part of the kept folder's name: whoever changes what a
	// template holds changes it, so that older ones are not used.
	templateFormat = 1

	metadataFile = "template.json"
)

// CacheDir is where things are kept between starts: the folder that the
// environment variable PGSPLITTEST_CACHE names, or "pgsplittest" in the user's
// cache folder. Root's is /var/cache/pgsplittest, because the account that runs the
// servers may not enter root's home.
func CacheDir() (string, error) {
	dir := os.Getenv(EnvCacheDir)
	if dir == "" && os.Geteuid() == 0 {
		dir = "/var/cache/pgsplittest"
	}
	if dir == "" {
		base, err := os.UserCacheDir()
		if err != nil {
			return "", err
		}
		dir = filepath.Join(base, "pgsplittest")
	}
	return filepath.Abs(dir)
}

// template returns the data folder to copy, and makes it where there is none.
func (c *Cluster) template(ctx context.Context) (template, error) {
	if c.opts.FreshSystem {
		return c.makeTemplate(ctx)
	}
	kept, unlock, err := c.lockTemplate()
	if err != nil {
		// A read-only or missing home must not keep anybody from testing.
		c.opts.Logf("nothing can be kept for the next start: %v", err)
		return c.makeTemplate(ctx)
	}
	defer unlock()
	if t, err := readTemplate(kept); err == nil {
		now := time.Now()
		_ = os.Chtimes(kept, now, now) // for the forgetting of unused ones only
		return t, nil
	}
	forgetUnused(filepath.Dir(kept))
	t, err := c.makeTemplate(ctx)
	if err != nil {
		return template{}, err
	}
	if err := keepTemplate(t, kept); err != nil {
		c.opts.Logf("the data folder cannot be kept for the next start: %v", err)
	}
	return t, nil
}

// lockTemplate returns where the template is or should be, with a lock that
// lets one process at a time make it.
func (c *Cluster) lockTemplate() (path string, unlock func(), err error) {
	cache, err := CacheDir()
	if err != nil {
		return "", nil, err
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", nil, err
	}
	key := sha256.Sum256(fmt.Appendf(nil, "%d\n%s\n%s\n%q", templateFormat, c.programs.Version, c.programs.Dir, c.opts.InitdbArgs))
	path = filepath.Join(cache, "template-"+c.programs.Version+"-"+hex.EncodeToString(key[:6]))
	unlock, err = lockFile(path + ".lock")
	return path, unlock, err
}

// readTemplate accepts only what this user has made: whoever makes a data folder
// can have the server run anything.
func readTemplate(dir string) (template, error) {
	if !ownedByUs(dir) {
		return template{}, errors.New("not ours")
	}
	text, err := os.ReadFile(filepath.Join(dir, metadataFile))
	if err != nil {
		return template{}, err
	}
	t := template{dir: dir}
	if err := json.Unmarshal(text, &t); err != nil {
		return template{}, err
	}
	if t.AppPassword == "" || t.SuperPassword == "" {
		return template{}, errors.New("no passwords")
	}
	return t, nil
}

// keepTemplate copies first and renames then: a folder of the final name is whole.
func keepTemplate(t template, dir string) error {
	unfinished := dir + ".unfinished"
	if err := removeAll(unfinished); err != nil {
		return err
	}
	if err := removeAll(dir); err != nil {
		return err
	}
	if err := os.Mkdir(unfinished, 0o700); err != nil {
		return err
	}
	if err := copyTree(filepath.Join(t.dir, "data"), filepath.Join(unfinished, "data"), account{}, nil); err != nil {
		return errors.Join(err, removeAll(unfinished))
	}
	text, err := json.Marshal(t)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(unfinished, metadataFile), text, 0o600); err != nil {
		return errors.Join(err, removeAll(unfinished))
	}
	return os.Rename(unfinished, dir)
}

// forgetUnused removes templates, of older versions mostly, that nobody has used
// for a month. One that cannot be removed is tried again next time.
func forgetUnused(cache string) {
	kept, _ := filepath.Glob(filepath.Join(cache, "template-*"))
	for _, path := range kept {
		if info, err := os.Stat(path); err == nil && info.IsDir() && time.Since(info.ModTime()) > 30*24*time.Hour {
			_ = os.RemoveAll(path)
		}
	}
}

// makeTemplate makes a new data folder inside the cluster's own.
func (c *Cluster) makeTemplate(ctx context.Context) (template, error) {
	begin := time.Now()
	t := template{dir: filepath.Join(c.dir, "template"), AppPassword: rand.Text(), SuperPassword: rand.Text()}
	if err := c.account.ownDir(t.dir); err != nil {
		return t, err
	}
	passwordFile := filepath.Join(t.dir, "password")
	if err := os.WriteFile(passwordFile, []byte(t.SuperPassword+"\n"), 0o600); err != nil {
		return t, err
	}
	if err := c.account.own(passwordFile); err != nil {
		return t, err
	}
	data := filepath.Join(t.dir, "data")
	args := append([]string{"-D", data, "-U", superUser, "--pwfile", passwordFile, "-A", "scram-sha-256",
		"--encoding=UTF8", "--locale=C", "--no-sync"}, c.opts.InitdbArgs...)
	if err := c.runProgram(ctx, "", "initdb", args...); err != nil {
		return t, err
	}
	if err := os.Remove(passwordFile); err != nil {
		return t, err
	}
	hba := "host all all 127.0.0.1/32 scram-sha-256\nhost replication " + superUser + " 127.0.0.1/32 scram-sha-256\n"
	if err := os.WriteFile(filepath.Join(data, "pg_hba.conf"), []byte(hba), 0o600); err != nil {
		return t, err
	}
	// Single-user mode needs no port and ends with a clean checkpoint. It reads
	// one statement a line.
	for _, step := range []struct{ database, sql string }{
		{"postgres", "CREATE ROLE " + appUser + " LOGIN PASSWORD '" + t.AppPassword + "'\nCREATE DATABASE " + appDatabase + " OWNER " + appUser + "\n"},
		{appDatabase, "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON TABLES TO " + appUser + "\n" +
			"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON SEQUENCES TO " + appUser + "\n"},
	} {
		if err := c.runProgram(ctx, step.sql, "postgres", "--single", "-D", data, "-F", "-c", "log_min_error_statement=panic",
			"-c", "password_encryption=scram-sha-256", "-c", "exit_on_error=on", "-c", "dynamic_shared_memory_type=mmap", step.database); err != nil {
			return t, err
		}
	}
	c.opts.Logf("initialised a data folder in %v", time.Since(begin).Round(time.Millisecond))
	return t, nil
}

// runProgram runs a PostgreSQL program to its end, under the servers' account.
func (c *Cluster) runProgram(ctx context.Context, input, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, c.programs.path(name), args...)
	cmd.Dir = filepath.Join(c.dir, "template")
	cmd.Env = cleanEnv()
	cmd.SysProcAttr = childAttr(c.account)
	cmd.Stdin = strings.NewReader(input)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	// The thread that forks has to live as long as the program.
	if err := c.spawner.start(cmd); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if err := c.watchdog.add(cmd.Process.Pid); err != nil {
		return errors.Join(err, cmd.Process.Kill(), cmd.Wait())
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, lastLines(output.String(), 10))
	}
	return nil
}

// removeAll waits for stragglers: a server's last children may still write when
// their parent has gone.
func removeAll(dir string) error {
	var err error
	for range 50 {
		if err = os.RemoveAll(dir); err == nil || errors.Is(err, fs.ErrPermission) {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
	return err
}
