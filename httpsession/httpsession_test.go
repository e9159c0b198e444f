package httpsession_test

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pgsplit/pgsplit"
	"github.com/pgsplit/pgsplit/httpsession"
	"github.com/pgsplit/pgsplit/pgsplittest"
)

// open opens a handle and waits until a replica serves. Its monitors are patient, since a busy machine is no reason for the
// replica to be left out.
func open(t *testing.T, dsn string) *sql.DB {
	t.Helper()
	if !strings.Contains(dsn, "monitor_timeout=") {
		dsn += "&monitor_timeout=10s"
	}
	db := openAlone(t, dsn+"&max_lag=0")
	require.Eventually(t, func() bool {
		var replica bool
		return db.QueryRow("select pg_is_in_recovery()").Scan(&replica) == nil && replica
	}, 20*time.Second, 10*time.Millisecond)
	return db
}

// openAlone opens a handle and waits for nothing: it may have one server.
func openAlone(t *testing.T, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgsplit", dsn)
	require.NoError(t, err)
	t.Cleanup(func() { db.Close() })
	return db
}

// site writes with POST, in one of the ways in which handlers answer, and reads with GET.
func site(db *sql.DB) http.Handler {
	mux := http.NewServeMux()
	write := func(w http.ResponseWriter, r *http.Request) bool {
		_, err := db.ExecContext(r.Context(), "update a set v = v + 1")
		if err != nil {
			http.Error(w, err.Error(), 500)
		}
		return err == nil
	}
	mux.HandleFunc("POST /body", func(w http.ResponseWriter, r *http.Request) {
		if write(w, r) {
			fmt.Fprint(w, "done")
		}
	})
	mux.HandleFunc("POST /nothing", func(w http.ResponseWriter, r *http.Request) { write(w, r) })
	mux.HandleFunc("POST /redirect", func(w http.ResponseWriter, r *http.Request) {
		if write(w, r) {
			http.Redirect(w, r, "/", http.StatusSeeOther)
		}
	})
	mux.HandleFunc("POST /early", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusEarlyHints)
		if write(w, r) {
			w.WriteHeader(http.StatusNoContent)
		}
	})
	mux.HandleFunc("POST /stream", func(w http.ResponseWriter, r *http.Request) {
		if write(w, r) {
			w.(http.Flusher).Flush()
			for i := range 3 {
				fmt.Fprintln(w, i)
				_ = http.NewResponseController(w).Flush()
			}
		}
	})
	mux.HandleFunc("POST /file", func(w http.ResponseWriter, r *http.Request) {
		if write(w, r) {
			http.ServeContent(w, r, "x.txt", time.Time{}, strings.NewReader("file"))
		}
	})
	mux.HandleFunc("POST /panic", func(w http.ResponseWriter, r *http.Request) {
		if write(w, r) {
			panic("after it has written")
		}
	})
	mux.HandleFunc("GET /static", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "body { }") })
	mux.HandleFunc("GET /hijack", func(w http.ResponseWriter, r *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			io.WriteString(conn, "HTTP/1.1 299 Mine\r\nContent-Length: 2\r\n\r\nok")
			conn.Close()
		}
	})
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		var v int
		var replica bool
		if err := db.QueryRowContext(r.Context(), "select v, pg_is_in_recovery() from a").Scan(&v, &replica); err != nil {
			http.Error(w, err.Error(), 500)
			return
		}
		fmt.Fprint(w, v, " ", replica)
	})
	return mux
}

func browser(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	return &http.Client{Jar: jar}
}

func get(t *testing.T, c *http.Client, url string) string {
	t.Helper()
	res, err := c.Get(url)
	require.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return string(body)
}

