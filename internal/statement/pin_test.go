package statement_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/pgsplit/pgsplit/internal/statement"
)

func TestOnlyWhatLeavesSessionStatePins(t *testing.T) {
	var a statement.Analysis
	for _, c := range []struct {
		sql        string
		pin, unpin statement.Pin
	}{
		{"select 1", 0, 0},
		{"insert into t values (1)", 0, 0},
		{"begin", 0, 0},
		{"set a.b = '1'", statement.PinSetting, 0},
		{"SET SESSION search_path TO x", statement.PinSetting, 0},
		{"set time zone 'utc'", statement.PinSetting, 0},
		{"set local a.b = '1'", 0, 0},
		{"set transaction read only", 0, 0},
		{"set session transaction read only", 0, 0},
		{"set constraints all deferred", 0, 0},
		{"set session characteristics as transaction read only", statement.PinSetting, 0},
		{"set transaction_isolation = 'serializable'", statement.PinSetting, 0},
		{"set role x", statement.PinRole, 0},
		{"set local role x", 0, 0},
		{"set session authorization x", statement.PinRole, 0},
		{"reset a.b", statement.PinSetting, 0},
		{"reset all", statement.PinSetting, 0},
		{"reset role", statement.PinRole, 0},
		{"discard all", statement.PinSetting | statement.PinPrepare, 0},
		{"discard temp", 0, statement.PinTempTable},
		{"discard plans", 0, 0},
		{"select set_config('a.b', '1', false)", statement.PinSetting, 0},
		{"select set_config('a.b', '1', true)", 0, 0},
		{"select set_config('a.b', f(1, 2)::text, TRUE)", statement.PinUnknown, 0},
		{"select set_config('a.b', '1', true and false)", statement.PinSetting, 0},
		{"select set_config('a.b', '1', $1)", statement.PinSetting, 0},
		{"select set_config('a.b', '1', not true)", statement.PinSetting, 0},
		{"select set_config(setting_name => 'a.b', new_value => '1', is_local => true)", statement.PinSetting, 0},
		{"select set_config('a', 'b', true), set_config('c', 'd', false)", statement.PinSetting, 0},
		{"select setseed(0.5)", statement.PinSetting, 0},
		{"select pg_replication_origin_session_setup('a')", statement.PinSetting, 0},
		{"select pg_backup_start('a')", statement.PinSetting, 0},
		{"select pg_create_physical_replication_slot('a', true, true)", statement.PinSetting, 0},
		{"select pg_advisory_lock(1)", statement.PinAdvisoryLock, 0},
		{"select pg_try_advisory_lock_shared(1, 2)", statement.PinAdvisoryLock, 0},
		{"select pg_advisory_xact_lock(1)", 0, 0},
		{"select pg_advisory_unlock(1)", 0, 0},
		{"select pg_advisory_unlock_all()", 0, statement.PinAdvisoryLock},
		{"select pg_advisory_unlock_all(), pg_advisory_lock(1)", statement.PinAdvisoryLock, 0},
		{"select pg_advisory_lock(1); select pg_advisory_unlock_all()", 0, statement.PinAdvisoryLock},
		{"select pg_advisory_unlock_all(); select pg_advisory_lock(1)", statement.PinAdvisoryLock, 0},
		{"listen a", statement.PinListen, 0},
		{"unlisten a", 0, 0},
		{"unlisten *", 0, statement.PinListen},
		{"notify a", 0, 0},
		{"prepare p as select 1", statement.PinPrepare, 0},
		{"prepare transaction 'x'", 0, 0},
		{"deallocate all", statement.PinPrepare, 0},
		{"deallocate prepare all", statement.PinPrepare, 0},
		{"deallocate p", 0, 0},
		{"execute p", statement.PinUnknown, 0},
		{"create table t as execute p", statement.PinUnknown, 0},
		{"do 'begin end'", statement.PinUnknown, 0},
		{"call p()", statement.PinUnknown, 0},
		{"select f()", statement.PinUnknown, 0},
		{"frobnicate", statement.PinUnknown, 0},
		{"create temp table t (id int)", statement.PinTempTable, 0},
		{"create local temporary table t as select pg_advisory_lock(1)", statement.PinTempTable | statement.PinAdvisoryLock, 0},
		{"create or replace temp view v as select 1", statement.PinTempTable, 0},
		{"create view v as select pg_advisory_lock(1)", 0, 0},
		{"create temp sequence s", statement.PinTempTable, 0},
		{"create table pg_temp.t (id int)", statement.PinTempTable, 0},
		{"create function pg_temp.f() returns int language sql as 'select 1'", statement.PinTempTable, 0},
		{"create table t (temp int)", 0, 0},
		{"select 1 as a into temporary t", statement.PinTempTable, 0},
		{"select 1 as a into pg_temp.t", statement.PinTempTable, 0},
		{"declare c cursor with hold for select 1", statement.PinHoldCursor, 0},
		{"declare c cursor without hold for select 1", 0, 0},
		{"declare c cursor for select pg_advisory_lock(1)", statement.PinAdvisoryLock, 0},
		{"close all", 0, statement.PinHoldCursor},
		{"load 'x'", statement.PinLoad, 0},
		{"set a.b = '1'; listen c; select 1", statement.PinSetting | statement.PinListen, 0},
		{"with c as (select set_config('a.b', '1', false)) insert into t select * from c", statement.PinSetting, 0},
		{"explain analyze select pg_advisory_lock(1)", statement.PinAdvisoryLock, 0},
	} {
		a.Analyze(c.sql)
		assert.Equal(t, c.pin, a.Pin, c.sql)
		assert.Equal(t, c.unpin, a.Unpin, c.sql)
	}
}

