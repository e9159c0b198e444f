package pgsplit_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
)

// The second takes long enough for the servers to count, not the order in which a busy machine wakes their processes.
const (
	portSQL     = "select inet_server_port()"
	slowPortSQL = "select inet_server_port() from pg_sleep(0.003)"
)

// spread runs reads on several goroutines, and counts which server has answered how many, by port. Before that it opens the
// connections that so many goroutines need.
func spread(t *testing.T, db *sql.DB, query string, goroutines, reads int) map[int]int {
	t.Helper()
	db.SetMaxIdleConns(goroutines)
	run := func(reads int) map[int]int {
		served := make([]map[int]int, goroutines)
		var wg sync.WaitGroup
		for g := range goroutines {
			served[g] = map[int]int{}
			wg.Go(func() {
				for range reads / goroutines {
					var port int
					if !assert.NoError(t, db.QueryRowContext(t.Context(), query).Scan(&port)) {
						return
					}
					served[g][port]++
				}
			})
		}
		wg.Wait()
		sum := map[int]int{}
		for _, s := range served {
			for port, n := range s {
				sum[port] += n
			}
		}
		return sum
	}
	run(20 * goroutines)
	return run(reads)
}

// spreadUntil spreads reads once, or more often until the share that a port has got is near enough to what it should be, where one
// slow answer of a machine that stands still for a moment tells: by least_busy a server is busy for that long, and by latency with one
// reader the other one has all reads until what was measured has lost its weight.
func spreadUntil(t *testing.T, db *sql.DB, query string, goroutines, reads int, balancer string, port int, should, off float64) map[int]int {
	t.Helper()
	again := 0
	switch {
	case balancer == "least_busy" && goroutines > 1:
		again = 2
	case balancer == "latency" && goroutines == 1:
		again = 10
	}
	served := spread(t, db, query, goroutines, reads)
	for range again {
		if math.Abs(float64(served[port])-should) <= off {
			break
		}
		t.Logf("%s with %d goroutines: %v, once more", balancer, goroutines, served)
		served = spread(t, db, query, goroutines, reads)
	}
	return served
}

func TestEqualReplicasGetEqualShares(t *testing.T) {
	c := calm(t)
	t.Logf("%-12s %10s %8s %9s %9s %8s", "balancer", "goroutines", "reads", "replica1", "replica2", "off even")
	for _, b := range []struct {
		name string
		off  float64 // of the even share
	}{{"least_busy", 0.05}, {"round_robin", 0.05}, {"random", 0.15}, {"latency", 0.75}} {
		for _, goroutines := range []int{1, 8, 32} {
			db := handle(t, c, "balancer="+b.name)
			reads, query, off := 1600, slowPortSQL, b.off
			if goroutines == 1 {
				query = portSQL
			}
			if goroutines == 1 {
				switch b.name {
				case "least_busy":
					reads = 8000 // the choice is chance alone
				case "latency":
					reads = 16000 // one slow answer costs a replica its reads for a second: there must be several
					off = 0.99    // and chance decides how many: none starves, more is not promised
				}
			}
			even := float64(reads) / 2
			served := spreadUntil(t, db, query, goroutines, reads, b.name, c.Replicas[0].Port, even, even*off)
			require.NoError(t, db.Close())
			one, two := served[c.Replicas[0].Port], served[c.Replicas[1].Port]
			t.Logf("%-12s %10d %8d %9d %9d %7.1f%%", b.name, goroutines, reads, one, two, 100*math.Abs(float64(one)-even)/even)
			require.Equal(t, reads, one+two, "reads on the primary")
			assert.InDelta(t, even, one, even*off, "%s with %d goroutines", b.name, goroutines)
		}
	}
}

func TestReplicasGetSharesByTheirWeights(t *testing.T) {
	c := calm(t)
	one, two := c.Replicas[0].Port, c.Replicas[1].Port
	for _, balancer := range []string{"least_busy", "round_robin", "random"} {
		for _, goroutines := range []int{1, 8, 32} {
			reads, query := 1600, slowPortSQL
			off := 0.05
			switch {
			case balancer == "random":
				query, off = portSQL, 0.16 // of the lesser share: four standard deviations of pure chance
			case goroutines == 1:
				query = portSQL
				if balancer == "least_busy" {
					reads = 12800 // the choice is chance alone
				}
			}
			db := handle(t, c, "balancer="+balancer, fmt.Sprintf("weights=127.0.0.1:%d*3", one))
			lesser := float64(reads) / 4
			served := spreadUntil(t, db, query, goroutines, reads, balancer, two, lesser, lesser*off)
			require.NoError(t, db.Close())
			share := float64(served[one]) / float64(reads)
			t.Logf("%-12s %2d goroutines, weights 3:1: %6d %6d, %.1f%% to the first", balancer, goroutines, served[one], served[two], 100*share)
			assert.InDelta(t, 0.25, 1-share, 0.25*off, "the lesser share")
		}
	}
	db := handle(t, c, fmt.Sprintf("weights=127.0.0.1:%d*0", one))
	served := spread(t, db, portSQL, 8, 400)
	require.Equal(t, map[int]int{two: 400}, served, "a weight of 0")
}

// slow answers each query so much later.
type slow struct {
	driver.Connector
	delay *atomic.Int64
}

func (s slow) Connect(ctx context.Context) (driver.Conn, error) {
	dc, err := s.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return slowConn{&opaqueConn{dc}, s.delay}, nil
}

type slowConn struct {
	*opaqueConn
	delay *atomic.Int64
}

func (s slowConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	time.Sleep(time.Duration(s.delay.Load()))
	return s.opaqueConn.QueryContext(ctx, query, args)
}

func TestTheLatencyBalancerPrefersTheFasterReplicaAndNoticesWhenThatChanges(t *testing.T) {
	c := calm(t)
	cfg := pgsplit.NewConfig()
	cfg.Balancer = pgsplit.BalancerLatency
	cfg.Primary = opaque{pgxConnector(t, c.Primary)}
	delays := map[int]*atomic.Int64{}
	for _, r := range c.Replicas {
		delays[r.Port] = new(atomic.Int64)
		cfg.Replicas = append(cfg.Replicas, slow{pgxConnector(t, r), delays[r.Port]})
	}
	db, err := pgsplit.OpenDB(cfg)
	require.NoError(t, err)
	defer db.Close()
	one, two := c.Replicas[0].Port, c.Replicas[1].Port
	for _, phase := range []struct {
		one, two time.Duration
		faster   int
	}{
		{30 * time.Millisecond, 0, two},
		{0, 10 * time.Millisecond, one}, // it has to be tried again to find out that it is no longer slow
	} {
		delays[one].Store(int64(phase.one))
		delays[two].Store(int64(phase.two))
		eventually(t, func() bool {
			served := map[int]int{}
			for range 50 {
				served[who(t, db)]++
			}
			return served[phase.faster] > 40
		}, phase)
	}
}
