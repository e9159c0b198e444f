package httpsession

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"sync"

	"github.com/pgsplit/pgsplit"
)

// writer puts the session into the header before that is sent, however that comes about.
type writer struct {
	http.ResponseWriter
	middleware *Middleware
	request    *http.Request
	session    *pgsplit.Session
	start      string // its token as it was when the request came
	once       sync.Once
}

func (w *writer) begin() {
	w.once.Do(func() { w.middleware.carry(w.ResponseWriter.Header(), w.request, w.session, w.start) })
}

// WriteHeader sends the header. Those of the 1xx classes come before the one that counts, but for 101, which is the last.
func (w *writer) WriteHeader(status int) {
	if status >= 200 || status == http.StatusSwitchingProtocols {
		w.begin()
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *writer) Write(b []byte) (int, error) {
	w.begin()
	return w.ResponseWriter.Write(b)
}

// ReadFrom lets io.Copy and http.ServeContent use what the server has for files.
func (w *writer) ReadFrom(r io.Reader) (int64, error) {
	w.begin()
	return io.Copy(w.ResponseWriter, r)
}

// Unwrap is for http.ResponseController. Its Flush and Hijack find the methods below first.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// FlushError is what http.ResponseController calls.
func (w *writer) FlushError() error {
	w.begin()
	return http.NewResponseController(w.ResponseWriter).Flush()
}

type flusher struct{ *writer }

func (f flusher) Flush() { _ = f.FlushError() }

type hijacker struct{ *writer }

// Hijack hands out the connection. What the handler sends is its own: the session is not in it.
func (h hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := h.ResponseWriter.(http.Hijacker).Hijack()
	if err == nil { // else the response is the server's still
		h.once.Do(func() {})
	}
	return conn, rw, err
}

type flusherHijacker struct {
	flusher
	hijacker hijacker
}

func (b flusherHijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) { return b.hijacker.Hijack() }

// wrapped has those of Flush and Hijack that the server's writer has: HTTP/2's has no Hijack.
func (w *writer) wrapped() http.ResponseWriter {
	_, flushes := w.ResponseWriter.(http.Flusher)
	_, hijacks := w.ResponseWriter.(http.Hijacker)
	switch {
	case flushes && hijacks:
		return flusherHijacker{flusher{w}, hijacker{w}}
	case flushes:
		return flusher{w}
	case hijacks:
		return hijacker{w}
	}
	return w
}
