package pgsplit_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
	"github.com/pgsplit/pgsplit/internal/statement/corpus"
	"github.com/pgsplit/pgsplit/pgsplittest"
)

// wastefulMost is the share of pure reads that may go to the primary.
const wastefulMost = 0.02

// TestTheCorpusGoesWhereItsAnswersAreThePrimarys routes every statement of the corpus with the driver's own decision and the
// catalog of a real server. What the driver sends to a replica has to be answered there, without a second try, and as
// plain pgx answers on the primary. Both errors are counted: a statement that a replica must not get (unsafe), and a pure
// read that the primary gets (wasteful).
func TestTheCorpusGoesWhereItsAnswersAreThePrimarys(t *testing.T) {
	c := corpusCluster(t)
	var tr trail
	db := traced(t, c, &tr)
	cluster := pgsplit.ClusterOf(db)
	primary := plain(t, c.Primary.DSN())

	var reads, others, unsafe, wasteful, executed, served int
	for _, cs := range corpus.All() {
		e := cluster.Explain(cs.SQL)
		for range 2 { // from then on the text is known
			require.Equal(t, e, cluster.Explain(cs.SQL))
		}
		if cs.Known == corpus.Replica && !cs.Check {
			reads++
		} else {
			others++
		}
		if e.Target != pgsplit.RoleReplica {
			if cs.Known == corpus.Replica && !cs.Check {
				wasteful++
				t.Logf("wasteful: %s: %v: %s", cs.Group, e.Reason, cs.SQL)
			}
			continue
		}
		if cs.Known == corpus.Primary {
			unsafe++
			t.Errorf("unsafe: %s: it belongs to the primary: %s", cs.Group, cs.SQL)
			continue
		}
		executed++
		tr.take()
		here, there := query(t, primary, false, cs.SQL), query(t, db, false, cs.SQL)
		routes, retries := tr.take()
		switch {
		case here.Err != "" && !cs.Check:
			t.Errorf("%s: the primary fails: %s: %s", cs.Group, here.Err, cs.SQL)
		case !alike(here, there, cs.Differs):
			unsafe++
			t.Errorf("unsafe: %s: another answer: %s\nthe primary: %+v\nthrough us: %+v %+v", cs.Group, cs.SQL, here, there, retries)
		case refused(retries), here.Err == "" && (len(retries) > 0 || routes[0].Server.Role != pgsplit.RoleReplica):
			unsafe++
			t.Errorf("unsafe: %s: no replica answered at once: %s\n%+v\n%+v", cs.Group, cs.SQL, routes, retries)
		case here.Err == "":
			served++
		}
	}
	t.Logf("%d pure reads, %d others; %d executed on both, %d answered alike by the replica; unsafe: %d, wasteful: %d (%.2f %% of the pure reads)",
		reads, others, executed, served, unsafe, wasteful, 100*float64(wasteful)/float64(reads))
	require.Zero(t, unsafe)
	require.Less(t, float64(wasteful), wastefulMost*float64(reads))
	require.Greater(t, served, 4000, "the corpus has shrunk")
	require.Empty(t, cluster.Stats().Refusals)
}

