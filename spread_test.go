package pgsplit_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEveryBalancerUsesAllReplicas(t *testing.T) {
	c := calm(t)
	for _, balancer := range []string{"least_busy", "round_robin", "random", "latency"} {
		db := handle(t, c, "balancer="+balancer)
		db.SetMaxIdleConns(32)
		for _, goroutines := range []int{1, 8, 32} {
			t.Run(fmt.Sprintf("%s/%d", balancer, goroutines), func(t *testing.T) {
				const reads = 640
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
				tolerance := map[string]float64{"round_robin": 0.02, "random": 0.1, "least_busy": 0.15, "latency": 0.499}[balancer]
				for _, r := range c.Replicas {
					require.InDelta(t, reads/2, served[r.Port].Load(), reads*tolerance)
				}
			})
		}
	}
}
