package handle

import (
	"context"
	"database/sql/driver"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/pgsplit/pgsplit"
)

// Fault is a defect that pgsplit is given on purpose, to see whether a check notices it. The zero value is none.
type Fault struct {
	Spin   time.Duration // CPU time burnt for each statement
	Trips  int           // further round trips for each statement
	Allocs int           // further allocations for each statement
	Pin    bool          // session state on each connection
}

// ParseFault reads "spin=20us", "trips=1", "allocs=2", "pin=true", or several of them with commas between.
func ParseFault(text string) (f Fault, err error) {
	for part := range strings.SplitSeq(text, ",") {
		if part == "" {
			continue
		}
		key, value, _ := strings.Cut(part, "=")
		switch key {
		case "spin":
			f.Spin, err = time.ParseDuration(value)
		case "trips":
			f.Trips, err = strconv.Atoi(value)
		case "allocs":
			f.Allocs, err = strconv.Atoi(value)
		case "pin":
			f.Pin, err = strconv.ParseBool(value)
		default:
			err = fmt.Errorf("it may be spin=20us, trips=1, allocs=2 or pin=true")
		}
		if err != nil {
			return f, fmt.Errorf("fault %q: %w", part, err)
		}
	}
	return f, nil
}

// in gives a connector's connections the defect. Without one it is the connector itself, and nothing is in between.
func (f Fault) in(c *pgsplit.Connector) driver.Connector {
	if f == (Fault{}) {
		return c
	}
	return &faultyConnector{Connector: c, fault: f}
}

type faultyConnector struct {
	*pgsplit.Connector
	fault Fault
}

func (c *faultyConnector) Connect(ctx context.Context) (driver.Conn, error) {
	dc, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &faultyConn{Conn: dc.(*pgsplit.Conn), fault: c.fault}, nil
}

// faultyConn is a Conn with a defect. Embedding keeps every optional interface.
type faultyConn struct {
	*pgsplit.Conn
	fault  Fault
	sink   []byte
	pinned bool
}

func (c *faultyConn) suffer(ctx context.Context) {
	if c.fault.Pin && !c.pinned {
		_, err := c.Conn.ExecContext(ctx, "set app.bench = 'pinned'", nil)
		c.pinned = err == nil
	}
	for range c.fault.Allocs {
		c.sink = make([]byte, 64)
	}
	if c.fault.Spin > 0 {
		for begin := time.Now(); time.Since(begin) < c.fault.Spin; {
		}
	}
}

func (c *faultyConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	c.suffer(ctx)
	for range c.fault.Trips {
		rows, err := c.Conn.QueryContext(ctx, query, args)
		if err != nil {
			return nil, err
		}
		rows.Close()
	}
	return c.Conn.QueryContext(ctx, query, args)
}

func (c *faultyConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	c.suffer(ctx)
	for range c.fault.Trips {
		if _, err := c.Conn.ExecContext(ctx, query, args); err != nil {
			return nil, err
		}
	}
	return c.Conn.ExecContext(ctx, query, args)
}
