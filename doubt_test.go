package pgsplit_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

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
