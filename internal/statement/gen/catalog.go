package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// The kinds of rows of catalog.txt.
const (
	function = "function" // detail: worst volatility of its overloads, i, s or v
	operator = "operator"
	typeName = "type"
	keyword  = "keyword" // detail: category of pg_get_keywords, R, C, T or U
)

type row struct {
	kind, name, detail string
}

// catalog says in which major versions each row was seen.
type catalog map[row][]int

func readCatalog(file string) (catalog, error) {
	c := catalog{}
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		fields := strings.Fields(s.Text())
		if len(fields) < 4 || strings.HasPrefix(s.Text(), "# ") {
			continue
		}
		r := row{fields[0], fields[1], fields[2]}
		for _, v := range fields[3:] {
			version, err := strconv.Atoi(v)
			if err != nil {
				return nil, fmt.Errorf("%s: %q: %w", file, s.Text(), err)
			}
			c[r] = append(c[r], version)
		}
	}
	return c, nil
}

func (c catalog) write(file string) error {
	rows := make([]row, 0, len(c))
	for r := range c {
		rows = append(rows, r)
	}
	slices.SortFunc(rows, func(a, b row) int {
		return strings.Compare(a.kind+" "+a.name+" "+a.detail, b.kind+" "+b.name+" "+b.detail)
	})
	var b strings.Builder
	b.WriteString("# Written by gen from the catalogs of real servers: kind, name, detail, major versions. Do not edit.\n")
	for _, r := range rows {
		slices.Sort(c[r])
		fmt.Fprintf(&b, "%s %s %s", r.kind, r.name, r.detail)
		for _, v := range c[r] {
			fmt.Fprintf(&b, " %d", v)
		}
		b.WriteByte('\n')
	}
	return os.WriteFile(file, []byte(b.String()), 0o644)
}

const question = `
select 'function', proname::text, (array['i','s','v'])[max(position(provolatile::text in 'isv'))]
from pg_proc where pronamespace = 'pg_catalog'::regnamespace group by proname
union all
select distinct 'operator', oprname::text, '-' from pg_operator where oprnamespace = 'pg_catalog'::regnamespace
union all
select 'type', typname::text, '-' from pg_type
where typnamespace = 'pg_catalog'::regnamespace and typtype <> 'c' and typname !~ '^_'
union all
select 'keyword', word, catcode::text from pg_get_keywords()`

// ask replaces what is known of the server's major version by what the server says.
func (c catalog) ask(ctx context.Context, dsn string) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	var version int
	if err := conn.QueryRow(ctx, "select current_setting('server_version_num')::int / 10000").Scan(&version); err != nil {
		return err
	}
	for r, versions := range c {
		if versions = slices.DeleteFunc(versions, func(v int) bool { return v == version }); len(versions) == 0 {
			delete(c, r)
		} else {
			c[r] = versions
		}
	}
	rows, err := conn.Query(ctx, question)
	if err != nil {
		return err
	}
	for rows.Next() {
		var r row
		if err := rows.Scan(&r.kind, &r.name, &r.detail); err != nil {
			return err
		}
		c[r] = append(c[r], version)
	}
	return rows.Err()
}
