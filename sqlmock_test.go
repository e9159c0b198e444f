package pgsplit_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/DATA-DOG/go-sqlmock"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
)

// mocks are a handle whose servers are scripts of go-sqlmock. When the test ends every expectation has to be met.
type mocks struct {
	db       *sql.DB
	primary  sqlmock.Sqlmock
	replicas []sqlmock.Sqlmock
}

// mockConnector gives connections of one mock.
type mockConnector struct {
	drv driver.Driver
	dsn string
}

func (m mockConnector) Connect(context.Context) (driver.Conn, error) { return m.drv.Open(m.dsn) }
func (m mockConnector) Driver() driver.Driver                        { return m.drv }

func newMock(t testing.TB) (driver.Connector, sqlmock.Sqlmock) {
	t.Helper()
	dsn := unique("mock")
	db, mock, err := sqlmock.NewWithDSN(dsn, sqlmock.QueryMatcherOption(sqlmock.QueryMatcherEqual))
	require.NoError(t, err)
	t.Cleanup(func() {
		mock.ExpectClose()
		db.Close()
	})
	return mockConnector{db.Driver(), dsn}, mock
}

// mocked opens a handle over n mocked replicas, and lets a test change its configuration.
func mocked(t testing.TB, n int, changes ...func(*pgsplit.Config)) *mocks {
	t.Helper()
	m := new(mocks)
	cfg := pgsplit.NewConfig()
	cfg.Primary, m.primary = newMock(t)
	for range n {
		connector, mock := newMock(t)
		cfg.Replicas = append(cfg.Replicas, connector)
		m.replicas = append(m.replicas, mock)
	}
	for _, change := range changes {
		change(cfg)
	}
	var err error
	m.db, err = pgsplit.OpenDB(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { m.db.Close() })
	require.NoError(t, m.db.PingContext(t.Context()))
	cluster := pgsplit.ClusterOf(m.db)
	if n > 0 {
		cluster.LoadCatalog(t.Context()) // there is none
	}
	eventually(t, func() bool {
		for _, s := range cluster.Stats().Servers {
			if !s.Healthy {
				return false
			}
		}
		return true
	})
	return m
}

func (m *mocks) met(t testing.TB) {
	t.Helper()
	require.NoError(t, m.primary.ExpectationsWereMet(), "the primary")
	for _, r := range m.replicas {
		require.NoError(t, r.ExpectationsWereMet(), "a replica")
	}
}

func answers(values ...string) *sqlmock.Rows {
	rows := sqlmock.NewRows([]string{"v"})
	for _, v := range values {
		rows.AddRow(v)
	}
	return rows
}

// value runs a query of one text.
func value(ctx context.Context, q interface {
	QueryRowContext(context.Context, string, ...any) *sql.Row
}, text string, args ...any) (v string, err error) {
	err = q.QueryRowContext(ctx, text, args...).Scan(&v)
	return v, err
}

const readSQL, writeSQL = "select name from item where id = $1", "insert into item (name) values ($1) returning name"

func TestMockedReadsGoToTheReplicaAndTheRestToThePrimary(t *testing.T) {
	m := mocked(t, 1)
	m.replicas[0].ExpectQuery(readSQL).WithArgs(7).WillReturnRows(answers("read"))
	v, err := value(t.Context(), m.db, readSQL, 7)
	require.NoError(t, err)
	require.Equal(t, "read", v)

	m.primary.ExpectQuery(writeSQL).WithArgs("n").WillReturnRows(answers("written"))
	v, err = value(t.Context(), m.db, writeSQL, "n")
	require.NoError(t, err)
	require.Equal(t, "written", v)

	m.primary.ExpectExec("update item set n = 0").WillReturnResult(sqlmock.NewResult(0, 3))
	res, err := m.db.ExecContext(t.Context(), "update item set n = 0")
	require.NoError(t, err)
	n, err := res.RowsAffected()
	require.NoError(t, err)
	require.EqualValues(t, 3, n)

	m.primary.ExpectQuery(readSQL).WillReturnRows(answers("forced"))
	v, err = value(pgsplit.WithPrimary(t.Context()), m.db, readSQL, 7)
	require.NoError(t, err)
	require.Equal(t, "forced", v)

	m.primary.ExpectBegin()
	m.primary.ExpectQuery(readSQL).WillReturnRows(answers("in the transaction"))
	m.primary.ExpectCommit()
	tx, err := m.db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = value(t.Context(), tx, readSQL, 7)
	require.NoError(t, err)
	require.NoError(t, tx.Commit())
	m.met(t)
}

