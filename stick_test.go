package pgsplit_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
	"github.com/pgsplit/pgsplit/pgsplittest"
)

// Servers without positions are used by time: the documented weaker guarantee.
func TestReadsStickToThePrimaryAfterAWriteWhereThereAreNoPositions(t *testing.T) {
	t.Parallel() // it mostly waits
	one, two := separate(t, 0), separate(t, 0)
	dsn := dsnWith(one.Primary.DSN(), fmt.Sprintf("replicas=postgres%%3A%%2F%%2F%s%%3A%s%%40127.0.0.1%%3A%d%%2Fapp", two.User, two.Password, two.Primary.Port), "roles=static")
	for _, mode := range []string{"on", "strict", "session", "off"} {
		t.Run(mode, func(t *testing.T) {
			ctx, rule := t.Context(), mode
			if mode == "session" {
				ctx, rule = pgsplit.WithSession(ctx, pgsplit.NewSession()), "off"
			}
			const stick = 400 * time.Millisecond
			params := []string{"read_your_writes=" + rule, "stick_after_write=" + stick.String(), "wait=1h"} // there is nothing to wait for
			db := open(t, dsnWith(dsn, params...))
			require.NoError(t, pgsplit.ClusterOf(db).LoadCatalog(ctx))
			port := func(ctx context.Context) int {
				return atoi(t, firstValue(t, ctx, db, "select inet_server_port() from entry right join (select 1) x on true limit 1"))
			}
			eventually(t, func() bool { return port(t.Context()) == two.Primary.Port })
			began := time.Now()
			require.NoError(t, writeByExec.run(ctx, db, "insert into entry (test, v) values ('stick', 1)"))
			for reads := 0; ; reads++ {
				got := port(ctx)
				if time.Since(began) >= stick {
					break
				}
				if mode == "off" {
					require.Equal(t, two.Primary.Port, got)
					return
				}
				require.Equal(t, one.Primary.Port, got)
				if mode == "on" {
					_, replica := readsOnReplica(t, ctx, db, "select count(*) from item")
					require.True(t, replica || time.Since(began) >= stick, "nobody has written there")
				}
			}
			eventually(t, func() bool { return port(ctx) == two.Primary.Port }, "it sticks for ever")
			if mode == "session" {
				other := open(t, dsnWith(dsn, params...))
				require.NoError(t, pgsplit.ClusterOf(other).LoadCatalog(ctx))
				for {
					written := time.Now()
					require.NoError(t, writeByExec.run(ctx, other, "insert into entry (test, v) values ('stick', 1)"))
					got := port(ctx)
					if time.Since(written) < stick {
						require.Equal(t, one.Primary.Port, got, "it was written through another handle")
						break
					}
				}
				eventually(t, func() bool { return port(ctx) == two.Primary.Port }, "it sticks for ever")
				for {
					resumed := time.Now()
					again, err := pgsplit.ResumeSession(t.Context(), pgsplit.SessionOf(ctx).Token(), db)
					require.NoError(t, err)
					got := port(pgsplit.WithSession(t.Context(), again))
					if time.Since(resumed) < stick {
						require.Equal(t, one.Primary.Port, got, "nobody knows when the token was made")
						break
					}
				}
			}
		})
	}
}

// lookAlikes makes schemas named like errors: whoever has one before pg_catalog in the search path gets that error from a server
// that is asked for its position.
func lookAlikes(sqlstates ...string) string {
	var b strings.Builder
	b.WriteString(behaviourSchema)
	for _, code := range sqlstates {
		fmt.Fprintf(&b, "create schema e%[1]s; grant usage on schema e%[1]s to public;", code)
		for _, f := range []string{"pg_last_wal_replay_lsn", "pg_current_wal_insert_lsn"} {
			fmt.Fprintf(&b, "create function e%[1]s.%[2]s() returns pg_lsn language plpgsql as $$ begin raise exception using errcode = '%[1]s'; end $$;", code, f)
		}
	}
	return b.String()
}

func TestStandbysThatTellNoPositionAreUsedByTime(t *testing.T) {
	t.Parallel() // it mostly waits
	none := map[string]bool{
		"0A000": true, // not supported, as Aurora says
		"42883": true, // no such function
		// There are positions, if nobody has told them yet:
		"42501": false, // not for this role
		"40001": false, // conflict with recovery
		"57014": false, // the role's statement_timeout
	}
	c := pgsplittest.Start(t, pgsplittest.Options{Replicas: 1, SetupSQL: lookAlikes(slices.Collect(maps.Keys(none))...)})
	for sqlstate, byTime := range none {
		t.Run(sqlstate, func(t *testing.T) {
			const stick = 300 * time.Millisecond
			db := open(t, dsnWith(c.DSN(), "read_your_writes=strict", "stick_after_write="+stick.String(), "max_lag=0", "search_path=e"+sqlstate+",pg_catalog,public"))
			require.NoError(t, pgsplit.ClusterOf(db).LoadCatalog(t.Context()))
			eventually(t, func() bool { return isReplica(t, db) }, "nothing was written")
			require.NoError(t, writeByExec.run(t.Context(), db, "insert into entry (test, v) values ('stick', 1)"))
			if byTime {
				eventually(t, func() bool { return isReplica(t, db) })
				return
			}
			for deadline := time.Now().Add(2 * stick); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
				require.False(t, isReplica(t, db))
			}
		})
	}
}
