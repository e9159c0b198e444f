package pgsplit_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"go/importer"
	"go/token"
	"go/types"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
)

// driverInterfaces are the exported interfaces of database/sql/driver as the Go at hand has them, each with its methods.
// They are read from the source of the standard library: one that a new Go brings is compared without anybody's doing.
func driverInterfaces(t testing.TB) map[string]*types.Interface {
	t.Helper()
	pkg, err := importer.ForCompiler(token.NewFileSet(), "source", nil).Import("database/sql/driver")
	require.NoError(t, err)
	found := map[string]*types.Interface{}
	for _, name := range pkg.Scope().Names() {
		object, ok := pkg.Scope().Lookup(name).(*types.TypeName)
		if !ok || !object.Exported() {
			continue
		}
		if i, ok := object.Type().Underlying().(*types.Interface); ok && i.NumMethods() > 0 {
			found[name] = i
		}
	}
	return found
}

// satisfied are the names of the interfaces that a value has the methods of.
func satisfied(all map[string]*types.Interface, value any) (names []string) {
	for name, i := range all {
		has := true
		for m := range i.Methods() {
			method, ok := reflect.TypeOf(value).MethodByName(m.Name())
			has = has && ok && signatureOf(m.Signature()) == methodOf(method.Type)
		}
		if has {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// signatureOf and methodOf write a signature in the same way, from the source's types and from the program's.
func signatureOf(s *types.Signature) string {
	write := func(list *types.Tuple) (out []string) {
		for v := range list.Variables() {
			text := types.TypeString(v.Type(), (*types.Package).Name)
			out = append(out, strings.ReplaceAll(text, "interface{}", "any"))
		}
		return out
	}
	return fmt.Sprint(write(s.Params()), write(s.Results()), s.Variadic())
}

func methodOf(f reflect.Type) string {
	var in, out []string
	name := func(t reflect.Type) string { return strings.ReplaceAll(t.String(), "interface {}", "any") }
	for i := 1; i < f.NumIn(); i++ {
		in = append(in, name(f.In(i)))
	}
	for i := range f.NumOut() {
		out = append(out, name(f.Out(i)))
	}
	return fmt.Sprint(in, out, f.IsVariadic())
}

// parts are the values that a driver hands to database/sql, by what they are.
type parts map[string]any

// take adds what one driver connection gives: a name for the circumstances distinguishes values that a driver makes
// in several ways. A transaction is rolled back again.
func (p parts) take(t testing.TB, circumstances string, connector driver.Connector, ctx context.Context, opts *driver.TxOptions) {
	t.Helper()
	add := func(what string, value any) { p[strings.TrimSpace(what+" "+circumstances)] = value }
	dc, err := connector.Connect(ctx)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, dc.Close()) })
	add("Conn", dc)
	if opts != nil {
		tx, err := dc.(driver.ConnBeginTx).BeginTx(ctx, *opts)
		require.NoError(t, err)
		add("Tx", tx)
		defer func() { require.NoError(t, tx.Rollback()) }()
	}
	for what, text := range map[string]string{
		"read": "select n from item where id = $1", "write": "insert into entry (v) values ($1) returning v",
	} {
		if what == "write" && opts != nil && opts.ReadOnly {
			continue
		}
		args := []driver.NamedValue{{Ordinal: 1, Value: 1}}
		rows, err := dc.(driver.QueryerContext).QueryContext(ctx, text, args)
		require.NoError(t, err)
		add("Rows of a "+what, rows)
		require.NoError(t, rows.Close())
		stmt, err := dc.(driver.ConnPrepareContext).PrepareContext(ctx, text)
		require.NoError(t, err)
		add("Stmt of a "+what, stmt)
		rows, err = stmt.(driver.StmtQueryContext).QueryContext(ctx, args)
		require.NoError(t, err)
		add("Rows of a prepared "+what, rows)
		require.NoError(t, rows.Close())
		result, err := stmt.(driver.StmtExecContext).ExecContext(ctx, args)
		require.NoError(t, err)
		add("Result of a prepared "+what, result)
		require.NoError(t, stmt.Close())
		result, err = dc.(driver.ExecerContext).ExecContext(ctx, text, args)
		require.NoError(t, err)
		add("Result of a "+what, result)
	}
}

// Whatever database/sql, or a wrapper, finds in a value of pgx it finds in ours. What ours have beyond that changes how
// database/sql treats them, so it is listed.
func TestEveryValueHasTheDriverInterfacesOfPgxs(t *testing.T) {
	all := driverInterfaces(t)
	require.Subset(t, slices.Collect(maps.Keys(all)), []string{"Conn", "Rows", "RowsColumnTypeScanType", "NamedValueChecker"})
	c := calm(t)
	ctx := t.Context()
	collect := func(split bool) parts {
		p := parts{}
		take := func(circumstances string, opts *driver.TxOptions, ctx context.Context, params ...string) {
			dsn := dsnWith(c.Primary.DSN(), params...)
			if split {
				dsn = dsnWith(c.DSN(), append(params, "monitor_timeout=10s")...)
			}
			var d driver.DriverContext = stdlib.GetDefaultDriver().(driver.DriverContext)
			if split {
				d = &pgsplit.Driver{}
			}
			connector, err := d.OpenConnector(dsn)
			require.NoError(t, err)
			if split {
				db := sql.OpenDB(connector)
				t.Cleanup(func() { require.NoError(t, db.Close()) })
				replicasServe(t, db, len(c.Replicas))
			}
			p["Connector"], p["Driver"] = connector, connector.Driver()
			p.take(t, circumstances, connector, ctx, opts)
		}
		take("", nil, ctx)
		take("on the primary", nil, pgsplit.WithPrimary(ctx))
		take("in a transaction", &driver.TxOptions{}, ctx)
		take("in a read-only transaction", &driver.TxOptions{ReadOnly: true}, ctx)
		if !split {
			return p
		}
		// What pgsplit makes in further ways is compared with pgx's ordinary values.
		take("of a handle that tracks writes", nil, ctx, "read_your_writes=strict")
		take("in a transaction of a handle that tracks writes", &driver.TxOptions{}, ctx, "read_your_writes=strict")
		take("in a read-only transaction on a replica", &driver.TxOptions{ReadOnly: true}, ctx, "read_only_tx=replica")
		sole, err := (&pgsplit.Driver{}).Open(c.DSN())
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, sole.Close()) })
		p["Conn of Driver.Open"] = sole
		return p
	}
	ours, pgxs := collect(true), collect(false)
	_, tracked := ours["Rows of a write of a handle that tracks writes"].(*stdlib.Rows)
	require.False(t, tracked, "rows whose end is watched are among those compared")
	for name, value := range ours {
		kind, _, _ := strings.Cut(name, " ")
		theirs, ok := pgxs[name]
		for _, like := range []string{kind, kind + " of a read", kind + " in a transaction"} {
			if !ok {
				theirs, ok = pgxs[like]
			}
		}
		require.True(t, ok, name)
		want, got := satisfied(all, theirs), satisfied(all, value)
		require.Subset(t, got, want, "%s: %T has less than %T", name, value, theirs)
		got = slices.DeleteFunc(got, func(s string) bool { return slices.Contains(want, s) })
		more := []string{}
		if kind == "Conn" {
			more = []string{"Validator"} // it ends a checkout
		}
		require.Equal(t, more, append([]string{}, got...), "%s: %T has more than %T", name, value, theirs)
	}
}
