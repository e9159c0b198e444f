package verify

import (
	"fmt"
	"strings"
)

// schema is where the tables are.
const schema = "pgsplit_verify"

// tables is how many tables hold values. The last one is written by a trigger only.
const (
	tables  = 10
	byWrite = tables - 1
)

func table(i int) string { return fmt.Sprintf("%s.t%d", schema, i) }

// setup makes the tables with a row for each worker, and what reads and writes go through: views upon views, a join, a
// function, a partitioned table, a trigger that writes another table.
func setup(workers int, late bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "drop schema if exists %[1]s cascade; create schema %[1]s;", schema)
	for i := range tables {
		part := ""
		if i == 1 {
			part = " partition by hash (id)"
		}
		fmt.Fprintf(&b, "create table %s (id int primary key, v bigint not null)%s;", table(i), part)
		if i == 1 {
			for n := range 2 {
				fmt.Fprintf(&b, "create table %[1]s_%[2]d partition of %[1]s for values with (modulus 2, remainder %[2]d);", table(i), n)
			}
		}
		fmt.Fprintf(&b, "insert into %s select g, 0 from generate_series(0, %d) g;", table(i), workers-1)
		fmt.Fprintf(&b, "create view %[1]s.v%[2]d as select * from %[3]s; create view %[1]s.vv%[2]d as select v.*, 1 as one from %[1]s.v%[2]d v;", schema, i, table(i))
		fmt.Fprintf(&b, "create function %[1]s.f%[2]d(int) returns bigint language sql stable as 'select v from %[3]s where id = $1';", schema, i, table(i))
	}
	if late {
		fmt.Fprintf(&b, "create function %[1]s.wait() returns trigger language plpgsql as 'begin perform pg_sleep(0.1); return null; end';", schema)
		for i := range tables {
			if i != 1 { // partitioned
				fmt.Fprintf(&b, "create constraint trigger wait after update on %s deferrable initially deferred for each row execute function %s.wait();", table(i), schema)
			}
		}
	}
	fmt.Fprintf(&b, `create function %[1]s.follow() returns trigger language plpgsql as
 'begin update %[2]s set v = new.v where id = new.id; return new; end';
create trigger follow after update on %[3]s for each row execute function %[1]s.follow();`, schema, table(byWrite), table(byWrite-1))
	return b.String()
}
