package speed

import (
	"context"
	"database/sql"

	"github.com/pgsplit/pgsplit"
	"github.com/pgsplit/pgsplit/bench/internal/handle"
	"github.com/pgsplit/pgsplit/bench/internal/servers"
	"github.com/pgsplit/pgsplit/bench/internal/workload"
)

// contest says which handles are compared with each other, and on what. All of them are compared with the first one; the second
// one is its equal.
type contest struct {
	about      string
	first      string // what the first one is called
	replicas   int
	statements []workload.Statement
	open       func(ctx context.Context, dsn string, which int, f handle.Fault) (*sql.DB, error)
}

// withPGX compares pgsplit with a single server in its DSN with plain pgx.
var withPGX = contest{
	about: "One server on loopback.", first: "plain pgx", statements: workload.Statements,
	open: func(_ context.Context, dsn string, which int, f handle.Fault) (*sql.DB, error) {
		if which == judged {
			return handle.Pgsplit(dsn, nil, f)
		}
		return handle.PGX(dsn, nil)
	},
}

// scopes compares read_your_writes=on with off.
var scopes = contest{
	about: "read_your_writes=on, a primary and two replicas on loopback.", first: "off", replicas: 2,
	statements: append([]workload.Statement{workload.Mix}, workload.Statements...),
	open: func(ctx context.Context, dsn string, which int, f handle.Fault) (*sql.DB, error) {
		mode, fault := "off", handle.Fault{}
		if which == judged {
			mode, fault = "on", f
		}
		db, err := handle.Pgsplit(dsn+"&max_lag=0&read_your_writes="+mode, nil, fault)
		if err != nil {
			return nil, err
		}
		if err = pgsplit.ClusterOf(db).LoadCatalog(ctx); err == nil {
			err = handle.Ready(ctx, db, servers.Select, 1)
		}
		if err != nil {
			db.Close()
			return nil, err
		}
		return db, nil
	},
}
