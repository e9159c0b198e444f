package pgsplit

import (
	"fmt"
	"io"
	"strings"
)

// fmt prints what unexported fields hold without asking it, passwords of configurations included. So whatever an
// application may come to print says what it is by itself, under every verb.

// String names the servers of the cluster as they are configured, without secrets.
func (c *Cluster) String() string {
	names := make([]string, len(c.servers))
	for i, s := range c.servers {
		names[i] = s.name
	}
	return "pgsplit cluster of " + strings.Join(names, ", ")
}

// Format prints String, whatever the verb.
func (c *Cluster) Format(f fmt.State, _ rune) { io.WriteString(f, c.String()) }

// Format prints which cluster the connector is for, whatever the verb.
func (c *Connector) Format(f fmt.State, _ rune) {
	io.WriteString(f, "connector of a "+c.cluster.String())
}

// Format prints what the driver is, whatever the verb.
func (d *Driver) Format(f fmt.State, _ rune) {
	if d.cluster == nil {
		io.WriteString(f, "pgsplit driver")
		return
	}
	io.WriteString(f, "driver of a "+d.cluster.String())
}

// Format prints which cluster the connection is of, whatever the verb.
func (c *Conn) Format(f fmt.State, _ rune) { io.WriteString(f, "connection of a "+c.cluster.String()) }

// Format prints what the statement is, whatever the verb.
func (s *Stmt) Format(f fmt.State, _ rune) {
	io.WriteString(f, "statement on a "+s.conn.cluster.String())
}

// Format prints what the transaction is, whatever the verb.
func (t *Tx) Format(f fmt.State, _ rune) {
	io.WriteString(f, "transaction on a "+t.conn.cluster.String())
}
