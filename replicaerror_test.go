package pgsplit_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
	"github.com/pgsplit/pgsplit/pgsplittest"
)

// code is the SQLSTATE of an error, "" if it has none.
func code(err error) string {
	if pgErr := (*pgconn.PgError)(nil); errors.As(err, &pgErr) {
		return pgErr.Code
	}
	return ""
}

// healed runs a read that a replica answers with an error of this SQLSTATE, which the application must not see, and
// returns the first column of its first row and who gave the answer.
func healed(t testing.TB, db *sql.DB, sqlstate, text string, args ...any) (string, pgsplit.RouteInfo) {
	t.Helper()
	ctx, tr := follow(t.Context())
	value := firstValue(t, ctx, db, text, args...)
	routes, retries := tr.take()
	require.NotEmpty(t, retries, "no replica has failed")
	require.Equal(t, sqlstate, code(retries[0].Err), "%v", retries[0].Err)
	require.Equal(t, pgsplit.RoleReplica, retries[0].Server.Role)
	return value, routes[len(routes)-1]
}

// caught waits until a read that sleeps on the victim does so, and returns its pid; "" if another server has answered it.
func caught[T any](t testing.TB, victim *pgsplittest.Server, mark string, answer <-chan T) (pid string) {
	t.Helper()
	eventually(t, func() bool {
		pid = ask(t, victim, "select coalesce(min(pid)::text, '') from pg_stat_activity where query like '%%%s%%' and wait_event = 'PgSleep'", mark)
		return pid != "" || len(answer) > 0
	})
	return pid
}

type answer struct {
	value string
	err   error
}

// background runs a query that returns one text.
func background(ctx context.Context, db *sql.DB, text string) <-chan answer {
	c := make(chan answer, 1)
	go func() {
		var a answer
		a.err = db.QueryRowContext(ctx, text).Scan(&a.value)
		c <- a
	}()
	return c
}

// busy waits until a server runs a statement that matches, and returns its pid.
func busy(t testing.TB, servers []*pgsplittest.Server, like string) (*pgsplittest.Server, string) {
	t.Helper()
	var server *pgsplittest.Server
	var pid string
	eventually(t, func() bool {
		for _, s := range servers {
			pid = ask(t, s, "select coalesce(min(pid)::text, '') from pg_stat_activity where query like '%%%s%%' and state = 'active' and pid <> pg_backend_pid()", like)
			if pid != "" {
				server = s
				return true
			}
		}
		return false
	}, "nobody runs "+like)
	return server, pid
}

func TestIdleConnectionsThatAReplicaHasTerminatedCostNoRead(t *testing.T) {
	c := calm(t)
	application := unique("terminated")
	db := handle(t, c, "application_name="+application)
	opened := func() (n int64) {
		for i := range c.Servers() {
			n += serverStats(db, i).Opened
		}
		return n
	}
	for range 2 {
		for range 4 {
			require.True(t, isReplica(t, db))
		}
		before := opened()
		for _, r := range c.Replicas {
			ask(t, r, "select count(pg_terminate_backend(pid, 10000)) from pg_stat_activity where application_name = '%s'", application)
		}
		who(t, db) // does not fail
		eventually(t, func() bool { return isReplica(t, db) }, "they serve again")
		require.Greater(t, opened(), before, "the test has broken nothing")
	}
}

// untilOn begins a query on a replica that another replica answers at once, and returns what it will be answered, and the process
// that sleeps for it.
func untilOn(t testing.TB, ctx context.Context, db *sql.DB, victim *pgsplittest.Server) (<-chan answer, string) {
	t.Helper()
	for {
		mark := unique("victim")
		read := background(ctx, db, fmt.Sprintf("select inet_server_port()::text from pg_sleep(case inet_server_port() when %d then 60 else 0 end) /* %s */", victim.Port, mark))
		if pid := caught(t, victim, mark, read); pid != "" {
			return read, pid
		}
		require.NoError(t, (<-read).err) // it was the other's turn
	}
}

func TestAReadWhoseBackendIsTerminatedRunsOnTheOtherReplica(t *testing.T) {
	c := calm(t)
	db := handle(t, c)
	victim, other := c.Replicas[0], c.Replicas[1]
	ctx, tr := follow(t.Context())
	read, pid := untilOn(t, ctx, db, victim)
	tr.take()
	terminate(t, victim, pid)
	a := <-read
	require.NoError(t, a.err)
	routes, retries := tr.take()
	require.Equal(t, fmt.Sprint(other.Port), a.value, "%v %v", routes, retries)
	require.Len(t, retries, 1)
	require.Equal(t, "57P01", code(retries[0].Err), "%v", retries[0].Err)
}

