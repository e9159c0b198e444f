// Command gen keeps what package statement knows of PostgreSQL's built-in objects.
//
//	gen                     writes the Go tables from catalog.txt and the hand-checked lists in classes.go
//	gen -dsn A -dsn B       first asks those servers, and puts what they say into catalog.txt
//	gen -bin A -bin B       the same for servers that it starts itself from these program directories
//
// catalog.txt is committed, so that changing a hand-checked list needs no server, and a new PostgreSQL version is
// added by asking one server of it.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

type list []string

func (l *list) String() string     { return fmt.Sprint(*l) }
func (l *list) Set(s string) error { *l = append(*l, s); return nil }

func main() {
	var dsns, bins list
	flag.Var(&dsns, "dsn", "connection string of a server to ask (repeatable)")
	flag.Var(&bins, "bin", "directory with initdb and postgres of a version to start and ask (repeatable)")
	account := flag.String("user", "", "account that started servers run under (they refuse to run as root)")
	dir := flag.String("dir", ".", "directory of package statement")
	flag.Parse()
	if err := run(dsns, bins, *account, *dir); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(dsns, bins list, account, dir string) error {
	file := filepath.Join(dir, "gen", "catalog.txt")
	c, err := readCatalog(file)
	if err != nil {
		return err
	}
	ctx := context.Background()
	for _, dsn := range dsns {
		if err := c.ask(ctx, dsn); err != nil {
			return err
		}
	}
	for _, bin := range bins {
		s, err := startServer(ctx, bin, account)
		if err != nil {
			return err
		}
		err = c.ask(ctx, s.dsn)
		s.stop()
		if err != nil {
			return err
		}
	}
	if len(dsns)+len(bins) > 0 {
		if err := c.write(file); err != nil {
			return err
		}
	}
	return writeTables(c, dir)
}
