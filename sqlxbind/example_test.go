package sqlxbind_test

import (
	"fmt"

	"github.com/pgsplit/pgsplit/sqlxbind"

	"github.com/jmoiron/sqlx"
)

func Example() {
	query, args, err := sqlx.In("SELECT title FROM stories WHERE genre = ? AND author_id IN (?)", "poetry", []int{3, 7})
	if err != nil {
		fmt.Println(err)
		return
	}
	// db.Rebind does this with the name that the handle was opened with.
	fmt.Println(sqlx.Rebind(sqlx.BindType(sqlxbind.DriverName), query), args)
	// Output: SELECT title FROM stories WHERE genre = $1 AND author_id IN ($2, $3) [poetry 3 7]
}
