package pgsplit_test

import (
	"context"
	"database/sql"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A statement that its context has ended is ended on its server as well, though the handle closes at once, or has closed already: as
// with pgx. What went on there would hold its locks and its snapshot, and would write after all.
func TestACancelledStatementEndsOnItsServerThoughTheHandleCloses(t *testing.T) {
	c := calm(t)
	handles := []struct{ driver, dsn string }{{"pgx", c.Primary.DSN()}, {"pgsplit", c.Primary.DSN()}, {"pgsplit", c.DSN()}}
	statements := map[string]func(context.Context, *sql.DB) error{
		"read": func(ctx context.Context, db *sql.DB) error {
			rows, err := db.QueryContext(ctx, "select pg_sleep(60)")
			if err == nil {
				rows.Close()
			}
			return err
		},
		"rows": func(ctx context.Context, db *sql.DB) error {
			rows, err := db.QueryContext(ctx, "select g, pg_sleep(case when g > 2000 then 60 else 0 end) from generate_series(1, 4000) g")
			if err != nil {
				return err
			}
			defer rows.Close()
			for rows.Next() {
			}
			return rows.Err()
		},
		"write": func(ctx context.Context, db *sql.DB) error {
			_, err := db.ExecContext(ctx, "insert into entry (v) select 1 from pg_sleep(60)")
			return err
		},
	}
	for i, handle := range handles {
		for name, run := range statements {
			for _, first := range []string{"cancelled", "closed", "neither"} {
				t.Run(fmt.Sprintf("%s, %d servers, %s, first %s", handle.driver, 1+i/2*2, name, first), func(t *testing.T) {
					application := unique("cancelled")
					db, err := sql.Open(handle.driver, dsnWith(handle.dsn, "application_name="+application))
					require.NoError(t, err)
					defer db.Close()
					if i == 2 {
						replicasServe(t, db, len(c.Replicas))
					}
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					failed := make(chan error, 1)
					go func() { failed <- run(ctx, db) }()
					running := func() (n int) {
						for _, s := range c.Servers() {
							n += atoi(t, ask(t, s, "select count(*) from pg_stat_activity where application_name = '%s' and query ~ '60' and state = 'active'", application))
						}
						return n
					}
					eventually(t, func() bool { return running() == 1 })
					if first == "closed" {
						go db.Close() // it waits for nobody who uses a connection
						time.Sleep(20 * time.Millisecond)
					}
					cancel()
					if first != "neither" {
						require.Error(t, <-failed)
					}
					require.NoError(t, db.Close())
					if first == "neither" {
						require.Error(t, <-failed)
					}
					eventually(t, func() bool { return running() == 0 }, "it goes on")
				})
			}
		}
	}
}
