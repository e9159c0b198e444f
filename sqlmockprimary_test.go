package pgsplit_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"testing"
	"time"

	"github.com/DATA-DOG/go-sqlmock"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
)

// unreachable is a connector whose server is not there.
type unreachable struct{ driver.Connector }

var errUnreachable = errors.New("no route to the server")

func (unreachable) Connect(context.Context) (driver.Conn, error) { return nil, errUnreachable }

func TestMockedReadsGoToThePrimaryWhenTheReplicaCannotBeReached(t *testing.T) {
	primary, mock := newMock(t)
	cfg := pgsplit.NewConfig()
	cfg.Primary, cfg.Replicas = primary, []driver.Connector{unreachable{primary}}
	db, err := pgsplit.OpenDB(cfg)
	require.NoError(t, err)
	defer db.Close()
	for range 3 {
		mock.ExpectQuery(readSQL).WillReturnRows(answers("from the primary"))
		v, err := value(t.Context(), db, readSQL, 7)
		require.NoError(t, err)
		require.Equal(t, "from the primary", v)
	}
	require.NoError(t, mock.ExpectationsWereMet())
}

func TestMockedConnectorsOwnErrorIsGivenWhenNoServerIsThere(t *testing.T) {
	primary, _ := newMock(t)
	for _, replicas := range [][]driver.Connector{nil, {unreachable{primary}}} {
		cfg := pgsplit.NewConfig()
		cfg.Primary, cfg.Replicas = unreachable{primary}, replicas
		db, err := pgsplit.OpenDB(cfg)
		require.NoError(t, err)
		defer db.Close()
		begin := time.Now()
		_, err = value(t.Context(), db, readSQL, 7)
		require.Equal(t, errUnreachable, err)
		_, err = db.ExecContext(t.Context(), writeSQL)
		require.Equal(t, errUnreachable, err)
		require.Less(t, time.Since(begin), 5*time.Second, "at once")
	}
}

func TestMockedContextErrorsOfAReplicaAreTheAnswer(t *testing.T) {
	m := mocked(t, 1)
	m.replicas[0].ExpectQuery(readSQL).WillDelayFor(time.Minute).WillReturnRows(answers("too late"))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := value(ctx, m.db, readSQL, 7)
	require.Equal(t, sqlmock.ErrCancelled, err, "the driver's own words")
	m.met(t)

	m.replicas[0].ExpectQuery(readSQL).WillReturnRows(answers("still in use"))
	v, err := value(t.Context(), m.db, readSQL, 7)
	require.NoError(t, err)
	require.Equal(t, "still in use", v)
}

func TestMockedErrorAfterTheFirstRowIsTheRowsOwn(t *testing.T) {
	m := mocked(t, 1)
	late := &pgconn.PgError{Severity: "FATAL", Code: "57P01"}
	m.replicas[0].ExpectQuery(readSQL).WillReturnRows(answers("one", "two", "three").RowError(1, late))
	rows, err := m.db.QueryContext(t.Context(), readSQL, 7)
	require.NoError(t, err)
	require.True(t, rows.Next())
	require.False(t, rows.Next())
	require.Equal(t, late, rows.Err())
	m.met(t) // and the primary has seen nothing
}

// What a primary may have executed is never sent again.
func TestMockedWritesAreSentOnce(t *testing.T) {
	for _, failure := range []error{
		errors.New("unknown outcome"),
		&pgconn.PgError{Severity: "FATAL", Code: "57P01"},
		&pgconn.PgError{Severity: "ERROR", Code: "40001"},
		&pgconn.PgError{Severity: "ERROR", Code: "25006"}, // and it says it is no standby: it cannot be asked
		context.DeadlineExceeded,
	} {
		m := mocked(t, 1)
		m.primary.ExpectExec(writeSQL).WillReturnError(failure)
		_, err := m.db.ExecContext(t.Context(), writeSQL, "n")
		require.Equal(t, failure, err)
		m.primary.ExpectQuery(writeSQL).WillReturnError(failure)
		_, err = value(t.Context(), m.db, writeSQL, "n")
		require.Equal(t, failure, err)
		m.primary.ExpectBegin()
		m.primary.ExpectExec(writeSQL).WillReturnError(failure)
		m.primary.ExpectCommit().WillReturnError(failure)
		tx, err := m.db.BeginTx(t.Context(), nil)
		require.NoError(t, err)
		_, err = tx.ExecContext(t.Context(), writeSQL, "n")
		require.Equal(t, failure, err)
		require.Equal(t, failure, tx.Commit())
		m.met(t)
	}
}