func TestReasonsNameTheFirstCause(t *testing.T) {
	var a statement.Analysis
	for sql, want := range map[string]statement.Reason{
		"select 1": statement.ReasonRead, "": statement.ReasonEmpty, " ; -- x": statement.ReasonEmpty,
		"select 'x": statement.ReasonNotUnderstood, "frobnicate": statement.ReasonNotUnderstood, "select \x00": statement.ReasonNotUnderstood,
		"select '\xff'": statement.ReasonNotUnderstood, "select 1; select 2": statement.ReasonSeveral, "commit": statement.ReasonTransaction,
		"create table t (a int)": statement.ReasonDDL, "insert into t values (f())": statement.ReasonWrites, "select nextval('s')": statement.ReasonWrites,
		"select * from t for share": statement.ReasonLocks, "select pg_advisory_lock(1)": statement.ReasonLocks, "lock t": statement.ReasonLocks,
		"set a = 1": statement.ReasonSession, "show search_path": statement.ReasonSession, "select * from pg_temp.t": statement.ReasonSession,
		"select * from pg_stat_activity": statement.ReasonServerLocal, "select pg_backend_pid()": statement.ReasonServerLocal,
		"select * from pg_class": statement.ReasonCatalog, "select 'a'::regclass": statement.ReasonCatalog, "select f()": statement.ReasonFunction,
	} {
		a.Analyze(sql)
		assert.Equal(t, want, a.Reason(), sql)
		assert.Equal(t, want == statement.ReasonRead, a.Read(), sql)
		assert.NotEmpty(t, a.Reason().String())
		assert.NotEmpty(t, a.Kind.String())
	}
	a.Analyze("select f() from pg_class")
	assert.Equal(t, statement.ReasonCatalog, a.Reason())
	assert.Equal(t, statement.ReasonRead, statement.ReasonOf(a.Flags&^(statement.Catalog|statement.UnknownFunction)))
}

func TestKindIsThatOfTheFirstStatement(t *testing.T) {
	var a statement.Analysis
	for sql, want := range map[string]statement.Kind{
		"select 1; delete from t": statement.Select, "(values (1))": statement.Select, "values (1)": statement.Values, "table t": statement.Table,
		"with a as (select 1) delete from t": statement.Delete, "with a as (delete from t) select 1": statement.Select,
		"insert into t values (1)": statement.Insert, "merge into t using u on true when matched then delete": statement.Merge,
		"explain update t set a = 1": statement.Explain, "copy t from stdin": statement.Copy, "copy t to stdout": statement.CopyOut,
		"copy (select 1) to program 'x'": statement.Copy, "end": statement.Commit, "abort": statement.Rollback, "rollback to a": statement.RollbackTo,
		"prepare transaction 'a'": statement.PrepareTransaction, "prepare a as select 1": statement.Prepare, "": statement.Empty, "x": statement.Unknown,
	} {
		a.Analyze(sql)
		assert.Equal(t, want, a.Kind, sql)
	}
	a.Analyze("select 1; ; select 2;")
	assert.Equal(t, 2, a.Statements)
	a.Analyze("create procedure p() begin atomic insert into t values (1); select 2; end; select 3")
	assert.Equal(t, 2, a.Statements)
	a.Analyze(";")
	assert.Equal(t, 0, a.Statements)
}

func TestHintsAreTakenFromLeadingAndTrailingComments(t *testing.T) {
	var a statement.Analysis
	for sql, want := range map[string]statement.Hint{
		"select 1":                                            statement.HintNone,
		"/* pgsplit: primary */ select 1":                     statement.HintPrimary,
		"/*pgsplit:replica*/select 1":                         statement.HintReplica,
		"select 1 -- pgsplit: replica":                        statement.HintReplica,
		"select 1 -- PGSPLIT: replica":                        statement.HintNone,
		"select 1 -- pgsplit:\tPRIMARY":                       statement.HintPrimary,
		"select 1 /* pgsplit: replica */;":                    statement.HintReplica,
		"select 1; /* pgsplit: replica */":                    statement.HintReplica,
		"select 1 /* a */ /* pgsplit: replica */ ; --":        statement.HintReplica,
		"-- name: x :one\n-- pgsplit: primary\nselect":        statement.HintPrimary,
		"/* app=x, pgsplit: replica, y=z */ select 1":         statement.HintReplica,
		"/* pgsplit: replica */ select 1 -- pgsplit: primary": statement.HintPrimary,
		"/* pgsplit: primary */ select 1 -- pgsplit: replica": statement.HintPrimary,
		"select /* pgsplit: replica */ 1":                     statement.HintNone,
		"select 'pgsplit: replica'":                           statement.HintNone,
		"select 1 as \"/* pgsplit: replica */\"":              statement.HintNone,
		"/* pgsplit: replicas */ select 1":                    statement.HintNone,
		"/* pgsplit: */ select 1":                             statement.HintNone,
		"/* xpgsplit: primary */ select 1":                    statement.HintNone,
		"/* pgsplit: replica */ delete from t":                statement.HintReplica,
	} {
		a.Analyze(sql)
		assert.Equal(t, want, a.Hint, sql)
	}
	a.Analyze("/* pgsplit: replica */ delete from t")
	assert.False(t, a.Read(), "a hint never makes a write a read")
}
