package pgsplit_test

import (
	"database/sql"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit/pgsplittest"
)

// A new primary takes writes: nothing of a session with the old one may be among them.
func TestNothingOfADeadSessionGoesOnOnANewPrimary(t *testing.T) {
	t.Parallel()
	c := pgsplittest.Start(t, pgsplittest.Options{Replicas: 1, SetupSQL: behaviourSchema})
	var all []*victim
	var handles []*sql.DB
	for _, wrapper := range slices.Sorted(maps.Keys(victimWrappers)) {
		db := victimHandle(t, c, true, wrapper, nil)
		handles = append(handles, db)
		for _, state := range victimStates {
			v := &victim{name: state.name + "/" + wrapper, conn: connOf(t, db), inTx: state.inTx}
			state.make(t, v)
			all = append(all, v)
		}
	}
	require.NoError(t, c.Primary.Kill())
	require.NoError(t, c.Promote(c.Replicas[0]))
	for _, db := range handles {
		eventually(t, func() bool {
			_, err := db.ExecContext(t.Context(), "insert into entry (test) values ('after')")
			return err == nil
		})
	}
	for _, v := range all {
		v.goOn(t.Context())
		require.NotContains(t, v.account, "exec: ok", v.name)
		require.NotContains(t, v.account, "read: ok", v.name)
		require.NotContains(t, v.account, "commit: ok", v.name)
		require.NotContains(t, v.account, "begin: ok", v.name)
	}
	require.Equal(t, "0", ask(t, c.Replicas[0], "select count(*) from entry where v = 2"))
	for _, db := range handles {
		require.Empty(t, firstValue(t, t.Context(), db, "select coalesce(current_setting('app.lost', true), '')"))
	}
}
