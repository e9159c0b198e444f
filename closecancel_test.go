package pgsplit_test

import (
	"context"
	"database/sql"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
	"github.com/pgsplit/pgsplit/pgsplittest"
)

// endless are statements that take a minute.
var endless = map[string]func(context.Context, *sql.DB) error{
	"a read": func(ctx context.Context, db *sql.DB) error {
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
	"a write": func(ctx context.Context, db *sql.DB) error {
		_, err := db.ExecContext(ctx, "insert into entry (v) select 1 from pg_sleep(60)")
		return err
	},
}

// A statement that its context has ended is ended on its server as well, though the handle closes at once, or has closed already: as
// with pgx. What went on there would hold its locks and its snapshot, and would write after all.
func TestACancelledStatementEndsOnItsServerThoughTheHandleCloses(t *testing.T) {
	c := calm(t)
	endsCancelled(t, c, "pgx", c.Primary.DSN(), "pgx")
	endsCancelled(t, c, "pgsplit", c.Primary.DSN(), "one server")
	endsCancelled(t, c, "pgsplit", c.DSN(), "a cluster")
}

// PgBouncer knows by the client's connection what a request to cancel is about.
func TestACancelledStatementEndsBehindPgBouncerThoughTheHandleCloses(t *testing.T) {
	c := calm(t)
	dsn, _ := bounced(t, c, "transaction")
	endsCancelled(t, c, "pgsplit", dsnWith(dsn, "default_query_exec_mode=exec"), "a cluster")
}

func endsCancelled(t *testing.T, c *pgsplittest.Cluster, driver, dsn, about string) {
	for name, run := range endless {
		for _, order := range []string{"cancelled, then closed", "closed, then cancelled", "both at once"} {
			t.Run(about+", "+name+", "+order, func(t *testing.T) {
				application := unique("cancelled")
				db, err := sql.Open(driver, dsnWith(dsn, "application_name="+application))
				require.NoError(t, err)
				defer db.Close()
				if cl := pgsplit.ClusterOf(db); cl != nil && len(cl.Servers()) > 1 {
					replicasServe(t, db, len(c.Replicas))
				}
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				failed := make(chan error, 1)
				go func() { failed <- run(ctx, db) }()
				eventually(t, func() bool { return asleep(t, c, application) == 1 })
				switch order {
				case "cancelled, then closed":
					cancel()
					require.Error(t, <-failed)
					require.NoError(t, db.Close())
				case "closed, then cancelled":
					require.NoError(t, db.Close()) // it waits for nobody who uses a connection
					cancel()
					require.Error(t, <-failed)
				case "both at once":
					cancel()
					require.NoError(t, db.Close())
					require.Error(t, <-failed)
				}
				eventually(t, func() bool { return asleep(t, c, application) == 0 }, "it goes on")
			})
		}
	}
}

// asleep is how many endless statements an application has under way.
func asleep(t *testing.T, c *pgsplittest.Cluster, application string) (n int) {
	t.Helper()
	for _, s := range c.Servers() {
		n += atoi(t, ask(t, s, "select count(*) from pg_stat_activity where application_name = '%s' and query ~ '60' and state = 'active'", application))
	}
	return n
}
