package sqlxbind_test

import (
	"database/sql"
	"database/sql/driver"
	"testing"

	"github.com/pgsplit/pgsplit/sqlxbind"

	"github.com/jmoiron/sqlx"
)

func TestSqlxWritesDollarParametersForPgsplit(t *testing.T) {
	if got := sqlx.BindType(sqlxbind.DriverName); got != sqlx.DOLLAR {
		t.Fatalf("bind type %d, want DOLLAR (%d)", got, sqlx.DOLLAR)
	}
	if pgx := sqlx.BindType("pgx"); pgx != sqlx.BindType(sqlxbind.DriverName) {
		t.Fatalf("pgx has bind type %d", pgx)
	}
}

func TestAHandleRebindsAndNames(t *testing.T) {
	db := sqlx.NewDb(sql.OpenDB(nowhere{}), sqlxbind.DriverName)
	defer db.Close()

	if got, want := db.Rebind("SELECT * FROM users WHERE id = ? AND name = ?"), "SELECT * FROM users WHERE id = $1 AND name = $2"; got != want {
		t.Errorf("Rebind: %s", got)
	}
	query, args, err := db.BindNamed("UPDATE users SET bio = :bio WHERE id = :id", map[string]any{"id": 7, "bio": "reads"})
	if err != nil {
		t.Fatal(err)
	}
	if want := "UPDATE users SET bio = $1 WHERE id = $2"; query != want || len(args) != 2 || args[0] != "reads" || args[1] != 7 {
		t.Errorf("BindNamed: %s %v", query, args)
	}
}

// nowhere is a connector for handles that never connect.
type nowhere struct{ driver.Connector }
