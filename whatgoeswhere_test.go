package pgsplit_test

import (
	"database/sql"
	"database/sql/driver"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
	"github.com/pgsplit/pgsplit/pgsplittest"
)

// own are the objects of the application's own that the examples use. The file below the foreign table exists on every server.
const own = `
create function stable_port() returns int language sql stable as 'select inet_server_port()';
create function stable_pid() returns int language sql stable as 'select pg_backend_pid()';
create function immutable_port() returns int language sql immutable as 'select inet_server_port()';
create function reading_port() returns int language plpgsql stable as 'begin return (select inet_server_port() + 0 * count(*) from item); end';
create function volatile_port() returns int language sql volatile as 'select inet_server_port()';
create view ports as select inet_server_port() as port;
create view volatile_ports as select volatile_port() as port;
create view unlogged_ports as select inet_server_port() as port, count(*) from scratch;
create extension file_fdw;
create server files foreign data wrapper file_fdw;
create foreign table outside (line text) server files options (filename '/dev/null');
create view foreign_ports as select inet_server_port() as port, count(*) from outside;
create table merged (port int);
grant all on all tables in schema public to public;
`

// whatGoesWhere are the rows of the README's table, in its words.
var whatGoesWhere = map[string][]example{
	"`Query` of a SELECT, VALUES, TABLE, WITH of reads, EXPLAIN of a read, outside a transaction": {
		asked("select inet_server_port()"),
		asked("values (inet_server_port())"),
		asked("table ports"),
		asked("with w as (select inet_server_port() as port) select port from w"),
		told("explain (settings) select * from item"),
		told("explain (settings, analyze) select * from item"),
	},
	"`Exec`, whatever it says": {
		{"a read", func(s *scene) string {
			_, err := s.db.ExecContext(s.ctx, fmt.Sprintf("select 1 / (inet_server_port() - %d)", s.c.Primary.Port))
			require.Equal(s.t, "22012", code(err), "only the primary divides by zero")
			return fmt.Sprint(s.c.Primary.Port)
		}},
		{"a write", func(s *scene) string {
			execAll(s.t, s.db, "insert into entry (test, v) values ('what goes where', inet_server_port())")
			return ask(s.t, s.c.Primary, "select distinct v from entry where test = 'what goes where'")
		}},
	},
	"INSERT, UPDATE, DELETE, MERGE, also with RETURNING, also inside WITH; DDL": {
		asked("insert into entry (v) values (1) returning inet_server_port()"),
		asked("update item set n = n where id = 1 returning inet_server_port()"),
		asked("delete from merged returning inet_server_port()", "insert into merged values (1)"),
		asked("with w as (insert into entry (v) values (1) returning inet_server_port()) select * from w"),
		asked("with w as (delete from entry where v = 0) select inet_server_port()"),
		kept("insert into merged values (inet_server_port())", "select max(port) from merged"),
		kept("merge into merged m using (select inet_server_port() as port) p on m.port = 0 when not matched then insert values (p.port)", "select max(port) from merged"),
		kept("create table defined as select inet_server_port() as port", "select port from defined"),
		kept("alter table defined add origin int default inet_server_port()", "select origin from defined"),
	},
	"SELECT … FOR UPDATE / SHARE, LOCK, advisory locks": {
		asked("select inet_server_port() from item where id = 1 for update"),
		asked("select inet_server_port() from item where id = 1 for share"),
		refusedBy("lock table item"), // outside a transaction
		{"lock table in a transaction", func(s *scene) string {
			tx := begin(s.t, s.ctx, s.db, nil)
			firstValue(s.t, s.ctx, tx, "lock table merged in share mode")
			return s.locked("relation = 'merged'::regclass and mode = 'ShareLock'")
		}},
		asked("select inet_server_port(), pg_advisory_xact_lock(47)"),
		{"a session's advisory lock", func(s *scene) string {
			firstValue(s.t, s.ctx, s.conn, "select pg_advisory_lock(4712)")
			defer firstValue(s.t, s.ctx, s.conn, "select pg_advisory_unlock(4712)")
			return s.locked("locktype = 'advisory' and objid = 4712")
		}},
	},
	"SET, set_config, LISTEN, temporary tables, cursors; nextval, currval": {
		asked("select inet_server_port()", "set app.x = 1"),
		asked("select inet_server_port(), set_config('app.y', '1', false)"),
		asked("select inet_server_port() from pg_listening_channels()", "listen news"),
		asked("select port from mine", "create temp table mine as select inet_server_port() as port"),
		asked("fetch all from held", "declare held cursor with hold for select inet_server_port()"),
		asked("select inet_server_port(), nextval('ticket')"),
		asked("select inet_server_port(), currval('ticket')", "select nextval('ticket')"),
	},
	"functions of your own: stable and immutable ones whose bodies only read": {
		asked("select stable_port()"),
		asked("select immutable_port()"),
		asked("select reading_port()"),
	},
	"volatile functions, unlogged and foreign tables, and views over any of these (the catalog tells)": {
		asked("select volatile_port()"),
		asked("select inet_server_port(), count(*) from scratch"),
		asked("select inet_server_port(), count(*) from outside"),
		asked("select port from volatile_ports"),
		asked("select port from unlogged_ports"),
		asked("select port from foreign_ports"),
	},
	"several statements in one text; anything not understood, any name not known": {
		{"several statements", func(s *scene) string {
			return firstValue(s.t, s.ctx, s.simple, "select inet_server_port(); select inet_server_port()")
		}},
		refusedBy("frobnicate the items"),
		{"a table that the catalog did not have", func(s *scene) string {
			defer pgsplit.ClusterOf(s.db).IgnoreSchema()()
			require.NoError(s.t, s.c.Primary.Exec("create table newer (); grant select on newer to public"))
			require.NoError(s.t, s.c.WaitForCatchUp())
			return firstValue(s.t, s.ctx, s.conn, "select inet_server_port(), count(*) from newer")
		}},
	},
	"system catalogs, statistics views, SHOW": {
		asked("select inet_server_port(), count(*) from pg_class"),
		asked("select inet_server_port(), count(*) from information_schema.tables"),
		asked("select inet_server_port(), count(*) from pg_stat_activity"),
		told("show random_page_cost"),
	},
	"a transaction (`BeginTx`, or BEGIN as text), as a whole": {
		inTx("BeginTx", usual, nil),
		inTx("BeginTx, read-only", usual, &sql.TxOptions{ReadOnly: true}),
		inTx("BeginTx, after a write", usual, nil, "insert into entry (v) values (1)"),
		asked("select inet_server_port()", "begin"),
		asked("select inet_server_port(), 2", "begin read only", "select 1"),
	},
	"`TxOptions{ReadOnly: true}` with `read_only_tx=replica`, not SERIALIZABLE": {
		inTx("read-only", reader, &sql.TxOptions{ReadOnly: true}),
		inTx("read-only, repeatable read", reader, &sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead}),
	},
	"a read on a `sql.Conn` that has used the primary, or has session state": {
		readOnConn("insert into entry (v) values (1)"),
		readOnConn("set app.z = 1"),
	},
	"`Ping`, `sql.Conn.Raw`": {
		{"Ping", func(s *scene) string {
			name := unique("pinger")
			db := open(s.t, dsnWith(s.c.DSN(), "application_name="+name))
			require.NoError(s.t, db.PingContext(s.ctx))
			var ports []string
			for _, server := range s.c.Servers() {
				if ask(s.t, server, "select count(*) from pg_stat_activity where application_name = '%s' and query = '-- ping'", name) != "0" {
					ports = append(ports, fmt.Sprint(server.Port))
				}
			}
			return strings.Join(ports, " ")
		}},
		{"Raw", func(s *scene) (port string) {
			require.NoError(s.t, s.conn.Raw(func(dc any) error {
				return dc.(interface{ Conn() *pgx.Conn }).Conn().QueryRow(s.ctx, "select inet_server_port()::text").Scan(&port)
			}))
			return port
		}},
	},
}