func TestMockedReadsTakeTurns(t *testing.T) {
	m := mocked(t, 3, func(c *pgsplit.Config) { c.Balancer = pgsplit.BalancerRoundRobin })
	for _, r := range m.replicas {
		for range 4 {
			r.ExpectQuery(readSQL).WillReturnRows(answers("x"))
		}
	}
	for range 12 {
		_, err := value(t.Context(), m.db, readSQL, 1)
		require.NoError(t, err)
	}
	m.met(t)
}

func TestMockedPreparedStatementsArePreparedWhereTheyRun(t *testing.T) {
	m := mocked(t, 1)
	m.replicas[0].ExpectPrepare(readSQL).WillBeClosed()
	m.replicas[0].ExpectPrepare(readSQL).WillBeClosed().ExpectQuery().WithArgs(7).WillReturnRows(answers("read"))
	stmt, err := m.db.PrepareContext(t.Context(), readSQL)
	require.NoError(t, err)
	var v string
	require.NoError(t, stmt.QueryRowContext(t.Context(), 7).Scan(&v))
	require.Equal(t, "read", v)
	require.NoError(t, stmt.Close())

	syntax := &pgconn.PgError{Severity: "ERROR", Code: "42601"}
	m.replicas[0].ExpectPrepare("selec").WillReturnError(errors.New("not asked"))
	m.primary.ExpectPrepare("selec").WillReturnError(syntax)
	_, err = m.db.PrepareContext(t.Context(), "selec")
	require.Equal(t, syntax, err)
	require.Error(t, m.replicas[0].ExpectationsWereMet())
	require.NoError(t, m.primary.ExpectationsWereMet())
}

func TestMockedWithoutReplicasEverythingGoesToThePrimary(t *testing.T) {
	m := mocked(t, 0)
	m.primary.ExpectQuery(readSQL).WillReturnRows(answers("read"))
	m.primary.ExpectQuery(writeSQL).WillReturnRows(answers("written"))
	_, err := value(t.Context(), m.db, readSQL, 7)
	require.NoError(t, err)
	_, err = value(pgsplit.WithReplica(t.Context()), m.db, writeSQL, "n")
	require.NoError(t, err)
	m.met(t)
}

