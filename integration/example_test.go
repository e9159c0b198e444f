package integration

import (
	"fmt"

	_ "github.com/pgsplit/pgsplit"
	_ "github.com/pgsplit/pgsplit/sqlxbind" // sqlx knows bind styles by driver name; this adds pgsplit's

	"github.com/jmoiron/sqlx"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
)

// An application on sqlx changes the driver name and the DSN, and imports sqlxbind for NamedQuery, NamedExec and Rebind.
func Example_sqlx() {
	dsn := "postgres://app:secret@db1,db2,db3/site?read_your_writes=strict"
	db, err := sqlx.Open("pgsplit", dsn)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer db.Close()

	query, args, err := db.BindNamed(`SELECT title FROM stories WHERE genre = :genre LIMIT :n`,
		map[string]any{"genre": "poetry", "n": 10})
	fmt.Println(query, args, err)
	// Output: SELECT title FROM stories WHERE genre = $1 LIMIT $2 [poetry 10] <nil>
}

// An application on GORM changes the driver name and the DSN.
func Example_gorm() {
	dsn := "postgres://app:secret@db1,db2,db3/site?read_your_writes=strict"
	db, err := gorm.Open(postgres.New(postgres.Config{DriverName: "pgsplit", DSN: dsn}), &gorm.Config{
		DisableAutomaticPing: true, // the servers of this example do not exist
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	handle, err := db.DB()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer handle.Close()

	type Story struct {
		ID    int64
		Title string
	}
	fmt.Println(db.ToSQL(func(tx *gorm.DB) *gorm.DB { return tx.Limit(10).Find(&[]Story{}) }))
	// Output: SELECT * FROM "stories" LIMIT 10
}
