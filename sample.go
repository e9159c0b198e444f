package pgsplit

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgsplit/pgsplit/internal/broken"
)

// sample is what one look at a server said. It is immutable.
type sample struct {
	asked    time.Time // before the question was sent: what it says held at some time after this
	answered time.Time
	late     time.Duration // by how much the monitor missed the time at which it meant to ask
	opened   time.Time     // when the connection was opened over which it was asked
	instance string        // differs between any two servers that run at the same time; empty: unknown

	role     Role
	position LSN    // insert position of a primary (page headers rounded down), replay position of a replica; 0: unknown
	flush    LSN    // flush position of a primary, rounded down
	ended    string // which transactions have ended on a primary: another text if others have; empty: unknown
	timeline uint32 // 0: unknown
	readOnly bool   // default_transaction_read_only: a primary that an operator has fenced

	untold bool // nobody can tell which position the server has: it knows none, or its name leads to several
	mixed  bool // that is: to several

	covers moment // on the handle's clock: what had been completed by then, a primary's position has

	// replayAge is the server's own word for how long ago the last replayed transaction was committed; negative: unknown.
	// It compares clocks of two machines.
	replayAge time.Duration
}

// sampleSQL is one statement, so that role and positions belong together. The role is evaluated once (OFFSET 0 keeps
// the sub-select from being folded): a promotion in the middle must not pair one role with the other's position.
//
// The comment lets an operator tell it from the application's statements in logs and pg_stat_statements.
//
// A standby's timeline is what its WAL receiver streams where the role may see that (pg_monitor), else that of the last
// restartpoint, which may be late. pg_control_checkpoint lags on a primary, too, hence the name of the current segment.
const sampleSQL = `/* pgsplit sample */ select r,
 case when r then pg_last_wal_replay_lsn() else pg_current_wal_insert_lsn() end,
 case when not r then pg_current_wal_flush_lsn() end,
 case when r then coalesce((select received_tli from pg_stat_wal_receiver), (select timeline_id from pg_control_checkpoint()))::text
  else substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8) end,
 case when r then extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp())::text end,
 current_setting('default_transaction_read_only'),
 concat_ws(' ', pg_postmaster_start_time(), inet_server_addr(), inet_server_port(), current_setting('port')),
 case when not r then hashtextextended(pg_current_snapshot()::text, 0)::text end
from (select pg_is_in_recovery() as r offset 0) s`

// roleSQL is what is left on servers that know no positions (Aurora, look-alikes).
const roleSQL = `/* pgsplit sample */ select pg_is_in_recovery(), null, null, null, null, current_setting('default_transaction_read_only'), '', null`

// aliveSQL is what is asked of servers whose role is configured.
const aliveSQL = `/* pgsplit sample */ select 1`

// identity is what does not change while a connection lives.
type identity struct {
	system   string // system identifier; empty: unknown
	geometry walGeometry
}

const identitySQL = `/* pgsplit identity */ select (select system_identifier from pg_control_system())::text,
 current_setting('wal_block_size'), pg_size_bytes(current_setting('wal_segment_size'))::text`

// row runs a statement that returns one row, through the simple protocol: poolers pass it, no statement is prepared,
// and no tracer of the application sees it.
func row(ctx context.Context, conn *pgconn.PgConn, sql string) ([]string, error) {
	results, err := conn.Exec(ctx, sql).ReadAll()
	if err != nil {
		return nil, err
	}
	if len(results) != 1 || len(results[0].Rows) != 1 {
		return nil, errors.New("pgsplit: a sample did not return one row")
	}
	values := make([]string, len(results[0].Rows[0]))
	for i, v := range results[0].Rows[0] {
		values[i] = string(v)
	}
	return values, nil
}

// denial is a server's no to the question for its positions.
type denial uint8

const (
	tells     denial = iota // there was none
	forbids                 // the role may not ask
	knowsNone               // there is nothing to ask for
)

// denialOf reads a server's error. One that says nothing of the next time (a conflict with recovery, the role's
// statement_timeout) is no denial.
func denialOf(e *pgconn.PgError) denial {
	switch {
	case e.Code == "42501":
		return forbids
	case strings.HasPrefix(e.Code, "42"), strings.HasPrefix(e.Code, "0A"):
		return knowsNone
	}
	return tells
}

// takeSample asks a server for its role and positions. One that refuses the positions, now or before, is asked for its role.
func takeSample(ctx context.Context, conn *pgconn.PgConn, before denial) (smp *sample, no denial, err error) {
	sql, no := sampleSQL, before
	if broken.WritePosition.Load() {
		sql = strings.Replace(sql, "pg_current_wal_insert_lsn() end", "pg_current_wal_lsn() end", 1)
	}
	var asked time.Time
	var values []string
	for try := range 3 {
		if no != tells || try == 2 {
			sql = roleSQL
		}
		asked = time.Now()
		values, err = row(ctx, conn, sql)
		var pgErr *pgconn.PgError
		if !errors.As(err, &pgErr) || conn.IsClosed() || ctx.Err() != nil {
			break
		}
		no = denialOf(pgErr)
	}
	if err != nil {
		return nil, no, err
	}
	smp, err = parseSample(values)
	if err != nil {
		return nil, no, err
	}
	smp.asked, smp.answered, smp.untold = asked, time.Now(), no == knowsNone
	return smp, no, nil
}

func parseSample(v []string) (*sample, error) {
	if len(v) != 8 {
		return nil, fmt.Errorf("pgsplit: a sample has %d columns instead of 8", len(v))
	}
	s := &sample{role: RolePrimary, replayAge: -1, readOnly: v[5] == "on", instance: v[6], ended: v[7]}
	base := 16
	if v[0] == "t" {
		s.role = RoleReplica
		base = 10
	}
	var err error
	if v[1] != "" {
		if s.position, err = ParseLSN(v[1]); err != nil {
			return nil, err
		}
	}
	if v[2] != "" {
		if s.flush, err = ParseLSN(v[2]); err != nil {
			return nil, err
		}
	}
	if v[3] != "" {
		n, err := strconv.ParseUint(v[3], base, 32)
		if err != nil {
			return nil, fmt.Errorf("pgsplit: a sample has the timeline %q", v[3])
		}
		s.timeline = uint32(n)
	}
	if v[4] != "" {
		f, err := strconv.ParseFloat(v[4], 64)
		if err != nil {
			return nil, fmt.Errorf("pgsplit: a sample has the replay age %q", v[4])
		}
		s.replayAge = max(0, time.Duration(f*float64(time.Second)))
	}
	return s, nil
}

func takeIdentity(ctx context.Context, conn *pgconn.PgConn) (identity, error) {
	v, err := row(ctx, conn, identitySQL)
	if err != nil {
		var pgErr *pgconn.PgError
		if errors.As(err, &pgErr) && !conn.IsClosed() {
			return identity{}, nil // not to be had here: nothing depends on it
		}
		return identity{}, err
	}
	var id identity
	id.system = v[0]
	id.geometry.page, _ = strconv.ParseUint(v[1], 10, 64)
	id.geometry.segment, _ = strconv.ParseUint(v[2], 10, 64)
	return id, nil
}
