package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync/atomic"
	"time"
)

// Limits of connections.
const (
	maxConnections = 1024 // open at a time; those above are told so
	maxRefused     = 64   // so many at a time; those above are closed without a word
)

// connections counts those that are open, so that others than a browser's few hundred cannot take all memory and
// descriptors.
type connections struct{ open atomic.Int64 }

// aboveLimit is the key of a context whose connection is one too many.
type aboveLimit struct{}

// begin is http.Server's ConnContext.
func (c *connections) begin(ctx context.Context, conn net.Conn) context.Context {
	n := c.open.Add(1)
	if n > maxConnections+maxRefused {
		_ = conn.Close()
	}
	if n > maxConnections {
		return context.WithValue(ctx, aboveLimit{}, true)
	}
	return ctx
}

// changed is http.Server's ConnState.
func (c *connections) changed(_ net.Conn, state http.ConnState) {
	if state == http.StateClosed || state == http.StateHijacked {
		c.open.Add(-1)
	}
}

// refuseAbove answers a request on a connection that is one too many.
func refuseAbove(w http.ResponseWriter, r *http.Request) bool {
	if r.Context().Value(aboveLimit{}) == nil {
		return false
	}
	w.Header().Set("Connection", "close")
	w.Header().Set("Retry-After", strconv.Itoa(int(headerTimeout.Seconds())))
	fail(w, http.StatusServiceUnavailable, fmt.Sprintf("connect: %d connections are open, which is the limit; close some, or ask again later", maxConnections), 1)
	return true
}

// limitBody bounds the time for a request's body, for handlers that read it and for those that do not: net/http reads
// what they leave. Its sender has stallTimeout for all of it, unless a liveBody gives him more. net/http ends the limit
// with the body; requests without one have none.
func limitBody(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength != 0 {
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(stallTimeout))
	}
}

// liveBody is a request body whose sender has stallTimeout for each piece of it: for what is written as it comes.
type liveBody struct {
	io.Reader
	control *http.ResponseController
}

func (b *liveBody) Read(p []byte) (int, error) {
	_ = b.control.SetReadDeadline(time.Now().Add(stallTimeout))
	return b.Reader.Read(p)
}

// isSlow reports a body that did not come in time.
func isSlow(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }

// failSlow answers for such a body. Nothing more is read from its connection.
func failSlow(w http.ResponseWriter, what string) {
	w.Header().Set("Connection", "close")
	fail(w, http.StatusRequestTimeout, fmt.Sprintf("%s: the rest of the body did not come in %v", what, stallTimeout), 1)
}
