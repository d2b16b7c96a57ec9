package cli

import (
	"context"
	"io"
	"net/http"
	"sync"
)

// inProcess carries requests to a handler in this process. An answer is read while it is written.
type inProcess struct{ handler http.Handler }

// RoundTrip calls the handler and returns once it has sent its status.
func (t inProcess) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(req.Context())
	in := req.Clone(ctx)
	in.RequestURI = req.URL.RequestURI()
	in.Host = req.URL.Host
	if in.Body == nil {
		in.Body = http.NoBody
	}
	r, w := io.Pipe()
	a := &pipedAnswer{header: http.Header{}, body: w, sent: make(chan struct{}), trailer: http.Header{}}
	go func() {
		defer cancel()
		t.handler.ServeHTTP(a, in)
		a.finish()
	}()
	select {
	case <-a.sent:
	case <-req.Context().Done():
		_ = r.CloseWithError(req.Context().Err())
		return nil, req.Context().Err()
	}
	return &http.Response{
		Status: http.StatusText(a.status), StatusCode: a.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.shown, Trailer: a.trailer, Body: readerWithCancel{r, cancel}, ContentLength: -1, Request: req,
	}, nil
}

// readerWithCancel ends the handler when its answer is closed.
type readerWithCancel struct {
	*io.PipeReader
	cancel context.CancelFunc
}

// Close tells the handler that nobody reads any more.
func (r readerWithCancel) Close() error {
	r.cancel()
	return r.PipeReader.Close()
}

// A pipedAnswer is the handler's side of an answer.
type pipedAnswer struct {
	header, shown, trailer http.Header
	body                   *io.PipeWriter
	once                   sync.Once
	status                 int
	sent                   chan struct{}
}

// Header is what the handler sets, trailers among them.
func (a *pipedAnswer) Header() http.Header { return a.header }

// WriteHeader sends the status.
func (a *pipedAnswer) WriteHeader(status int) {
	a.once.Do(func() {
		a.status, a.shown = status, a.header.Clone()
		close(a.sent)
	})
}

// Write sends a piece of the body once the one before is read.
func (a *pipedAnswer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(p)
}

// Flush does nothing: a piece is read before Write returns.
func (a *pipedAnswer) Flush() {}

// finish ends the body, with the trailers that were announced.
func (a *pipedAnswer) finish() {
	a.WriteHeader(http.StatusOK)
	for _, name := range a.shown.Values("Trailer") {
		if v := a.header.Get(name); v != "" {
			a.trailer.Set(name, v)
		}
	}
	_ = a.body.Close()
}
