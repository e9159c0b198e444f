package pgsplit_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit/pgsplittest"
)

// ledgerCheck is what became of the writes.
type ledgerCheck struct {
	acknowledged int64
	lost         int // acknowledged, and not there
	twice        int // executed more than once
	uncertain    int // failed, with an error that leaves open whether they were executed
	executed     int // of those, the ones that were
}

// audit compares what the application knows of its writes with what a server has. The load must have ended.
func (m *matrixLoad) audit(t testing.TB, s *pgsplittest.Server) ledgerCheck {
	t.Helper()
	check := ledgerCheck{acknowledged: m.seen.writes.Load()}
	check.twice = atoi(t, ask(t, s, "select count(*) from (select from ledger group by worker, id having count(*) > 1) x"))
	there := atoi(t, ask(t, s, "select count(distinct (worker, id)) from ledger"))
	for w, ids := range m.unknown {
		check.uncertain += len(ids)
		if len(ids) > 0 {
			list := strings.Trim(strings.ReplaceAll(fmt.Sprint(ids), " ", ","), "[]")
			check.executed += atoi(t, ask(t, s, "select count(distinct id) from ledger where worker = %d and id in (%s)", w, list))
		}
	}
	check.lost = int(check.acknowledged) - (there - check.executed)
	return check
}

func (c ledgerCheck) String() string {
	return fmt.Sprintf("%d writes acknowledged: %d lost, %d executed twice; %d failed, of which %d were executed all the same",
		c.acknowledged, c.lost, c.twice, c.uncertain, c.executed)
}

func (c ledgerCheck) require(t testing.TB) {
	t.Helper()
	t.Log(c)
	require.NotZero(t, c.acknowledged)
	require.Zero(t, c.lost, "acknowledged writes are lost")
	require.Zero(t, c.twice, "writes were executed twice")
}
