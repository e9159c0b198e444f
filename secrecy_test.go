package pgsplit_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
)

// marker is the password, or a part of it, in every DSN here. (It has no regular place in any text.)
const marker = "zYx-9987-qQ"

// printed is all that fmt, JSON and the log make of values.
func printed(t *testing.T, values ...any) string {
	t.Helper()
	var out bytes.Buffer
	for _, v := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		fmt.Fprintf(&out, "%+v %#v\n", []any{v}, struct{ In any }{v})
		if text, err := json.Marshal(v); err == nil {
			out.Write(text)
		} else {
			fmt.Fprintln(&out, err)
		}
		for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
			slog.New(h).Info("x", "value", v)
		}
		if err, ok := v.(error); ok {
			for e := errors.Unwrap(err); e != nil; e = errors.Unwrap(e) {
				fmt.Fprintf(&out, "%v %+v %#v\n", e, e, e)
			}
		}
	}
	return out.String()
}

// Whatever a handle says when its servers refuse the password, cannot be reached, or answer: it does not say the password.
func TestNoPasswordIsInAnythingThatAHandleSays(t *testing.T) {
	c := calm(t)
	closed := closedPort(t)
	wrong := func(dsn string) string { return as(t, dsn, c.User, marker) }
	escaped := func(dsn string) string { return strings.ReplaceAll(url.QueryEscape(dsn), "+", "%20") }
	nobody := fmt.Sprintf("postgres://%s:%s@127.0.0.1:%d/%s?sslmode=disable", c.User, marker, closed, c.Database)
	define(t, c, "create role secretive login password '"+marker+"'", "drop role secretive")
	right := as(t, c.DSN(), "secretive", marker)

	for name, dsn := range map[string]string{
		"all right":                         right,
		"wrong everywhere":                  wrong(c.DSN()),
		"wrong on a single server":          wrong(c.Primary.DSN()),
		"wrong on a replica":                dsnWith(c.Primary.DSN(), "replicas="+escaped(wrong(c.Replicas[0].DSN()))),
		"nobody there":                      nobody,
		"nobody there, with replicas":       dsnWith(nobody, "replicas="+escaped(nobody+"&application_name=other&dbname=other")),
		"nobody there, two hosts":           strings.Replace(nobody, "127.0.0.1:", "127.0.0.1:1,127.0.0.1:", 1),
		"a name that nobody knows":          strings.Replace(nobody, "127.0.0.1:", "no-such-host.invalid:", 1),
		"TLS where there is none":           strings.Replace(wrong(c.DSN()), "sslmode=disable", "sslmode=require", 1),
		"right, a replica nowhere":          dsnWith(right, "replicas="+escaped(nobody)),
		"right, a replica's password wrong": dsnWith(as(t, c.Primary.DSN(), "secretive", marker), "replicas="+escaped(wrong(c.Replicas[0].DSN()))),
	} {
		t.Run(name, func(t *testing.T) {
			cfg, err := pgsplit.ParseConfig(dsnWith(dsn, "monitor_interval=50ms", "connect_timeout=2"))
			require.NoError(t, err)
			require.Contains(t, dsn, marker)
			var told changes
			cfg.Logger, cfg.Trace = told.logger(), told.trace()
			cfg.Trace.ServerOut = func(i pgsplit.ServerOutInfo) { told.note("%+v %#v", i, i) }
			cfg.Trace.Retry = func(_ context.Context, i pgsplit.RetryInfo) { told.note("%+v %#v", i, i) }
			cfg.Trace.Route = func(_ context.Context, i pgsplit.RouteInfo) { told.note("%+v %#v", i, i) }
			db, err := pgsplit.OpenDB(cfg)
			require.NoError(t, err)
			defer db.Close()
			cluster := pgsplit.ClusterOf(db)

			said := []any{cfg, *cfg, cfg.Clone(), db.Driver(), cluster}
			note := func(err error) {
				if err != nil {
					said = append(said, err)
				}
			}
			note(db.PingContext(t.Context()))
			_, err = db.ExecContext(t.Context(), "select 1")
			note(err)
			for range 5 {
				note(db.QueryRowContext(t.Context(), "select 1").Scan(new(int)))
			}
			_, err = db.BeginTx(t.Context(), &sql.TxOptions{ReadOnly: true})
			note(err)
			_, err = db.PrepareContext(t.Context(), "select 1")
			note(err)
			_, err = pgsplit.ResumeSession(t.Context(), marker, db)
			note(err)
			health := cluster.Health(t.Context())
			said = append(said, cluster.Servers(), cluster.Stats(), health, cluster.Explain("select 1"))
			for _, a := range health.Alerts {
				said = append(said, a)
			}
			if name != "all right" {
				failed := false
				for _, s := range cluster.Servers() {
					failed = failed || s.Err != nil
					note(s.Err)
				}
				require.True(t, failed || len(said) > 10, "nothing went wrong: this test shows nothing")
			}
			require.NotContains(t, printed(t, said...), marker)
			// A page of the application may show them.
			_, err = json.Marshal(cluster.Stats())
			require.NoError(t, err)
			text, err := json.Marshal(health)
			require.NoError(t, err)
			for _, s := range health.Servers {
				require.Contains(t, string(text), fmt.Sprintf("%q:%q", "Name", s.Name))
				if s.Err != nil {
					require.Contains(t, string(text), `"Err":"`)
				}
			}
			require.NotContains(t, told.all(), marker)
		})
	}
}
