package verify

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/pgsplit/pgsplit/pgsplittest"
)

// Disturber does to the servers of a cluster what happens to servers.
type Disturber struct {
	Cluster *pgsplittest.Cluster
	Pause   time.Duration        // between two events; 0: 300 ms
	Only    []string             // names of events; none: all but promotions
	Promote bool                 // one replica takes the primary's place halfway, and the primary that of a replica
	Crash   bool                 // the primary is killed and started again now and then; it loses what was committed with synchronous_commit=off
	Logf    func(string, ...any) // nil: silent

	Happened map[string]int // how often, afterwards

	events map[string]func(*pgsplittest.Server) error
}

// Events are the names of what can happen to a replica.
var Events = []string{"pause", "resume", "delay", "restart", "kill", "terminate"}

func (d *Disturber) run(ctx context.Context, finished <-chan struct{}, gate *sync.RWMutex) {
	d.events = map[string]func(*pgsplittest.Server) error{
		"pause":  (*pgsplittest.Server).PauseReplay,
		"resume": (*pgsplittest.Server).ResumeReplay,
		"delay": func(s *pgsplittest.Server) error {
			return s.SetApplyDelay([]time.Duration{0, 20 * time.Millisecond, 100 * time.Millisecond, 500 * time.Millisecond}[rand.IntN(4)])
		},
		"restart": func(s *pgsplittest.Server) error {
			if err := s.StopImmediate(); err != nil {
				return err
			}
			return s.Start()
		},
		"kill": func(s *pgsplittest.Server) error {
			if err := s.Kill(); err != nil {
				return err
			}
			return s.Start()
		},
		// The server starts again by itself, below its former position.
		"terminate": func(s *pgsplittest.Server) error {
			pid, err := s.QueryString("select pid from pg_stat_activity where backend_type = 'checkpointer'")
			if err != nil {
				return err
			}
			var n int
			if _, err := fmt.Sscan(pid, &n); err != nil {
				return err
			}
			if err := s.KillBackend(n); err != nil {
				return err
			}
			return s.WaitReady()
		},
	}
	names := d.Only
	if len(names) == 0 {
		names = Events
	}
	pause := d.Pause
	if pause == 0 {
		pause = 300 * time.Millisecond
	}
	paused := map[*pgsplittest.Server]bool{}
	begin := time.Now()
	deadline, _ := ctx.Deadline()
	for i := 0; ; i++ {
		select {
		case <-finished:
			d.calm()
			return
		case <-ctx.Done():
			d.calm()
			return
		case <-time.After(pause):
		}
		if d.Promote && time.Since(begin) > time.Until(deadline) {
			d.Promote = false
			d.note("promotion", "", d.promote(gate))
			continue
		}
		if d.Crash && rand.IntN(20) == 0 {
			d.note("crash", "primary", d.events["kill"](d.Cluster.CurrentPrimary()))
		}
		for _, s := range d.replicas() {
			if rand.IntN(2) == 0 {
				continue
			}
			name := names[rand.IntN(len(names))]
			if paused[s] {
				name = "resume"
			}
			paused[s] = name == "pause"
			d.note(name, s.Name, d.events[name](s))
		}
	}
}

// promote kills the primary when the replicas have everything, and puts the first replica in its place.
func (d *Disturber) promote(gate *sync.RWMutex) error {
	d.calm()
	old, next := d.Cluster.CurrentPrimary(), d.Cluster.Replicas[0]
	gate.Lock() // what is acknowledged and not replicated is lost by any promotion
	err := d.Cluster.WaitForCatchUp()
	if err == nil {
		err = old.Kill()
	}
	gate.Unlock()
	if err != nil {
		return err
	}
	if err := d.Cluster.Promote(next); err != nil {
		return err
	}
	if err := next.Exec("checkpoint"); err != nil { // an ordinary role sees timelines by checkpoints
		return err
	}
	if err := old.Follow(next); err != nil {
		return err
	}
	if err := d.Cluster.WaitForCatchUp(); err != nil {
		return err
	}
	for _, s := range d.replicas() {
		if err := s.Exec("checkpoint"); err != nil {
			return err
		}
	}
	return nil
}

// replicas are those of the present primary.
func (d *Disturber) replicas() []*pgsplittest.Server {
	return slices.DeleteFunc(d.Cluster.Servers(), func(s *pgsplittest.Server) bool { return s == d.Cluster.CurrentPrimary() })
}

// calm undoes what can be undone.
func (d *Disturber) calm() {
	for _, s := range d.replicas() {
		if !s.Running() {
			d.note("start", s.Name, s.Start())
		}
		d.note("no delay", s.Name, s.SetApplyDelay(0))
		d.note("resume", s.Name, s.ResumeReplay())
	}
}

func (d *Disturber) note(what, server string, err error) {
	if err != nil {
		what += " failed"
	}
	if d.Happened == nil {
		d.Happened = map[string]int{}
	}
	d.Happened[what]++
	if d.Logf != nil {
		d.Logf("%s %s: %v", what, server, err)
	}
}