// TestAStandbyRefusesWhatTheCorpusKeepsFromIt turns the question round, so that the expectations themselves are checked:
// of what is said to belong to the primary, a standby must refuse all that is said to write. What it answers silently is
// kept from it for a reason of its own.
func TestAStandbyRefusesWhatTheCorpusKeepsFromIt(t *testing.T) {
	c := corpusCluster(t)
	cluster := pgsplit.ClusterOf(handle(t, c))
	conn := standbyConn(t, c)

	answered := map[pgsplit.Reason]int{}
	refusals := 0
	for _, cs := range corpus.All() {
		e := cluster.Explain(cs.SQL)
		if e.Target == pgsplit.RoleReplica || cs.Check {
			continue
		}
		code := standbyAnswer(t, conn, cs.SQL)
		if code != "" {
			refusals++
			continue
		}
		answered[e.Reason]++
		switch e.Reason {
		case pgsplit.ReasonWrites:
			if cs.Group != "effects" && !silentWrite(cs.SQL) { // of those the planner may leave out what has the effect
				t.Errorf("%s: a standby executes it, so what does it write? %s", cs.Group, cs.SQL)
			}
		case pgsplit.ReasonNotUnderstood, pgsplit.ReasonUnknownName:
			t.Errorf("%s: %v, but a standby executes it: %s", cs.Group, e.Reason, cs.SQL)
		}
	}
	t.Logf("refused by the standby: %d; executed there, and kept from it since each server has its own state, by reason: %v", refusals, answered)
	require.Greater(t, refusals, 1000)
}

// silentWrite knows the statements that a standby executes although they have an effect.
func silentWrite(sql string) bool {
	sql = strings.ToLower(sql)
	for _, s := range []string{"explain", "pg_cancel_backend", "pg_terminate_backend", "where false", "= 'nothing'", "do $$", "do language"} {
		if strings.Contains(sql, s) {
			return true
		}
	}
	return false
}

var corpusLazy = lazyCluster{opts: pgsplittest.Options{
	Replicas:   1,
	Parameters: map[string]string{"autovacuum": "off", "jit": "off"}, // EXPLAIN tells both
	SetupSQL: corpus.Schema + `
		grant all on all tables in schema public, app, "Mixed Case" to public;
		grant all on all sequences in schema public, app, "Mixed Case" to public;
		grant usage on schema app, "Mixed Case" to public;`,
}}

func corpusCluster(t testing.TB) *pgsplittest.Cluster {
	t.Helper()
	c := corpusLazy.get(t)
	require.NoError(t, c.WaitForCatchUp())
	return c
}

// alike says whether two outcomes are the same to the application. Where an answer is another one at each call, or on each
// server, their form has to be.
func alike(a, b outcome, differs bool) bool {
	if differs {
		a.Rows, b.Rows = a.Rows[:min(len(a.Rows), 0)], b.Rows[:min(len(b.Rows), 0)]
	}
	return fmt.Sprint(a) == fmt.Sprint(b)
}

// refused says whether a replica has given an error that only a standby gives.
func refused(retries []pgsplit.RetryInfo) bool {
	for _, r := range retries {
		switch code(r.Err) {
		case "25006", "0A000", "55000", "XX000":
			return true
		}
	}
	return false
}

// traced is a handle whose routes are noted.
func traced(t *testing.T, c *pgsplittest.Cluster, tr *trail) *sql.DB {
	t.Helper()
	cfg, err := pgsplit.ParseConfig(dsnWith(c.DSN(), "max_lag=0&monitor_timeout=10s"))
	require.NoError(t, err)
	cfg.Trace = tr.trace()
	db, err := pgsplit.OpenDB(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	replicasServe(t, db, len(c.Replicas))
	return db
}

func standbyConn(t *testing.T, c *pgsplittest.Cluster) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), c.Replicas[0].DSN())
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

// standbyAnswer executes a text on the standby and returns the SQLSTATE that it gives, "" if it executes it.
func standbyAnswer(t *testing.T, conn *pgx.Conn, text string) string {
	t.Helper()
	_, err := conn.PgConn().Exec(t.Context(), text).ReadAll()
	reset(t, conn)
	if err != nil {
		require.NotEmpty(t, code(err), "%s: %v", text, err)
	}
	return code(err)
}

func reset(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	_, err := conn.PgConn().Exec(t.Context(), "rollback").ReadAll()
	require.NoError(t, err)
	_, err = conn.PgConn().Exec(t.Context(), "close all; reset role; reset session authorization; reset all; deallocate all; unlisten *; select pg_advisory_unlock_all()").ReadAll()
	require.NoError(t, err)
}
