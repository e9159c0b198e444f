package pgsplit_test

import (
	"context"
	"database/sql/driver"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
)

func TestEveryBalancerUsesAllReplicas(t *testing.T) {
	c := calm(t)
	for _, balancer := range []string{"least_busy", "round_robin", "random", "latency"} {
		db := handle(t, c, "balancer="+balancer)
		db.SetMaxIdleConns(32)
		for _, goroutines := range []int{1, 8, 32} {
			t.Run(fmt.Sprintf("%s/%d", balancer, goroutines), func(t *testing.T) {
				const reads = 320
				served := map[int]*atomic.Int64{}
				for _, s := range c.Servers() {
					served[s.Port] = new(atomic.Int64)
				}
				var wg sync.WaitGroup
				for range goroutines {
					wg.Go(func() {
						for range reads / goroutines {
							var port int
							if !assert.NoError(t, db.QueryRowContext(t.Context(), "select inet_server_port()").Scan(&port)) {
								return
							}
							served[port].Add(1)
						}
					})
				}
				wg.Wait()
				require.Zero(t, served[c.Primary.Port].Load(), "reads on the primary")
				tolerance := map[string]float64{"round_robin": 0.02, "random": 0.13, "least_busy": 0.15, "latency": 0.5}[balancer]
				for _, r := range c.Replicas {
					require.InDelta(t, reads/2, served[r.Port].Load(), reads*tolerance)
				}
			})
		}
	}
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
