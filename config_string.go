package pgsplit

import (
	"fmt"
	"io"
	"strings"
)

var (
	_ fmt.Formatter  = Config{}
	_ fmt.Stringer   = Config{}
	_ fmt.GoStringer = Config{}
)

// String gives the servers and every setting, and no password.
func (c Config) String() string {
	var b strings.Builder
	b.WriteString("pgsplit.Config{")
	switch {
	case c.Primary != nil:
		fmt.Fprintf(&b, "primary: %T, replicas:", c.Primary)
		for _, replica := range c.Replicas {
			fmt.Fprintf(&b, " %T", replica)
		}
	default:
		b.WriteString("servers:")
		for _, server := range c.Servers {
			if server != nil {
				fmt.Fprintf(&b, " %s@%s/%s", server.User, serverAddress(server), server.Database)
			}
		}
	}
	b.WriteByte(';')
	for _, s := range settings {
		fmt.Fprintf(&b, " %s=%s", s.key, s.get(&c))
	}
	b.WriteByte('}')
	return b.String()
}

// GoString gives what String gives.
func (c Config) GoString() string { return c.String() }

// Format writes what String gives, whatever the verb: %+v of a struct would show fields that String leaves out.
func (c Config) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.String()) }
