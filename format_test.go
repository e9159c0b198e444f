package pgsplit

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestNothingThatCanBePrintedShowsAPassword(t *testing.T) {
	cfg, err := ParseConfig("postgres://app:hunter2@127.0.0.1:1,127.0.0.1:2/db?replicas=" + "postgres%3A%2F%2Fr:hunter3@127.0.0.1:3%2Fdb")
	require.NoError(t, err)
	connector, err := NewConnector(cfg)
	require.NoError(t, err)
	defer connector.Close()
	conn := &Conn{cluster: connector.Cluster()}
	for _, v := range []any{
		cfg, *cfg, connector, *connector, connector.Cluster(), connector.Driver(), conn, &Stmt{conn: conn}, &Tx{conn: conn, ctx: context.Background()},
		struct{ c *Connector }{connector}, []any{connector.Cluster()},
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
			out := fmt.Sprintf(verb, v)
			assert.NotContains(t, out, "hunter", "%s of %T", verb, v)
			assert.NotContains(t, out, "68756e746572", "%s of %T", verb, v) // in hexadecimal
		}
	}
}