func TestABrowserSeesWhatItHasWritten(t *testing.T) {
	c := pgsplittest.Start(t, pgsplittest.Options{Replicas: 1, SetupSQL: "create table a (v int); insert into a values (0); grant all on a to public"})
	// Two processes of one site.
	shared, other := open(t, c.DSN()), open(t, c.DSN())
	// Around all of it there may be somebody who makes an answer of a panic.
	recovers := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer func() {
				if recover() != nil {
					w.WriteHeader(299)
				}
			}()
			next.ServeHTTP(w, r)
		})
	}
	first := httptest.NewServer(recovers(httpsession.New(shared).Handler(site(shared))))
	defer first.Close()
	second := httptest.NewServer(httpsession.New(other).Handler(site(other)))
	defer second.Close()
	at := func(s *httptest.Server) string { return "http://localhost" + s.URL[len("http://127.0.0.1"):] } // cookies know no ports

	for i, way := range []string{"body", "nothing", "early", "stream", "redirect", "file", "panic"} {
		t.Run(way, func(t *testing.T) {
			require.NoError(t, c.WaitForCatchUp())
			mine, theirs := browser(t), browser(t)
			assert.Equal(t, fmt.Sprint(i, " true"), get(t, mine, at(second)))
			require.NoError(t, c.Replicas[0].PauseReplay())
			defer c.Replicas[0].ResumeReplay()
			res, err := mine.Post(at(first)+"/"+way, "", nil)
			require.NoError(t, err)
			io.Copy(io.Discard, res.Body)
			res.Body.Close()
			require.Less(t, res.StatusCode, 400)
			for range 3 {
				assert.Equal(t, fmt.Sprint(i+1, " false"), get(t, mine, at(second)))
				assert.Equal(t, fmt.Sprint(i+1, " false"), get(t, mine, at(first)))
			}
			assert.Equal(t, fmt.Sprint(i, " true"), get(t, theirs, at(second)), "it concerns nobody else")
			require.NoError(t, c.Replicas[0].ResumeReplay())
			require.Eventually(t, func() bool { return get(t, mine, at(second)) == fmt.Sprint(i+1, " true") }, 20*time.Second, 5*time.Millisecond)
		})
	}

	t.Run("hijack", func(t *testing.T) {
		res, err := http.Get(at(first) + "/hijack")
		require.NoError(t, err)
		defer res.Body.Close()
		assert.Equal(t, 299, res.StatusCode)
		assert.Empty(t, res.Cookies())
	})
	t.Run("hostile", func(t *testing.T) {
		for _, value := range []string{"x", "AQEAAAA", "%00", string(make([]byte, 300))} {
			req, err := http.NewRequest("GET", at(first), nil)
			require.NoError(t, err)
			req.Header.Set("Cookie", "pgsplit_session="+value)
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				continue // the client does not send it
			}
			assert.Less(t, res.StatusCode, 500)
			res.Body.Close()
			assert.NotEmpty(t, res.Cookies(), "it has read")
			req.URL.Path = "/static"
			res, err = http.DefaultClient.Do(req)
			require.NoError(t, err)
			res.Body.Close()
			assert.Empty(t, res.Cookies(), "nothing has happened in it, and nobody has asked a server")
		}
	})
	t.Run("each use begins the cookie's time anew", func(t *testing.T) {
		alone := openAlone(t, c.Primary.DSN())
		s := httptest.NewServer(httpsession.New(alone).Handler(site(alone)))
		defer s.Close()
		b := browser(t)
		for range 3 {
			res, err := b.Post(at(s)+"/body", "", nil)
			require.NoError(t, err)
			res.Body.Close()
			assert.Len(t, res.Cookies(), 1)
		}
	})
	t.Run("header", func(t *testing.T) {
		m := httpsession.New(shared)
		m.Header = "Pgsplit-Session"
		var told error
		m.OnError = func(_ *http.Request, err error) { told = err }
		s := httptest.NewServer(m.Handler(site(shared)))
		defer s.Close()
		require.NoError(t, c.Replicas[0].PauseReplay())
		defer func() { require.NoError(t, c.Replicas[0].ResumeReplay()) }()
		res, err := http.Post(s.URL+"/body", "", nil)
		require.NoError(t, err)
		res.Body.Close()
		token := res.Header.Get("Pgsplit-Session")
		assert.NotEmpty(t, token)
		assert.Empty(t, res.Cookies())
		_, err = pgsplit.ResumeSession(context.Background(), token, other)
		assert.NoError(t, err)
		req, _ := http.NewRequest("GET", s.URL, nil)
		req.Header.Set("Pgsplit-Session", token+"x")
		res, err = http.DefaultClient.Do(req)
		require.NoError(t, err)
		defer res.Body.Close()
		assert.Equal(t, 200, res.StatusCode)
		body, err := io.ReadAll(res.Body)
		assert.NoError(t, err)
		assert.ErrorIs(t, told, pgsplit.ErrToken)
		assert.Contains(t, string(body), " false", "what nobody can read may have been a promise")
	})
	write := func(r *http.Request) {
		_, err := shared.ExecContext(r.Context(), "update a set v = v + 1")
		assert.NoError(t, err)
	}
	sent := func(w http.ResponseWriter, h http.HandlerFunc) {
		httpsession.New(shared).Handler(h).ServeHTTP(w, httptest.NewRequest("POST", "/", nil))
	}
	t.Run("Hijack fails", func(t *testing.T) {
		out := httptest.NewRecorder()
		sent(stuck{out}, func(w http.ResponseWriter, r *http.Request) {
			write(r)
			_, _, err := w.(http.Hijacker).Hijack()
			assert.ErrorIs(t, err, http.ErrHijacked)
			http.Error(w, "no", http.StatusTeapot)
		})
		assert.Len(t, out.Result().Cookies(), 1)
	})
	t.Run("the server reads the body by itself", func(t *testing.T) {
		out := &receiver{ResponseRecorder: httptest.NewRecorder()}
		sent(out, func(w http.ResponseWriter, r *http.Request) {
			write(r)
			from := strings.NewReader("body")
			n, err := io.Copy(w, struct{ io.Reader }{from})
			assert.NoError(t, err)
			assert.EqualValues(t, 4, n)
		})
		assert.NotNil(t, out.from)
		assert.Equal(t, "body", out.Body.String())
		assert.Len(t, out.Result().Cookies(), 1)
	})
}