func TestAReadInConflictWithRecoveryRunsElsewhere(t *testing.T) {
	c := rough(t)
	impatient(t, c)
	require.NoError(t, c.Primary.Exec("drop table if exists conflict; create table conflict as select 1 as v; grant all on conflict to public"))
	require.NoError(t, c.WaitForCatchUp())
	db := handle(t, c)
	mark := unique("conflict")
	ctx, tr := follow(t.Context())
	// Fast where it runs after the conflict.
	answer := background(ctx, db, "select pg_is_in_recovery()::text from conflict, pg_sleep(case when v = 1 then 60 else 0 end) /* "+mark+" */")
	eventually(t, func() bool { // it is active while it is only prepared, too, and would find what comes next in its way
		for _, r := range c.Replicas {
			if ask(t, r, "select count(*) from pg_stat_activity where query like '%%%s%%' and wait_event = 'PgSleep'", mark) == "1" {
				return true
			}
		}
		return false
	})
	// To replay the exclusive lock of this, a standby has to cancel who reads the table.
	require.NoError(t, c.Primary.Exec("begin; lock table conflict in access exclusive mode; update conflict set v = 2; commit"))
	select {
	case a := <-answer:
		require.NoError(t, a.err)
	case <-time.After(30 * time.Second):
		t.Fatal("the read does not end")
	}
	_, retries := tr.take()
	require.NotEmpty(t, retries)
	require.Equal(t, "40001", code(retries[0].Err), "%v", retries[0].Err)
	for _, s := range pgsplit.ClusterOf(db).Stats().Servers {
		require.True(t, s.Healthy, "a conflict is no reason to leave %s out", s.Name)
	}
}

// A handle that does not know yet that a table has become unlogged asks a replica, once.
func TestATableThatHasBecomeUnloggedIsReadOnThePrimary(t *testing.T) {
	c := calm(t)
	table := unique("unlogged")
	require.NoError(t, c.Primary.Exec("create table "+table+" as select 1 as v; grant select on "+table+" to public"))
	require.NoError(t, c.WaitForCatchUp())
	db := handle(t, c, "default_query_exec_mode=exec", "max_lag=0")
	settled(t, db)
	defer pgsplit.ClusterOf(db).IgnoreSchema()()
	require.NoError(t, c.Primary.Exec("alter table "+table+" set unlogged"))
	require.NoError(t, c.WaitForCatchUp())
	ctx, tr := follow(t.Context())
	text := "select pg_is_in_recovery(), v from " + table
	require.Equal(t, "false", firstValue(t, ctx, db, text))
	routes, retries := tr.take()
	require.Len(t, routes, 2)
	require.Equal(t, pgsplit.RoleReplica, routes[0].Server.Role)
	require.Equal(t, pgsplit.RolePrimary, routes[1].Server.Role)
	require.Equal(t, pgsplit.ReasonReplicaFailed.String(), routes[1].Reason.String())
	require.Equal(t, 2, routes[1].Attempt)
	require.Equal(t, "0A000", code(retries[0].Err))
	require.True(t, isReplica(t, db), "the replica stays in use")

	require.Equal(t, "false", firstValue(t, ctx, db, "SELECT pg_is_in_recovery(),v FROM "+table))
	require.Equal(t, pgsplit.ReasonRefused.String(), tr.only(t).Reason.String(), "it is remembered")
}