// ErrBadConn says that the statement was not sent: an idle connection had died.
func TestMockedBadConnectionOfThePrimaryIsReplacedOutsideOfTransactions(t *testing.T) {
	m := mocked(t, 1)
	m.primary.ExpectExec(writeSQL).WillReturnError(driver.ErrBadConn)
	m.primary.ExpectExec(writeSQL).WillReturnResult(sqlmock.NewResult(0, 1))
	_, err := m.db.ExecContext(t.Context(), writeSQL, "n")
	require.NoError(t, err)
	m.primary.ExpectQuery(writeSQL).WillReturnError(driver.ErrBadConn)
	m.primary.ExpectQuery(writeSQL).WillReturnRows(answers("n"))
	_, err = value(t.Context(), m.db, writeSQL, "n")
	require.NoError(t, err)
	m.met(t)

	m.primary.ExpectBegin()
	m.primary.ExpectExec("one").WillReturnResult(sqlmock.NewResult(0, 1))
	m.primary.ExpectExec("two").WillReturnError(driver.ErrBadConn)
	m.primary.ExpectRollback()
	tx, err := m.db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = tx.ExecContext(t.Context(), "one")
	require.NoError(t, err)
	_, err = tx.ExecContext(t.Context(), "two")
	require.ErrorIs(t, err, driver.ErrBadConn, "the transaction is gone")
	require.NoError(t, tx.Rollback())
	m.met(t)
}

// A replica's bad connection costs that connection, not the driver connection with what it holds of the primary.
func TestMockedBadConnectionOfAReplicaLeavesTheDriverConnection(t *testing.T) {
	m := mocked(t, 1, func(c *pgsplit.Config) { c.MonitorInterval = time.Millisecond })
	for range 3 {
		conn, err := m.db.Conn(t.Context())
		require.NoError(t, err)
		eventually(t, func() bool { return pgsplit.ClusterOf(m.db).Stats().Servers[1].Healthy })
		m.replicas[0].ExpectQuery(readSQL).WillReturnError(driver.ErrBadConn)
		m.primary.ExpectQuery(readSQL).WillReturnRows(answers("from the primary"))
		v, err := value(t.Context(), conn, readSQL, 7)
		require.NoError(t, err)
		require.Equal(t, "from the primary", v)
		require.NoError(t, conn.Close())
	}
	m.met(t)
}

func TestMockedSettingPinsThePrimarysConnection(t *testing.T) {
	m := mocked(t, 1)
	m.db.SetMaxOpenConns(1)
	m.primary.ExpectExec("set app.x = 'y'").WillReturnResult(sqlmock.NewResult(0, 0))
	m.primary.ExpectQuery(readSQL).WillReturnRows(answers("where the setting is"))
	_, err := m.db.ExecContext(t.Context(), "set app.x = 'y'")
	require.NoError(t, err)
	ctx, tr := follow(t.Context())
	v, err := value(ctx, m.db, readSQL, 7)
	require.NoError(t, err)
	require.Equal(t, "where the setting is", v)
	require.Equal(t, pgsplit.ReasonPinned.String(), tr.only(t).Reason.String())
	require.Equal(t, 1, pinned(m.db))
	m.met(t)
}

func TestMockedReadOnlyTransactionRunsOnTheReplicaAndMovesIfItMust(t *testing.T) {
	m := mocked(t, 1, func(c *pgsplit.Config) { c.ReadOnlyTx = pgsplit.RoleReplica })
	m.replicas[0].ExpectBegin()
	m.replicas[0].ExpectQuery(readSQL).WillReturnRows(answers("read"))
	m.replicas[0].ExpectCommit()
	tx, err := m.db.BeginTx(t.Context(), readOnly)
	require.NoError(t, err)
	v, err := value(t.Context(), tx, readSQL, 7)
	require.NoError(t, err)
	require.Equal(t, "read", v)
	require.NoError(t, tx.Commit())

	m.replicas[0].ExpectBegin()
	m.replicas[0].ExpectQuery(readSQL).WillReturnError(&pgconn.PgError{Severity: "ERROR", Code: "42P01"})
	m.replicas[0].ExpectRollback()
	m.primary.ExpectBegin()
	m.primary.ExpectQuery(readSQL).WillReturnRows(answers("moved"))
	m.primary.ExpectCommit()
	tx, err = m.db.BeginTx(t.Context(), readOnly)
	require.NoError(t, err)
	v, err = value(t.Context(), tx, readSQL, 7)
	require.NoError(t, err)
	require.Equal(t, "moved", v)
	require.NoError(t, tx.Commit())

	// Nobody can say of a connection that is not pgx's whether a statement has failed on it.
	m.replicas[0].ExpectBegin()
	m.replicas[0].ExpectQuery(readSQL).WillReturnRows(answers("read"))
	m.replicas[0].ExpectCommit().WillReturnError(errors.New("rolled back"))
	tx, err = m.db.BeginTx(t.Context(), readOnly)
	require.NoError(t, err)
	_, err = value(t.Context(), tx, readSQL, 7)
	require.NoError(t, err)
	require.ErrorContains(t, tx.Commit(), "rolled back")

	m.primary.ExpectBegin()
	m.primary.ExpectRollback()
	tx, err = m.db.BeginTx(t.Context(), &sql.TxOptions{ReadOnly: true, Isolation: sql.LevelSerializable})
	require.NoError(t, err)
	require.NoError(t, tx.Rollback())
	m.met(t)
}
