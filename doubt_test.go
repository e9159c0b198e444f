package pgsplit_test

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
	"github.com/pgsplit/pgsplit/pgsplittest"
)

func TestATableCreatedJustNowPinsNoConnectionForGood(t *testing.T) {
	c := pgsplittest.Start(t, pgsplittest.Options{Replicas: 1})
	db := open(t, c.DSN())
	db.SetMaxOpenConns(1)
	replicasServe(t, db, 1)
	_, err := db.ExecContext(t.Context(), "create table fresh (id int)")
	require.NoError(t, err)
	var n int
	require.NoError(t, db.QueryRowContext(t.Context(), "select count(*) from fresh").Scan(&n)) // the catalog lacks it, most likely
	schemaKnown(t, db)
	require.NoError(t, c.WaitForCatchUp())
	require.Eventually(t, func() bool { return who(t, db) == c.Replicas[0].Port }, 10*time.Second, time.Millisecond)
}

func TestAViewThatWasJustReplacedDoesNotLeakItsSetting(t *testing.T) {
	c := pgsplittest.Start(t, pgsplittest.Options{Replicas: 1})
	db := open(t, c.DSN())
	replicasServe(t, db, 1)
	for _, ddl := range []string{"create view tenant as select 'none' as id", "create or replace view tenant as select set_config('app.tenant', 'acme', false) as id"} {
		_, err := db.ExecContext(t.Context(), ddl)
		require.NoError(t, err)
	}
	conn, err := db.Conn(t.Context())
	require.NoError(t, err)
	var id string
	require.NoError(t, conn.QueryRowContext(t.Context(), "select id from tenant").Scan(&id))
	require.NoError(t, conn.Close())
	schemaKnown(t, db)
	db.SetMaxIdleConns(0) // that driver connection goes, and must take its backend with it
	for range 20 {
		var setting string
		require.NoError(t, db.QueryRowContext(t.Context(), "/* pgsplit: primary */ select coalesce(current_setting('app.tenant', true), '')").Scan(&setting))
		require.Empty(t, setting, "a setting of another user of the pool")
	}
}

// unread opens a handle with one driver connection that judges by the catalog as it was then, until settle has it read anew
// and that connection's doubts settled.
func unread(t testing.TB) (db *sql.DB, settle func()) {
	t.Helper()
	db = handle(t, calm(t))
	db.SetMaxOpenConns(1)
	look := pgsplit.ClusterOf(db).IgnoreSchema()
	return db, func() {
		look()
		schemaKnown(t, db)
		require.NoError(t, db.PingContext(t.Context())) // its checkout ends with the catalog read
	}
}

// A migration runs many texts before the catalog has been read again. All of them are judged then, however many there are.
func TestAMigrationPinsNoConnectionForGood(t *testing.T) {
	db, settle := unread(t)
	var drop []string
	for i := range 40 {
		table := unique("migrated")
		execAll(t, db, "create table "+table+" (id int)", "insert into "+table+" values (1), (2)", fmt.Sprintf("insert into %s values (%d)", table, i))
		require.Equal(t, "3", firstValue(t, t.Context(), db, "select count(*) from "+table))
		drop = append(drop, "drop table "+table)
	}
	for i := range 100 { // as libraries write that put the values into the text
		firstValue(t, t.Context(), db, fmt.Sprintf("select '%d%s' from %s", i, strings.Repeat("x", 10_000), strings.TrimPrefix(drop[0], "drop table ")))
	}
	require.Equal(t, map[pgsplit.PinReason]int{pgsplit.PinDoubt: 1}, pins(db))
	settle()
	require.Empty(t, pins(db))
	execAll(t, db, drop...)
}

// What the server did not understand has left nothing behind, whatever else is in doubt.
func TestAMisspeltNamePinsNothing(t *testing.T) {
	db, settle := unread(t)
	conn := connOf(t, db)
	table := unique("spelt")
	execAll(t, conn, "create table "+table+" (id int)", "select count(*) from "+table)
	_, err := conn.ExecContext(t.Context(), "select count(*) from mis"+table)
	require.Equal(t, "42P01", code(err))
	require.NoError(t, conn.Close())
	settle()
	require.Empty(t, pins(db))
	execAll(t, db, "drop table "+table)
}

// A literal may be a query: texts that differ in nothing else leave different things behind.
func TestATextInDoubtIsNotTakenForOneWhoseQueriesInLiteralsDiffer(t *testing.T) {
	db, settle := unread(t)
	conn := connOf(t, db)
	table := unique("literal")
	execAll(t, conn, "create table "+table+" (id int)")
	// The second function is unknown until the catalog is read; it leaves a setting behind.
	function := "set" + table
	execAll(t, conn, "create function "+function+"() returns text language sql as $$select set_config('app.tenant', 'acme', false)$$")
	for _, query := range []string{"select 1 from " + table, "select " + function + "()"} {
		execAll(t, conn, "select query_to_xml('"+query+"', true, true, '')")
	}
	require.NoError(t, conn.Close())
	settle()
	require.NotEmpty(t, pins(db))
	require.NotContains(t, pins(db), pgsplit.PinDoubt)
	require.Equal(t, "acme", firstValue(t, t.Context(), db, "/* pgsplit: primary */ select current_setting('app.tenant', true)"), "as with pgx on one connection")
	execAll(t, db, "drop function "+function, "drop table "+table)
}
