// Package servers starts the real servers of the benchmarks.
package servers

import (
	"context"

	"github.com/pgsplit/pgsplit/bench/internal/memory"
	"github.com/pgsplit/pgsplit/pgsplittest"
)

// The statements that are measured, with how many rows there are to choose from.
const (
	Select = memory.Select
	Insert = memory.Insert
	Items  = 10_000

	Forget = "truncate entry" // takes back what Insert has added
)

const schema = `
create table item (id bigint primary key, name text not null);
insert into item select g, 'item ' || g from generate_series(1, 10000) g;
create table entry (id bigserial primary key, name text not null);
grant all on all tables in schema public to public;
grant all on all sequences in schema public to public;
`

// Start starts a primary with replicas. Commits do not wait for a disk, whose moods would hide the rest.
func Start(ctx context.Context, replicas int) (*pgsplittest.Cluster, error) {
	return pgsplittest.Run(ctx, pgsplittest.Options{
		Replicas:   replicas,
		SetupSQL:   schema + "analyze;",
		Parameters: map[string]string{"fsync": "off", "jit": "off", "autovacuum": "off", "max_connections": "300"},
	})
}
