// Package sqlxbind teaches sqlx the bind style of pgsplit. Import it for its effect, next to pgsplit itself:
//
//	import (
//		_ "github.com/pgsplit/pgsplit"
//		_ "github.com/pgsplit/pgsplit/sqlxbind"
//	)
//
//	db, err := sqlx.Connect("pgsplit", dsn)
//
// sqlx knows by the name of a driver, from a list of its own, how parameters are written. It does not know the name
// "pgsplit", so without this import NamedQuery, NamedExec, PrepareNamed, BindNamed and Rebind leave "?" in the text, which
// PostgreSQL reports as a syntax error. With it they write $1, $2, … as they do for "pgx". Nothing else in an application
// changes, and nothing here depends on pgsplit: the import only names the driver.
//
// A handle that was opened otherwise can be given a known name instead, without this package:
//
//	db := sqlx.NewDb(sql.OpenDB(connector), "pgx")
package sqlxbind

import "github.com/jmoiron/sqlx"

// DriverName is the name under which pgsplit registers itself with database/sql.
const DriverName = "pgsplit"

func init() { sqlx.BindDriver(DriverName, sqlx.DOLLAR) }