// What a paused replica has not replayed yet is no error for the application.
func TestWhatIsNotReplayedYetIsReadOnThePrimary(t *testing.T) {
	c := rough(t)
	require.NoError(t, c.Primary.Exec(`drop table if exists grown, secret, moody; drop type if exists mood;
		create table grown (id int); create table secret as select 1 as v; create type mood as enum ('happy'); create table moody (m mood);
		grant select on moody to public; revoke all on secret from public, app`))
	require.NoError(t, c.WaitForCatchUp())
	for _, mode := range []string{"cache_statement", "exec", "simple_protocol"} {
		db := handle(t, c, "max_lag=0", "default_query_exec_mode="+mode)
		// So that pgx has cached what will be outdated.
		firstValue(t, t.Context(), db, "select * from grown")
		for _, r := range c.Replicas {
			require.NoError(t, r.PauseReplay())
		}
		change := unique("change")
		require.NoError(t, c.Primary.Exec(fmt.Sprintf(`create table %[1]s as select 7 as id; alter table grown add column %[1]s int default 8; insert into grown values (1);
			grant select on %[1]s to public; alter type mood add value '%[1]s'; grant select on secret to app`, change)))
		require.NoError(t, c.Primary.Exec(fmt.Sprintf("insert into moody select '%s'", change)))
		require.NoError(t, pgsplit.ClusterOf(db).LoadCatalog(t.Context())) // unknown names would go to the primary at once
		for _, read := range []struct {
			code, text, want string
			args             []any
		}{
			{"42P01", "select id from " + change, "7", nil},
			{"42703", "select " + change + " from grown limit 1", "8", nil},
			{"22P02", "select count(*) from moody where m = $1", "1", []any{change}},
			{"42501", "select v from secret", "1", nil},
		} {
			value, last := healed(t, db, read.code, read.text, read.args...)
			require.Equal(t, read.want, value, "%s: %s", mode, read.text)
			require.Equal(t, pgsplit.RolePrimary, last.Server.Role)
			stmt := prepare(t, db, read.text)
			require.NoError(t, stmt.QueryRowContext(t.Context(), read.args...).Scan(new(any)), "%s: prepared: %s", mode, read.text)
		}
		for _, r := range c.Replicas {
			require.NoError(t, r.ResumeReplay())
		}
		require.NoError(t, c.WaitForCatchUp())
		for _, text := range []string{"select id from " + change, "select " + change + " from grown limit 1", "select v from secret"} {
			ctx, tr := follow(t.Context())
			firstValue(t, ctx, db, text)
			require.Equal(t, pgsplit.RoleReplica, tr.only(t).Server.Role, "nothing of that is remembered: %s", text)
		}
		require.NoError(t, c.Primary.Exec("revoke all on secret from app"))
		require.NoError(t, c.WaitForCatchUp())
	}
}

func TestAReplicaWithoutAFreeSlotIsLeftAloneForAWhile(t *testing.T) {
	c := calm(t) // the role may have four connections on each server
	ctx, tr := follow(t.Context())
	db := handleAs(t, c, "few", "few")
	var fillers []*sql.Conn
	for _, r := range c.Replicas {
		filler := plain(t, as(t, r.DSN(), "few", "few"))
		for {
			conn, err := filler.Conn(t.Context())
			if err != nil {
				require.Equal(t, "53300", code(err), "%v", err)
				break
			}
			fillers = append(fillers, conn)
		}
	}
	require.NotEmpty(t, fillers)
	require.Equal(t, "false", firstValue(t, ctx, db, isReplicaSQL))
	_, retries := tr.take()
	require.NotEmpty(t, retries)
	require.Equal(t, "53300", code(retries[0].Err), "%v", retries[0].Err)
	for _, conn := range fillers {
		conn.Raw(func(any) error { return driver.ErrBadConn })
	}
	eventually(t, func() bool { return firstValue(t, t.Context(), db, isReplicaSQL) == "true" }, "it serves again when there is room")
}

// handleAs is handle for another role than the application's.
func handleAs(t testing.TB, c *pgsplittest.Cluster, user, password string, params ...string) *sql.DB {
	t.Helper()
	db := open(t, dsnWith(as(t, c.DSN(), user, password), params...))
	replicasServe(t, db, len(c.Replicas))
	within(t, db, 10*time.Second)
	return db
}

// A wrong statement fails on a replica first; what the application gets is the primary's own error.
func TestAWrongStatementGetsThePrimarysError(t *testing.T) {
	c := calm(t)
	direct := plain(t, c.Primary.DSN())
	db := handle(t, c)
	for _, wrong := range []struct {
		text, code string
		asked      bool // a replica is asked first; names that the catalog lacks are the primary's at once
	}{
		{"select nothing from item", "42703", true},
		{"select 1/0", "22012", true},
		{"select 'x'::int from item", "22P02", true},
		{"select n from item group by name", "42803", true},
		{"select (select id from item where true)", "21000", true},
		{"select name || from item", "42601", true},
		{"select * from nowhere", "42P01", false},
		{"select no_such_function(id) from item", "42883", false},
	} {
		_, want := direct.QueryContext(t.Context(), wrong.text)
		ctx, tr := follow(t.Context())
		_, got := db.QueryContext(ctx, wrong.text)
		require.Equal(t, wrong.code, code(got))
		require.Equal(t, want, got)
		routes, retries := tr.take()
		require.Equal(t, pgsplit.RolePrimary, routes[len(routes)-1].Server.Role, wrong.text)
		if wrong.asked {
			require.Equal(t, pgsplit.RoleReplica, routes[0].Server.Role, wrong.text)
			require.Len(t, routes, 2, wrong.text)
			require.Len(t, retries, 1, wrong.text)
			require.True(t, isReplica(t, db), "the replica stays in use")
		}
	}
}
