package pgsplit_test

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"log/slog"
	"net/http"

	"github.com/jackc/pgx/v5"

	"github.com/pgsplit/pgsplit"
)

// An application opens a handle as with any driver. All hosts are servers; who the primary is is found out.
func Example() {
	db, err := sql.Open("pgsplit", "postgres://app@pg1,pg2,pg3/stories?read_your_writes=strict")
	if err != nil {
		log.Fatal(err) // the DSN is wrong; no server has been contacted yet
	}
	defer db.Close()

	// From here on it is database/sql: this goes to the primary …
	//   db.QueryRowContext(ctx, "insert into stories (title) values ($1) returning id", title)
	// … and this to a replica that has that story already, or to the primary if none has.
	//   db.QueryContext(ctx, "select title from stories where id = $1", id)
}

func ExampleExplain() {
	for _, text := range []string{
		"select title from stories where id = $1",
		"select title from stories where id = $1 for update",
		"with s as (insert into stories (title) values ($1) returning id) select id from s",
	} {
		e := pgsplit.Explain(text)
		fmt.Printf("%v: %v\n", e.Target, e.Reason)
	}
	// Output:
	// replica: read
	// primary: locks
	// primary: writes
}

func ExampleWithPrimary() {
	var db *sql.DB // of sql.Open("pgsplit", …)
	balance := func(ctx context.Context, account int) (cents int64, err error) {
		// This one must be current, whoever has written last.
		ctx = pgsplit.WithPrimary(ctx)
		err = db.QueryRowContext(ctx, "select cents from accounts where id = $1", account).Scan(&cents)
		return cents, err
	}
	_ = balance
}

func ExampleWithTrace() {
	ctx := pgsplit.WithTrace(context.Background(), &pgsplit.Trace{
		Route: func(_ context.Context, info pgsplit.RouteInfo) {
			log.Printf("%s (%v): %v", info.Server.Name, info.Server.Role, info.Reason)
		},
		Retry: func(_ context.Context, info pgsplit.RetryInfo) {
			log.Printf("%s failed and the application did not notice: %v", info.Server.Name, info.Err)
		},
	})
	_ = ctx // statements under ctx report where they run
}

// A health check for a load balancer and for monitoring: the status says whether the application can work, the body what an
// operator should see to.
func ExampleCluster_Health() {
	db, err := sql.Open("pgsplit", "postgres://app@pg1,pg2,pg3/stories?alert_lag=500ms")
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("/health", func(w http.ResponseWriter, r *http.Request) {
		health := pgsplit.ClusterOf(db).Health(r.Context())
		if !health.Available {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		for _, alert := range health.Alerts {
			fmt.Fprintln(w, alert)
		}
	})
}

// State changes of the servers go to the application's own log.
func ExampleConfig_logger() {
	cfg, err := pgsplit.ParseConfig("postgres://app@pg1,pg2,pg3/stories")
	if err != nil {
		log.Fatal(err)
	}
	cfg.Logger = slog.Default()
	cfg.Trace = &pgsplit.Trace{PrimaryChange: func(info pgsplit.PrimaryChangeInfo) {
		log.Printf("the primary was %q and is now %q: whom should we call?", info.From, info.To)
	}}
	db, err := pgsplit.OpenDB(cfg)
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
}

func ExampleParseConfig() {
	cfg, err := pgsplit.ParseConfig("host=pg1 dbname=stories user=app replicas=pg2,pg3 max_lag=2s")
	if err != nil {
		log.Fatal(err)
	}
	cfg.AfterConnect = func(ctx context.Context, conn *pgx.Conn, server pgsplit.ServerInfo) error {
		_, err := conn.Exec(ctx, "set statement_timeout = '30s'")
		return err
	}
	db, err := pgsplit.OpenDB(cfg)
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	fmt.Println(len(cfg.Servers), "servers, max_lag", cfg.MaxLag)
	// Output: 3 servers, max_lag 2s
}
