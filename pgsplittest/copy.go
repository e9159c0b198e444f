package pgsplittest

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// copyTree copies a data folder and gives the copy to the account. Paths below
// it for which skip is true are left out, with everything below them. Files that
// go away while it copies are left out too: a running server removes some.
func copyTree(from, to string, owner account, skip func(rel string) bool) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil && path != from {
			return unlessGone(err)
		}
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if skip != nil && rel != "." && skip(rel) {
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		target := filepath.Join(to, rel)
		switch {
		case entry.IsDir():
			if err := os.MkdirAll(target, 0o700); err != nil {
				return err
			}
		case entry.Type().IsRegular():
			if err := copyFile(path, target); err != nil {
				return unlessGone(err)
			}
		default:
			return nil // sockets and the like
		}
		return owner.own(target)
	})
}

// copyFile leaves it to io.Copy to share the blocks where the file system can.
func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		return errors.Join(err, out.Close())
	}
	return out.Close()
}

func unlessGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
