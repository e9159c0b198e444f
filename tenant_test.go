package pgsplit_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgsplit/pgsplit"
)

// tenants share a table. Each has so many rows in it, and row-level security lets nobody see more than those of the tenant
// that a setting of the session names.
const (
	tenants       = 200
	rowsPerTenant = 3
)

var tenantSchema = fmt.Sprintf(`
create table note (id bigserial primary key, tenant text not null, body text not null default '');
insert into note (tenant) select 't' || t from generate_series(1, %d) t, generate_series(1, %d);
create index on note (tenant);
alter table note enable row level security;
alter table note force row level security;
create policy own on note using (tenant = current_setting('app.tenant', true));
create function enter(tenant text) returns text language plpgsql as 'begin return set_config(''app.tenant'', $1, false); end';
grant all on note to public;
`, tenants, rowsPerTenant)

// tenantSight is what the application must never see, counted.
type tenantSight struct {
	foreign atomic.Int64 // rows of another tenant
	leaked  atomic.Int64 // a setting that this driver connection was not given
	missing atomic.Int64 // its tenant's rows are not there
	first   atomic.Pointer[string]
}

func (s *tenantSight) violations() int64 {
	return s.foreign.Load() + s.leaked.Load() + s.missing.Load()
}

func (s *tenantSight) String() string {
	first := "none"
	if p := s.first.Load(); p != nil {
		first = *p
	}
	return fmt.Sprintf("foreign rows %d, leaked settings %d, missing rows %d, the first: %s", s.foreign.Load(), s.leaked.Load(), s.missing.Load(), first)
}

func (s *tenantSight) note(counter *atomic.Int64, format string, args ...any) {
	counter.Add(1)
	text := fmt.Sprintf(format, args...)
	s.first.CompareAndSwap(nil, &text)
}

// tenancy is an application of many tenants on one handle. It knows what each driver connection was told last, which is what
// plain pgx keeps with it: a setting that is left there is met again by whoever gets that driver connection next, and by
// nobody else.
type tenancy struct {
	name  string
	db    *sql.DB
	tidy  bool // every setting is taken back before the connection is given back
	ways  []tenantWay
	sight *tenantSight

	mu   sync.Mutex
	told map[any][]string // by the driver connection: one of these is its tenant; none: ""

	done, failed atomic.Int64
	onReplica    atomic.Int64 // looks of a tenant's that a replica answered
	nobody       atomic.Int64 // looks of nobody's that a replica answered
}

// tenantWay is one way to serve a tenant.
type tenantWay func(*tenancy, context.Context) error

func (y *tenancy) tell(dc any, now ...string) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.told[dc] = now
}

func (y *tenancy) toldLast(dc any) []string {
	y.mu.Lock()
	defer y.mu.Unlock()
	if told := y.told[dc]; told != nil {
		return told
	}
	return []string{""}
}

// look reads all that may be seen and compares it with what must be: the rows of one of these tenants.
func (y *tenancy) look(ctx context.Context, q querier, want ...string) error {
	rows, err := q.QueryContext(ctx, `select coalesce(current_setting('app.tenant', true), ''), count(id), coalesce(min(tenant), ''), coalesce(max(tenant), ''), pg_is_in_recovery() from note`)
	if err != nil {
		return err
	}
	defer rows.Close()
	var setting, first, last string
	var n int
	var replica bool
	for rows.Next() {
		if err := rows.Scan(&setting, &n, &first, &last, &replica); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	seen := fmt.Sprintf("%s: the tenant is %q of %q, %d rows from %q to %q", y.name, setting, want, n, first, last)
	if !slices.Contains(want, first) && first != "" || !slices.Contains(want, last) && last != "" {
		y.sight.note(&y.sight.foreign, "%s", seen)
	}
	if !slices.Contains(want, setting) {
		y.sight.note(&y.sight.leaked, "%s", seen)
	}
	if setting != "" && n != rowsPerTenant || setting == "" && n != 0 || first != setting || last != setting {
		y.sight.note(&y.sight.missing, "%s", seen)
	}
	switch {
	case replica && setting != "":
		y.onReplica.Add(1)
	case replica:
		y.nobody.Add(1)
	}
	return nil
}

// write changes one of the rows that may be seen, in one of two ways.
func (y *tenancy) write(ctx context.Context, q conversation, tenant string) error {
	const text = "update note set body = $1 where id = (select min(id) from note)"
	if rand.IntN(2) == 0 {
		res, err := q.ExecContext(ctx, text, tenant)
		if err != nil {
			return err
		}
		if n, _ := res.RowsAffected(); n != 1 {
			y.sight.note(&y.sight.missing, "%s: %d rows of %q changed", y.name, n, tenant)
		}
		return nil
	}
	rows, err := q.QueryContext(ctx, text+" returning tenant", tenant)
	if err != nil {
		return err
	}
	defer rows.Close()
	n := 0
	for ; rows.Next(); n++ {
		var of string
		if err := rows.Scan(&of); err != nil {
			return err
		}
		if of != tenant {
			y.sight.note(&y.sight.foreign, "%s: %q changed a row of %q", y.name, tenant, of)
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if n != 1 {
		y.sight.note(&y.sight.missing, "%s: %d rows of %q changed", y.name, n, tenant)
	}
	return nil
}

// serve works for a tenant on what has been told so.
func (y *tenancy) serve(ctx context.Context, q conversation, tenant string) error {
	for range 1 + rand.IntN(4) {
		var err error
		switch rand.IntN(5) {
		case 0:
			err = y.write(ctx, q, tenant)
		case 1:
			err = y.look(pgsplit.WithReplica(ctx), q, tenant)
		default:
			err = y.look(ctx, q, tenant)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func anyTenant() string { return fmt.Sprint("t", 1+rand.IntN(tenants)) }

// work serves tenants on so many goroutines until the context ends. end waits for them, and returns the errors that no
// failure of a server explains.
func (y *tenancy) work(ctx context.Context, goroutines int) (end func() map[string]int) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	strange := map[string]int{}
	for range goroutines {
		wg.Go(func() {
			for ctx.Err() == nil {
				err := y.ways[rand.IntN(len(y.ways))](y, context.WithoutCancel(ctx))
				if err == nil {
					y.done.Add(1)
					continue
				}
				y.failed.Add(1)
				if pgErr := (*pgconn.PgError)(nil); errors.As(err, &pgErr) && pgErr.Code[:2] != "57" && pgErr.Code != "40001" {
					mu.Lock()
					strange[err.Error()]++
					mu.Unlock()
				}
			}
		})
	}
	return func() map[string]int { wg.Wait(); return strange }
}
