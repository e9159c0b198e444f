package integration

import (
	"context"
	"database/sql"
	"errors"
	"testing"

	"github.com/pgsplit/pgsplit"
	"github.com/pgsplit/pgsplit/internal/secondjudge"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jmoiron/sqlx"
	"github.com/stretchr/testify/require"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

// trap is a read that looks fit for a replica, by its text and by the catalog as the handle has read it, and that a
// replica refuses all the same: another process has changed something since.
type trap struct {
	name   string
	paused bool     // the replicas have not replayed the change
	change []string // by the other process
	check  string   // a query that gives "t" on the primary if the read has run there as it should

	table, column, where string
	arg                  any

	want     []string
	sqlstate string // what replicas say
}

// trapSchema is there before the handles open.
const trapSchema = `
CREATE TYPE site.mood AS ENUM ('sad', 'ok');
CREATE TABLE site.person (id bigint PRIMARY KEY, name text, mood site.mood);
INSERT INTO site.person VALUES (1, 'ann', 'ok'), (2, 'bob', 'sad');
CREATE TABLE site.visit (name text);
CREATE TABLE site.draft (id bigint, name text);
INSERT INTO site.draft VALUES (1, 'first');
CREATE VIEW site.people AS SELECT id, name FROM site.person;
CREATE FUNCTION site.greet(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN INSERT INTO site.visit VALUES ($1); RETURN 'hello ' || $1; END $$;
GRANT ALL ON ALL TABLES IN SCHEMA site TO PUBLIC;`

var traps = []trap{
	{
		name:   "a writing function hidden in a view",
		change: []string{`CREATE OR REPLACE VIEW site.people AS SELECT id, site.greet(name) AS name FROM site.person`},
		check:  `SELECT count(*) = 1 FROM site.visit`,
		table:  "people", column: "name", where: "id = ?", arg: 1, want: []string{"hello ann"}, sqlstate: "25006",
	},
	{
		name: "a column that is not replayed", paused: true,
		change: []string{`ALTER TABLE site.person ADD COLUMN nick text DEFAULT 'nobody'`},
		check:  `SELECT true`,
		table:  "person", column: "nick", where: "id = ?", arg: 2, want: []string{"nobody"}, sqlstate: "42703",
	},
	{
		name: "an enum value that is not replayed", paused: true,
		change: []string{`ALTER TYPE site.mood ADD VALUE 'great'`, `UPDATE site.person SET mood = 'great' WHERE id = 2`},
		check:  `SELECT true`,
		table:  "person", column: "name", where: "mood = ?", arg: "great", want: []string{"bob"}, sqlstate: "22P02",
	},
	{
		name:   "a table that has become unlogged",
		change: []string{`ALTER TABLE site.draft SET UNLOGGED`},
		check:  `SELECT true`,
		table:  "draft", column: "name", where: "id = ?", arg: 1, want: []string{"first"}, sqlstate: "0A000",
	},
}

// reader makes a way to read a column of a table on a new handle.
type reader func(t *testing.T, dsn string) (*sql.DB, func(context.Context, trap) ([]string, error))

func sqlxReader(t *testing.T, dsn string) (*sql.DB, func(context.Context, trap) ([]string, error)) {
	db, err := sqlx.ConnectContext(t.Context(), "pgsplit", dsn)
	require.NoError(t, err)
	return db.DB, func(ctx context.Context, tr trap) (values []string, err error) {
		err = db.SelectContext(ctx, &values, db.Rebind("SELECT "+tr.column+" FROM "+tr.table+" WHERE "+tr.where), tr.arg)
		return values, err
	}
}

func gormReader(t *testing.T, dsn string) (*sql.DB, func(context.Context, trap) ([]string, error)) {
	db, err := gorm.Open(postgres.New(postgres.Config{DriverName: "pgsplit", DSN: dsn}), &gorm.Config{Logger: logger.Discard})
	require.NoError(t, err)
	handle, err := db.DB()
	require.NoError(t, err)
	return handle, func(ctx context.Context, tr trap) (values []string, err error) {
		err = db.WithContext(ctx).Table(tr.table).Where(tr.where, tr.arg).Pluck(tr.column, &values).Error
		return values, err
	}
}

// spring lets a read run into a trap and returns what the application sees, with the retries.
func spring(t *testing.T, open reader, tr trap) ([]string, []pgsplit.RetryInfo, error) {
	t.Helper()
	cluster.emptySchema(t)
	ctx := t.Context()
	_, err := cluster.conns[0].Exec(ctx, trapSchema)
	require.NoError(t, err)
	cluster.catchUp(t)

	// The handle never looks by itself whether somebody has changed the schema.
	db, read := open(t, split("monitor_interval", "1h"))
	defer func() { require.NoError(t, db.Close()) }()
	knowTables(t, db)
	if tr.paused {
		cluster.pauseReplicas(t)
	}
	for _, change := range tr.change {
		_, err = cluster.conns[0].Exec(ctx, change)
		require.NoError(t, err)
	}
	if !tr.paused {
		cluster.catchUp(t)
	}

	var retries []pgsplit.RetryInfo
	trace := &pgsplit.Trace{Retry: func(_ context.Context, info pgsplit.RetryInfo) { retries = append(retries, info) }}
	values, err := read(pgsplit.WithTrace(ctx, trace), tr)
	return values, retries, err
}

func TestWhatAReplicaRefusesThePrimaryAnswers(t *testing.T) {
	for name, open := range map[string]reader{"sqlx": sqlxReader, "gorm": gormReader} {
		for _, tr := range traps {
			t.Run(name+"/"+tr.name, func(t *testing.T) {
				values, retries, err := spring(t, open, tr)
				require.NoError(t, err)
				require.Equal(t, tr.want, values)
				require.Len(t, retries, 1, "no replica was asked, so this shows nothing")
				require.Equal(t, tr.sqlstate, sqlstate(retries[0].Err))
				var done bool
				require.NoError(t, cluster.conns[0].QueryRow(t.Context(), tr.check).Scan(&done))
				require.True(t, done, tr.check)
			})
			t.Run(name+"/"+tr.name+", without the second judge", func(t *testing.T) {
				secondjudge.Off.Store(true)
				defer secondjudge.Off.Store(false)
				_, _, err := spring(t, open, tr)
				require.Equal(t, tr.sqlstate, sqlstate(err), "%v", err)
			})
		}
	}
}

func sqlstate(err error) string {
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) {
		return pgErr.Code
	}
	return ""
}
