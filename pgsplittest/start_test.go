package pgsplittest_test

import (
	"context"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit/pgsplittest"
)

func TestStartGivesAPrimaryAndStreamingReplicas(t *testing.T) {
	begin := time.Now()
	c := pgsplittest.Start(t, pgsplittest.Options{Replicas: 2, Logf: t.Logf, SetupSQL: itemsTable + "; insert into items values (1)"})
	t.Logf("started in %v", time.Since(begin).Round(time.Millisecond))

	require.Equal(t, "primary", c.Primary.Name)
	require.Equal(t, "replica2", c.Replicas[1].Name)
	requireRoles(t, c, c.Primary)
	for _, s := range c.Servers() {
		require.Equal(t, "1", countItems(t, s), "what SetupSQL did is everywhere")
	}
	streaming, err := c.Primary.QueryString("select string_agg(application_name || ' ' || state, ', ' order by application_name) from pg_stat_replication")
	require.NoError(t, err)
	require.Equal(t, "replica1 streaming, replica2 streaming", streaming)
}

func TestLoginRoleIsOrdinaryAndNeedsItsPassword(t *testing.T) {
	ctx := context.Background()
	c := pgsplittest.Start(t, pgsplittest.Options{SetupSQL: "create table made_by_superuser (id serial)"})

	all, err := pgx.ParseConfig(c.DSN())
	require.NoError(t, err)
	require.Equal(t, []any{c.User, c.Password, c.Database}, []any{all.User, all.Password, all.Database})

	conn, err := pgx.Connect(ctx, c.Primary.DSN())
	require.NoError(t, err)
	defer conn.Close(ctx)
	var super bool
	require.NoError(t, conn.QueryRow(ctx, "select rolsuper or rolcreatedb or rolcreaterole or rolreplication from pg_roles where rolname = current_user").Scan(&super))
	require.False(t, super)
	for _, sql := range []string{
		"create table t (id int)", "create schema s", "insert into t values (1)",
		"insert into made_by_superuser default values", "select * from made_by_superuser",
	} {
		_, err := conn.Exec(ctx, sql)
		require.NoError(t, err, sql)
	}
	_, err = conn.Exec(ctx, "alter table made_by_superuser add more int")
	require.ErrorContains(t, err, "must be owner")

	all.Password = "wrong"
	_, err = pgx.ConnectConfig(ctx, all)
	require.ErrorContains(t, err, "28P01")
}

func TestParametersOfAllAndOfOneServer(t *testing.T) {
	c := pgsplittest.Start(t, pgsplittest.Options{
		Replicas:   1,
		Parameters: map[string]string{"work_mem": "5MB", "application_name": `it's a \ test`, "port": "1"},
		ServerParameters: func(name string) map[string]string {
			if name == "replica1" {
				return map[string]string{"work_mem": "6MB"}
			}
			return nil
		},
	})
	show := func(s *pgsplittest.Server, name string) string {
		value, err := s.QueryString("show " + name)
		require.NoError(t, err)
		return value
	}
	require.Equal(t, "5MB", show(c.Primary, "work_mem"))
	require.Equal(t, "6MB", show(c.Replicas[0], "work_mem"))
	require.Equal(t, `it's a \ test`, show(c.Replicas[0], "application_name"))

	pending, err := c.Primary.SetParameter("work_mem", "7MB")
	require.NoError(t, err)
	require.False(t, pending)
	require.Equal(t, "7MB", show(c.Primary, "work_mem"))

	pending, err = c.Primary.SetParameter("max_connections", "201")
	require.NoError(t, err)
	require.True(t, pending)
	require.Equal(t, "200", show(c.Primary, "max_connections"))

	_, err = c.Primary.SetParameter("work_mem", "much")
	require.ErrorContains(t, err, `primary: set work_mem:`)
	_, err = c.Primary.SetParameter("no_such_parameter", "1")
	require.ErrorContains(t, err, "unrecognized configuration parameter")
	_, err = c.Primary.SetParameter("app.tenant", "x")
	require.NoError(t, err)
	require.Equal(t, "x", show(c.Primary, "app.tenant"))

	require.NoError(t, c.Primary.Stop())
	pending, err = c.Primary.SetParameter("work_mem", "8MB")
	require.NoError(t, err)
	require.True(t, pending)
	require.NoError(t, c.Primary.Start())
	require.Equal(t, "8MB", show(c.Primary, "work_mem"))
	require.Equal(t, "201", show(c.Primary, "max_connections"))
}

func TestFreshSystemsDiffer(t *testing.T) {
	var identifiers []string
	for range 2 {
		c := pgsplittest.Start(t, pgsplittest.Options{Replicas: 1, FreshSystem: true})
		id, err := c.Primary.QueryString("select system_identifier from pg_control_system()")
		require.NoError(t, err)
		identifiers = append(identifiers, id)
	}
	require.NotEqual(t, identifiers[0], identifiers[1])
}

func TestTwoClustersAtOnce(t *testing.T) {
	for _, name := range []string{"a", "b"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := pgsplittest.Start(t, pgsplittest.Options{Replicas: 1, SetupSQL: itemsTable})
			for i := range 5 {
				insertItem(t, c.Primary)
				require.NoError(t, c.WaitForCatchUp())
				require.Equal(t, string('1'+rune(i)), countItems(t, c.Replicas[0]))
			}
		})
	}
}

func TestCloseLeavesNoGoroutineAndNoFolder(t *testing.T) {
	before := runtime.NumGoroutine()
	temp := traversableTemp(t)
	t.Setenv(pgsplittest.EnvDir, temp)
	c, err := pgsplittest.Run(context.Background(), pgsplittest.Options{Replicas: 1, Proxy: true})
	require.NoError(t, err)
	conn, err := pgx.Connect(context.Background(), c.Primary.DSN())
	require.NoError(t, err)
	require.NoError(t, c.Close())
	require.NoError(t, c.Close(), "a second time")
	require.ErrorContains(t, c.Primary.Start(), "the cluster is closed")
	require.Error(t, conn.Ping(context.Background()))
	for end := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%s", stacks[:runtime.Stack(stacks, true)])
		}
	}
	left, err := os.ReadDir(temp)
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestRunFailsCleanly(t *testing.T) {
	temp := traversableTemp(t)
	t.Setenv(pgsplittest.EnvDir, temp)
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	for want, run := range map[string]func() error{
		"unrecognized configuration parameter": func() error {
			_, err := pgsplittest.Run(context.Background(), pgsplittest.Options{Parameters: map[string]string{"no_such_parameter": "1"}})
			return err
		},
		"SetupSQL: ERROR: syntax error": func() error {
			_, err := pgsplittest.Run(context.Background(), pgsplittest.Options{SetupSQL: "creat table t ()"})
			return err
		},
		"context canceled": func() error {
			_, err := pgsplittest.Run(cancelled, pgsplittest.Options{})
			return err
		},
	} {
		err := run()
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, "pgsplittest: ")
		left, err := os.ReadDir(temp)
		require.NoError(t, err)
		require.Empty(t, left)
	}
}
