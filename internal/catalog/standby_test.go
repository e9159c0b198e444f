package catalog_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit/internal/catalog"
	"github.com/pgsplit/pgsplit/pgsplittest"
)

// answer is the rows of a text, or the server's error code.
func answer(t *testing.T, conn *pgconn.PgConn, sql string) (rows [][][]byte, code string) {
	t.Helper()
	results, err := conn.Exec(context.Background(), sql).ReadAll()
	if err != nil {
		var pgError *pgconn.PgError
		require.ErrorAs(t, err, &pgError, sql)
		return nil, pgError.Code
	}
	return results[0].Rows, ""
}

func TestAStandbyHasTheSameCatalogAndAnswersWhatItLetsThrough(t *testing.T) {
	cluster := pgsplittest.Start(t, pgsplittest.Options{Replicas: 1, SetupSQL: `
		create table t (id int, s text);
		insert into t values (1, 'a'), (2, 'b');
		create unlogged table scratch (id int);
		create sequence counter;
		create table log (id int);
		create function pure(int) returns int language sql immutable as 'select $1 + 1';
		create function counts(text) returns bigint language plpgsql stable as 'begin return (select count(*) from t where s = $1); end';
		create function writes() returns int language sql as 'insert into log values (1) returning id';
		create function hidden() returns bigint language plpgsql stable as 'begin return (select nextval(''counter'')); end';
		create function reads_scratch() returns bigint language sql stable as 'select count(*) from scratch';
		create view good as select id, counts(s) from t;
		create view bad as select id, writes() from t;
		create view worse as select b.id from bad b join good using (id), lateral (select hidden()) h;
		create view locked as select id from t for share;
		create table parent (id int);
		create unlogged table child () inherits (parent);
		create domain checked as int check (pure(value) > 1);
		create domain counted as int check (hidden() > 0);
		create operator @#@ (function = pure, rightarg = int);
		create function logs(t) returns int language sql as 'insert into log values ($1.id) returning id';
	`})
	connect := func(dsn string) *pgconn.PgConn {
		conn, err := pgconn.Connect(context.Background(), dsn)
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close(context.Background()) })
		return conn
	}
	primary, standby := connect(cluster.Primary.DSN()), connect(cluster.Replicas[0].DSN())
	load := func(conn *pgconn.PgConn) *catalog.Catalog {
		c, err := catalog.Load(context.Background(), conn, catalog.Declared{})
		require.NoError(t, err)
		f, err := catalog.Fingerprint(context.Background(), conn)
		require.NoError(t, err)
		require.Equal(t, f, c.Fingerprint())
		return c
	}
	c := load(standby)
	require.Equal(t, load(primary).Fingerprint(), c.Fingerprint())

	for sql, want := range map[string]bool{
		"select pure(id), counts(s) from t order by id": true,
		"select * from good order by id":                true,
		"select 5::checked, @#@ 1":                      true,
		"select t.id, t.counts from good t order by id": true,
		"select id, writes() from t":                    false,
		"select hidden()":                               false,
		"select reads_scratch()":                        false,
		"select * from scratch":                         false,
		"select * from bad":                             false,
		"select * from worse":                           false,
		"select * from locked":                          false,
		"select * from parent":                          false,
		"select 5::counted":                             false,
		"select t.logs from t":                          false,
	} {
		v, read := judge(c, sql)
		require.Equal(t, want, read, "%s: %+v", sql, v)
		rows, code := answer(t, standby, sql)
		if !want {
			require.Contains(t, []string{"25006", "0A000"}, code, sql)
			continue
		}
		require.Empty(t, code, sql)
		same, _ := answer(t, primary, sql)
		require.Equal(t, same, rows, sql)
	}
}
