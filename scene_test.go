package pgsplit_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit/pgsplittest"
)

// example shows on a cluster what a row of the README's table says. It runs on a fresh driver connection.
type example struct {
	name string
	run  func(s *scene) (port string) // of the server that has answered
}

// scene is where an example runs.
type scene struct {
	t      *testing.T
	ctx    context.Context
	c      *pgsplittest.Cluster
	db     *sql.DB
	conn   *sql.Conn
	reader *sql.DB // read_only_tx=replica
	simple *sql.DB // takes several statements in one text
}

// asked is an example of one text whose first value is the port. What goes before it runs on the same connection.
func asked(text string, before ...string) example {
	return example{text, func(s *scene) string {
		for _, b := range before {
			firstValue(s.t, s.ctx, s.conn, b)
		}
		return firstValue(s.t, s.ctx, s.conn, text)
	}}
}

// kept is an example of a text that leaves the port of its server in a table. Only the primary's own word counts.
func kept(text, look string) example {
	return example{text, func(s *scene) string {
		firstValue(s.t, s.ctx, s.conn, text)
		return ask(s.t, s.c.Primary, "%s", look)
	}}
}

// told is an example of a text whose answer has a setting in it that tells a primary from a replica; see calmCluster.
func told(text string) example {
	return example{text, func(s *scene) string {
		rows, err := s.conn.QueryContext(s.ctx, text)
		require.NoError(s.t, err)
		defer rows.Close()
		var all strings.Builder
		for rows.Next() {
			var line string
			require.NoError(s.t, rows.Scan(&line))
			all.WriteString(line)
		}
		require.NoError(s.t, rows.Err())
		for cost, server := range map[string]*pgsplittest.Server{"3.5": s.c.Primary, "4.5": s.c.Replicas[0]} {
			if strings.Contains(all.String(), cost) {
				return fmt.Sprint(server.Port)
			}
		}
		return all.String()
	}}
}

// refusedBy is an example of a text that its server refuses, and notes in its log.
func refusedBy(text string) example {
	return example{text, func(s *scene) string {
		mark := unique("mark")
		rows, err := s.conn.QueryContext(s.ctx, text+" -- "+mark)
		if err == nil {
			rows.Close()
		}
		require.Error(s.t, err)
		var ports []string
		for _, server := range s.c.Servers() {
			if strings.Contains(server.Log(), mark) {
				ports = append(ports, fmt.Sprint(server.Port))
			}
		}
		return strings.Join(ports, " ")
	}}
}

// inTx asks in a transaction.
func inTx(name string, db func(*scene) *sql.DB, opts *sql.TxOptions, before ...string) example {
	return example{name, func(s *scene) string {
		tx, err := db(s).BeginTx(s.ctx, opts)
		require.NoError(s.t, err)
		defer tx.Rollback()
		for _, b := range before {
			firstValue(s.t, s.ctx, tx, b)
		}
		return fmt.Sprint(who(s.t, tx))
	}}
}

func usual(s *scene) *sql.DB  { return s.db }
func reader(s *scene) *sql.DB { return s.reader }

// locked says on which servers somebody holds a lock.
func (s *scene) locked(which string) string {
	var ports []string
	for _, server := range s.c.Servers() {
		if ask(s.t, server, "select count(*) from pg_locks where granted and %s", which) != "0" {
			ports = append(ports, fmt.Sprint(server.Port))
		}
	}
	return strings.Join(ports, " ")
}

// readOnConn is an example of a read on a connection after something else: it is answered by the very same server connection.
func readOnConn(before string) example {
	return example{"after " + before, func(s *scene) string {
		firstValue(s.t, s.ctx, s.conn, before)
		port, pid := firstValue(s.t, s.ctx, s.conn, "select inet_server_port()"), firstValue(s.t, s.ctx, s.conn, "select stable_pid()")
		require.NoError(s.t, s.conn.Raw(func(dc any) error {
			require.Equal(s.t, fmt.Sprint(dc.(interface{ Conn() *pgx.Conn }).Conn().PgConn().PID()), pid)
			return nil
		}))
		return port
	}}
}
