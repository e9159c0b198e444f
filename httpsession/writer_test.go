package httpsession_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/pgsplit/pgsplit"
	"github.com/pgsplit/pgsplit/httpsession"
)

// recorder has neither Flush nor Hijack.
type recorder struct{ http.ResponseWriter }

func TestAHandlerGetsNoMoreThanTheServerHas(t *testing.T) {
	m := httpsession.New()
	m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, flushes := w.(http.Flusher)
		_, hijacks := w.(http.Hijacker)
		assert.False(t, flushes || hijacks)
		assert.ErrorIs(t, http.NewResponseController(w).Flush(), http.ErrNotSupported)
		assert.NotNil(t, pgsplit.SessionOf(r.Context()))
	})).ServeHTTP(recorder{httptest.NewRecorder()}, httptest.NewRequest("GET", "/", nil))
}

// stuck has a Hijack that fails, as after the body was begun.
type stuck struct{ http.ResponseWriter }

func (stuck) Hijack() (net.Conn, *bufio.ReadWriter, error) { return nil, nil, http.ErrHijacked }

// receiver notes what it was given to send.
type receiver struct {
	*httptest.ResponseRecorder
	from io.Reader
}

func (r *receiver) ReadFrom(from io.Reader) (int64, error) {
	r.from = from
	return io.Copy(r.ResponseRecorder, from)
}
