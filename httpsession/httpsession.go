// Package httpsession keeps a session of read-your-writes for each browser, across requests and processes: what a user
// has written or seen, the next page shows, whichever server of the application answers.
//
//	http.ListenAndServe(addr, httpsession.New(db).Handler(mux))
//
// Handlers use the database with the request's context, nothing else. The session travels in a cookie (or a header, for
// clients that keep one) as pgsplit.Session.Token gives it: a position in the database's log, no data and no secret.
//
// The cookie is sent with the header of the response: what a handler writes to the database after it has begun its
// response is not in it, until the next one. Handlers that write first and answer then, as most do, lose nothing. Of requests of one
// browser that run at the same time, the response that comes last says what the browser knows.
//
// As any response that sets a cookie for one user, one that a handler has used the database for must not be kept by a cache that several
// share.
package httpsession

import (
	"context"
	"database/sql"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/pgsplit/pgsplit"
)

// Middleware gives each request its session. Its fields may be changed until it is first used; it is safe for concurrent
// use.
type Middleware struct {
	// DBs are the handles that requests use. A session counts for these.
	DBs []*sql.DB

	// Cookie is the cookie that carries the session, but for its value: name, path, age and the like. A cookie without a
	// name is none. New gives it the name pgsplit_session, the path "/", HttpOnly, SameSite=Lax, and a life of 60 s: by then
	// replicas have caught up, or max_lag keeps them out. Set Secure where the site is served over TLS.
	Cookie http.Cookie

	// Header is the header that carries the session in both directions, in place of the cookie; empty, as New leaves it,
	// is none.
	Header string

	// Settle is for how long the header of a response may wait for the position of what the request has written, default
	// 10 ms. It mostly takes two or three; without it the next request reads on the primary at first. 0 does not wait.
	Settle time.Duration

	// OnError, if not nil, is told why a request's token was not taken: pgsplit.ErrToken, or a database that cannot be
	// reached. The request goes on with a new session that sees all that there is by then.
	OnError func(*http.Request, error)
}

// New returns a Middleware for handles, with the defaults.
func New(dbs ...*sql.DB) *Middleware {
	return &Middleware{
		DBs:    dbs,
		Cookie: http.Cookie{Name: "pgsplit_session", Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, MaxAge: 60},
		Settle: 10 * time.Millisecond,
	}
}

// Handler returns a handler that gives next the request with its session in the context. The ResponseWriter that next gets
// has Flush and Hijack if the server's has them, and Unwrap for http.ResponseController.
func (m *Middleware) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		session, err := pgsplit.ResumeSession(ctx, m.token(r), m.DBs...)
		if err != nil && m.OnError != nil && !errors.Is(err, context.Canceled) {
			m.OnError(r, err)
		}
		out := &writer{ResponseWriter: w, middleware: m, request: r, session: session, start: session.Token()}
		// A handler that has written nothing: the server sends the header now. Or it panics, and whoever recovers answers.
		defer out.begin()
		next.ServeHTTP(out.wrapped(), r.WithContext(pgsplit.WithSession(ctx, session)))
	})
}

// replicas says whether any handle has some.
func (m *Middleware) replicas() bool {
	return slices.ContainsFunc(m.DBs, func(db *sql.DB) bool {
		c := pgsplit.ClusterOf(db)
		return c != nil && len(c.Servers()) > 1
	})
}

func (m *Middleware) token(r *http.Request) string {
	if m.Header != "" {
		return r.Header.Get(m.Header)
	}
	if m.Cookie.Name != "" {
		if c, err := r.Cookie(m.Cookie.Name); err == nil {
			return c.Value
		}
	}
	return ""
}

// carry puts the session into a header that is about to be sent, if it was used and is another one than before; start is its token
// then. The same token again could take the place of a later one, of a response that has begun meanwhile. Where no handle has
// replicas it is always the same, and its time has to begin anew.
func (m *Middleware) carry(h http.Header, r *http.Request, session *pgsplit.Session, start string) {
	if !session.Used() && session.Token() == start {
		return
	}
	if m.Settle > 0 {
		ctx, cancel := context.WithTimeout(r.Context(), m.Settle)
		_ = session.Settle(ctx) // else the token says so
		cancel()
	}
	token := session.Token()
	if token == "" || token == start && m.replicas() {
		return
	}
	if m.Header != "" {
		h.Set(m.Header, token)
		return
	}
	if m.Cookie.Name != "" {
		c := m.Cookie
		c.Value = token
		h.Add("Set-Cookie", c.String())
	}
}