// While the primary does not answer nobody can say whether a token is right. It counts all the same.
func TestATokenThatCannotBeCheckedIsKeptTo(t *testing.T) {
	c := pgsplittest.Start(t, pgsplittest.Options{Replicas: 1, SetupSQL: "create table a (v int); insert into a values (0); grant all on a to public"})
	writer := open(t, c.DSN())
	// Its latest look at the primary is older than the token, and it does not wait for another one for long.
	reader := open(t, c.DSN()+"&monitor_interval=1h&monitor_timeout=500ms")
	ctx := pgsplit.WithSession(t.Context(), pgsplit.NewSession())
	require.NoError(t, c.WaitForCatchUp())
	require.NoError(t, c.Replicas[0].PauseReplay())
	_, err := writer.ExecContext(ctx, "update a set v = 1")
	require.NoError(t, err)
	require.NoError(t, pgsplit.SessionOf(ctx).Settle(ctx))

	require.NoError(t, c.Primary.Freeze())
	thawed := make(chan error, 1)
	m := httpsession.New(reader)
	m.OnError = func(_ *http.Request, err error) {
		assert.NotErrorIs(t, err, pgsplit.ErrToken)
		time.AfterFunc(200*time.Millisecond, func() { thawed <- c.Primary.Thaw() })
	}
	out := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
	r.AddCookie(&http.Cookie{Name: m.Cookie.Name, Value: pgsplit.SessionOf(ctx).Token()})
	m.Handler(site(reader)).ServeHTTP(out, r)
	assert.Equal(t, "1 false", out.Body.String())
	select {
	case err := <-thawed:
		require.NoError(t, err)
	case <-time.After(20 * time.Second):
		t.Fatal("the token was taken without asking anybody")
	}
}
