package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/pgsplit/pgsplit"
	"github.com/pgsplit/pgsplit/cmd/pgsplit/internal/screen"
)

// writeHealth shows a cluster's health to a person.
func writeHealth(out io.Writer, h pgsplit.Health) {
	s := screen.New(out)
	head := func(text string) screen.Cell { return screen.Text(text).As(screen.Dim) }
	number := func(text string) screen.Cell { return screen.Number(text).As(screen.Dim) }
	rows := [][]screen.Cell{{
		head("server"), head("role"), number("timeline"), number("lag"), number("behind"), number("connections"), head("state"),
	}}
	for _, server := range h.Servers {
		rows = append(rows, []screen.Cell{
			screen.Text(server.Name), role(server),
			screen.Number(known(server.Timeline > 0, strconv.FormatUint(uint64(server.Timeline), 10))),
			screen.Number(known(server.LagKnown, fmt.Sprintf("%d ms", server.Lag.Milliseconds()))),
			screen.Number(known(server.LagKnown, screen.Count(server.LagBytes)+" B")),
			screen.Number(known(server.MaxConnections > 0, fmt.Sprintf("%d of %d", server.Connections, server.MaxConnections))),
			state(server),
		})
	}
	s.Table(rows...)
	s.Gap()
	for _, a := range h.Alerts {
		s.Line("%s %s", s.Paint(screen.Bad, "✗"), a.Text)
	}
	for _, a := range h.Advice {
		s.Line("%s %s", s.Paint(screen.Primary, "!"), a.Text)
	}
	if h.Healthy {
		s.Line("%s", s.Paint(screen.Good, "✓ healthy"))
	}
}

func known(is bool, text string) string {
	if !is {
		return "–"
	}
	return text
}

func role(s pgsplit.ServerStats) screen.Cell {
	switch {
	case s.Role == pgsplit.RolePrimary && !s.InUse:
		return screen.Text("primary, not in use").As(screen.Bad)
	case s.Role == pgsplit.RolePrimary:
		return screen.Text("primary").As(screen.Primary)
	case s.Role == pgsplit.RoleReplica:
		return screen.Text("replica").As(screen.Replica)
	}
	return screen.Text("unknown")
}

func state(s pgsplit.ServerStats) screen.Cell {
	if s.Healthy {
		return screen.Text("answers").As(screen.Good)
	}
	return screen.Text("out").As(screen.Bad)
}

// healthJSON is the output of -json. Its names are what scripts rely on.
type healthJSON struct {
	Time      time.Time    `json:"time"`
	Healthy   bool         `json:"healthy"`
	Available bool         `json:"available"`
	Alerts    []alertJSON  `json:"alerts"`
	Advice    []alertJSON  `json:"advice"`
	Servers   []serverJSON `json:"servers"`
}

type alertJSON struct {
	Kind   string `json:"kind"`
	Server string `json:"server,omitempty"`
	Text   string `json:"text"`
}

type serverJSON struct {
	Name           string     `json:"name"`
	Role           string     `json:"role"`
	InUse          bool       `json:"in_use"`
	Healthy        bool       `json:"healthy"`
	Error          string     `json:"error,omitempty"`
	OutSince       *time.Time `json:"out_since,omitempty"`
	Sampled        *time.Time `json:"sampled"` // when it was asked and answered; null: it has not
	Timeline       uint32     `json:"timeline,omitempty"`
	LagMS          *float64   `json:"lag_ms"`
	LagBytes       *int64     `json:"lag_bytes"`
	Connections    *int       `json:"connections"`
	MaxConnections *int       `json:"max_connections"`
}

func writeHealthJSON(out io.Writer, h pgsplit.Health) error {
	j := healthJSON{
		Time: h.Time, Healthy: h.Healthy, Available: h.Available,
		Alerts: alertsJSON(h.Alerts), Advice: alertsJSON(h.Advice), Servers: []serverJSON{},
	}
	for _, s := range h.Servers {
		one := serverJSON{Name: s.Name, Role: s.Role.String(), InUse: s.InUse, Healthy: s.Healthy, Timeline: s.Timeline}
		if s.Err != nil {
			one.Error = s.Err.Error()
		}
		if !s.Sampled.IsZero() {
			one.Sampled = &s.Sampled
		}
		if !s.OutSince.IsZero() {
			one.OutSince = &s.OutSince
		}
		if s.LagKnown {
			lag := float64(s.Lag.Microseconds()) / 1000
			one.LagMS, one.LagBytes = &lag, &s.LagBytes
		}
		if s.MaxConnections > 0 {
			one.Connections, one.MaxConnections = &s.Connections, &s.MaxConnections
		}
		j.Servers = append(j.Servers, one)
	}
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(j)
}

func alertsJSON(alerts []pgsplit.Alert) []alertJSON {
	all := []alertJSON{}
	for _, a := range alerts {
		all = append(all, alertJSON{string(a.Kind), a.Server, a.Text})
	}
	return all
}
