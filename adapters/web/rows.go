package web

import (
	"io"
	"net/http"
	"time"
)

// A rowAnswer is the writer that rows go to. The status is sent with the first of them, so that an
// error before it can still be one.
type rowAnswer struct {
	w       http.ResponseWriter
	control *http.ResponseController
	format  string
	follow  bool // send each write at once
	started bool
}

func newRowAnswer(w http.ResponseWriter, format string, follow bool) *rowAnswer {
	return &rowAnswer{w: w, control: http.NewResponseController(w), format: format, follow: follow}
}

func (a *rowAnswer) start() {
	if a.started {
		return
	}
	a.started = true
	kind := "application/x-ndjson"
	switch a.format {
	case "json":
		kind = "application/json"
	case "csv":
		kind = "text/csv; charset=utf-8; header=present"
	}
	a.w.Header().Set("Content-Type", kind)
	a.w.Header().Set("Trailer", FailureTrailer)
	a.w.WriteHeader(http.StatusOK)
}

// FailureTrailer carries an error that comes after the first row.
const FailureTrailer = "Nagare-Error"

// Write sends rows. A client that takes none for stallTimeout is let go.
func (a *rowAnswer) Write(p []byte) (int, error) {
	a.start()
	_ = a.control.SetWriteDeadline(time.Now().Add(stallTimeout))
	n, err := a.w.Write(p)
	if err == nil && a.follow {
		err = a.control.Flush()
	}
	return n, err
}

// end finishes the answer with what the backend returned.
func (a *rowAnswer) end(s *Server, err error) {
	switch {
	case err == nil:
		a.start()
	case !a.started:
		s.failed(a.w, err)
	default:
		a.w.Header().Set(FailureTrailer, err.Error())
	}
}

var _ io.Writer = (*rowAnswer)(nil)

func (s *Server) table(w http.ResponseWriter, r *http.Request) {
	limit, err := intParam(r, "limit", -1)
	if err != nil {
		s.failed(w, err)
		return
	}
	q := r.URL.Query()
	req := TableRequest{Name: r.PathValue("name"), Open: q.Get("open") == "true", Limit: limit, Format: format(q.Get("format"))}
	a := newRowAnswer(w, req.Format, false)
	a.end(s, s.backend.Table(r.Context(), a, req))
}

func (s *Server) query(w http.ResponseWriter, r *http.Request) {
	text := r.URL.Query().Get("sql")
	if text == "" || len(text) > maxQuery {
		s.failed(w, &RequestError{"query: send a SELECT of at most 64 KB as ?sql="})
		return
	}
	f := format(r.URL.Query().Get("format"))
	a := newRowAnswer(w, f, false)
	a.end(s, s.backend.Query(r.Context(), a, text, f))
}

func (s *Server) tail(w http.ResponseWriter, r *http.Request) {
	n, err := intParam(r, "n", 10)
	if err != nil {
		s.failed(w, err)
		return
	}
	leave, ok := s.follow(w)
	if !ok {
		return
	}
	defer leave()
	q := r.URL.Query()
	f := q.Get("format")
	if f == "" {
		f = "jsonl"
	}
	a := newRowAnswer(w, f, true)
	err = s.backend.Tail(r.Context(), a, TailRequest{Name: r.PathValue("name"), N: n, Updates: q.Get("updates") == "true", Format: f})
	if r.Context().Err() != nil {
		err = nil // the client left, or the process stops
	}
	a.end(s, err)
}

func format(text string) string {
	if text == "" {
		return "json"
	}
	return text
}