// What a replica's error means (design, section 7).
func TestMockedReplicaErrorsAreReRunAsTheyDeserve(t *testing.T) {
	const otherReplica, primary, caller = "another replica", "the primary", "the caller"
	pg := func(severity, code string) error {
		return &pgconn.PgError{Severity: "FEHLER", SeverityUnlocalized: severity, Code: code}
	}
	for _, c := range []struct {
		err  error
		next string
	}{
		{pg("ERROR", "40001"), otherReplica},
		{pg("FATAL", "40001"), otherReplica},
		{pg("ERROR", "40P01"), otherReplica},
		{pg("FATAL", "57P01"), otherReplica},
		{pg("FATAL", "57P02"), otherReplica},
		{pg("FATAL", "57P03"), otherReplica},
		{pg("FATAL", "57P04"), otherReplica},
		{pg("FATAL", "53300"), otherReplica},
		{pg("ERROR", "08006"), otherReplica},
		{pg("FATAL", "28000"), otherReplica},
		{pg("PANIC", "XX000"), otherReplica},
		{&pgconn.PgError{Severity: "FATAL", Code: "XX999"}, otherReplica},
		{driver.ErrBadConn, otherReplica},
		{io.ErrUnexpectedEOF, otherReplica},
		{&net.OpError{Op: "read", Err: errors.New("connection reset by peer")}, otherReplica},
		{pg("ERROR", "57014"), caller},
		{pg("ERROR", "25006"), primary},
		{pg("ERROR", "0A000"), primary},
		{pg("ERROR", "55000"), primary},
		{pg("ERROR", "XX000"), primary},
		{pg("ERROR", "42P01"), primary},
		{pg("ERROR", "42703"), primary},
		{pg("ERROR", "42883"), primary},
		{pg("ERROR", "42501"), primary},
		{pg("ERROR", "22P02"), primary},
		{pg("ERROR", "22012"), primary},
		{pg("ERROR", "53200"), primary},
		{pg("ERROR", "58030"), primary},
	} {
		t.Run(code(c.err)+" "+c.err.Error(), func(t *testing.T) {
			for _, primaryAnswers := range []bool{true, false} {
				m := mocked(t, 2)
				for _, r := range m.replicas {
					r.ExpectQuery(readSQL).WillReturnError(c.err)
				}
				own := &pgconn.PgError{Severity: "ERROR", Code: "P0001", Message: "the primary's own"}
				if expected := m.primary.ExpectQuery(readSQL); primaryAnswers {
					expected.WillReturnRows(answers("from the primary"))
				} else {
					expected.WillReturnError(own)
				}
				v, err := value(t.Context(), m.db, readSQL, 7)
				asked := 0
				for _, r := range m.replicas {
					if r.ExpectationsWereMet() == nil {
						asked++
					}
				}
				if c.next == caller {
					require.Equal(t, c.err, err)
					require.Equal(t, 1, asked)
					require.Error(t, m.primary.ExpectationsWereMet(), "the primary was asked")
					continue
				}
				require.Equal(t, map[string]int{otherReplica: 2, primary: 1}[c.next], asked, "replicas that were asked")
				require.NoError(t, m.primary.ExpectationsWereMet(), "the primary was not asked")
				if primaryAnswers {
					require.NoError(t, err)
					require.Equal(t, "from the primary", v)
				} else {
					require.Equal(t, own, err)
				}
			}
		})
	}
}

func TestMockedReplicaInTroubleIsLeftAloneForAWhile(t *testing.T) {
	m := mocked(t, 1, func(c *pgsplit.Config) { c.MonitorInterval = 300 * time.Millisecond })
	m.replicas[0].ExpectQuery(readSQL).WillReturnError(&pgconn.PgError{Severity: "FATAL", Code: "57P01"})
	for range 3 {
		m.primary.ExpectQuery(readSQL).WillReturnRows(answers("from the primary"))
	}
	for range 3 {
		v, err := value(t.Context(), m.db, readSQL, 7)
		require.NoError(t, err)
		require.Equal(t, "from the primary", v)
	}
	m.met(t)
	require.False(t, pgsplit.ClusterOf(m.db).Stats().Servers[1].Healthy)
	eventually(t, func() bool { return pgsplit.ClusterOf(m.db).Stats().Servers[1].Healthy })
	m.replicas[0].ExpectQuery(readSQL).WillReturnRows(answers("well again"))
	v, err := value(t.Context(), m.db, readSQL, 7)
	require.NoError(t, err)
	require.Equal(t, "well again", v)
}

func TestMockedConflictLeavesTheReplicaInUse(t *testing.T) {
	m := mocked(t, 1)
	m.replicas[0].ExpectQuery(readSQL).WillReturnError(&pgconn.PgError{Severity: "ERROR", Code: "40001"})
	m.primary.ExpectQuery(readSQL).WillReturnRows(answers("from the primary"))
	m.replicas[0].ExpectQuery(readSQL).WillReturnRows(answers("next"))
	for _, want := range []string{"from the primary", "next"} {
		v, err := value(t.Context(), m.db, readSQL, 7)
		require.NoError(t, err)
		require.Equal(t, want, v)
	}
	m.met(t)
}