// The README's table, row by row, by the word of the server that answers.
func TestWhatGoesWhere(t *testing.T) {
	c := pgsplittest.Start(t, pgsplittest.Options{Replicas: 2, SetupSQL: behaviourSchema + own, ServerParameters: calmCluster.opts.ServerParameters})
	s := scene{
		c: c, db: handle(t, c), simple: handle(t, c, "default_query_exec_mode=simple_protocol"),
		reader: handle(t, c, "read_only_tx=replica"),
	}
	var replicas []string
	for _, r := range c.Replicas {
		replicas = append(replicas, fmt.Sprint(r.Port))
	}
	rows := readmeRows(t)
	require.Len(t, whatGoesWhere, len(rows), "every row has its examples, and nothing else is here")
	for _, row := range rows {
		examples := whatGoesWhere[row.statement]
		require.NotEmpty(t, examples, "the README says something new: %q", row.statement)
		for _, e := range examples {
			t.Run(row.statement+"/"+e.name, func(t *testing.T) {
				if strings.HasPrefix(e.name, "merge ") && ask(t, c.Primary, "select current_setting('server_version_num')::int < 150000") == "t" {
					t.Skip("PostgreSQL 14 has no MERGE")
				}
				at := s
				schemaKnown(t, at.db)
				var tr *trail
				at.t, at.conn = t, connOf(t, at.db)
				at.ctx, tr = follow(t.Context())
				port := e.run(&at)
				require.ErrorIs(t, at.conn.Raw(func(any) error { return driver.ErrBadConn }), driver.ErrBadConn) // its session state goes with it
				if row.replica {
					require.Contains(t, replicas, port)
				} else {
					require.Equal(t, fmt.Sprint(c.Primary.Port), port)
				}
				_, retries := tr.take()
				require.Empty(t, retries, "it came there at once")
			})
		}
	}
	// The exception that the table names.
	require.Equal(t, fmt.Sprint(c.Primary.Port), inTx("", reader, &sql.TxOptions{ReadOnly: true, Isolation: sql.LevelSerializable}).run(
		&scene{t: t, ctx: t.Context(), reader: s.reader}))
}

type readmeRow struct {
	statement string
	replica   bool
}

// readmeRows reads the table from the README.
func readmeRows(t *testing.T) (rows []readmeRow) {
	t.Helper()
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	_, section, found := strings.Cut(string(text), "## What goes where\n")
	require.True(t, found)
	section, _, _ = strings.Cut(section, "\n## ")
	for line := range strings.Lines(section) {
		if !strings.HasPrefix(line, "|") {
			continue
		}
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		require.Len(t, cells, 2, line)
		statement, server := strings.TrimSpace(cells[0]), strings.TrimSpace(cells[1])
		if strings.HasPrefix(statement, "-") || statement == "statement" {
			continue
		}
		require.True(t, slices.ContainsFunc([]string{"a replica", "primary"}, func(word string) bool { return strings.HasPrefix(server, word) }), line)
		rows = append(rows, readmeRow{statement, strings.HasPrefix(server, "a replica")})
	}
	return rows
}
