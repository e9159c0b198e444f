package pgsplittest_test

import (
	"context"
	"database/sql"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/stdlib"

	"github.com/pgsplit/pgsplit/pgsplittest"
)

var _ = stdlib.GetDefaultDriver // the driver "pgx"

// A test of one's own application: does it show an order at once although the
// replica is behind? Here the application reads from the primary, so it does.
func Example() {
	TestOrderIsShownAtOnce := func(t *testing.T) {
		cluster := pgsplittest.Start(t, pgsplittest.Options{
			Replicas: 1,
			SetupSQL: "CREATE TABLE orders (id int)",
		})
		db, err := sql.Open("pgx", cluster.Primary.DSN())
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()

		if err := cluster.Replicas[0].PauseReplay(); err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec("INSERT INTO orders VALUES (1)"); err != nil {
			t.Fatal(err)
		}
		var n int
		if err := db.QueryRow("SELECT count(*) FROM orders").Scan(&n); err != nil || n != 1 {
			t.Errorf("%d orders are shown (%v), want 1", n, err)
		}
	}
	_ = TestOrderIsShownAtOnce
}

// A program starts a cluster with Run, and closes it.
func ExampleRun() {
	cluster, err := pgsplittest.Run(context.Background(), pgsplittest.Options{Replicas: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer cluster.Close()

	if err := cluster.Primary.Kill(); err != nil {
		fmt.Println(err)
		return
	}
	if err := cluster.Promote(cluster.Replicas[0]); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("the primary is now", cluster.CurrentPrimary().Name)
	// Output: the primary is now replica1
}
