package web

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"time"

	"github.com/nagare-stream/nagare/engine/plan"
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
	case "csv", FormatSafeCSV:
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

func (s *Server) query(w http.ResponseWriter, r *http.Request) {
	text := r.URL.Query().Get("sql")
	if len(text) > maxQuery || text == "" {
		fail(w, tooLong(text), fmt.Sprintf("query: the statement has %d bytes; send a SELECT of at most %d KB as ?sql=, or of %d KB as the body of POST /api/query", len(text), maxQuery>>10, MaxStatement>>10), 2)
		return
	}
	s.answerQuery(w, r, text)
}

// postQuery is query with the statement as the body, which can be longer than an address.
func (s *Server) postQuery(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxStatement))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		fail(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("query: a statement has at most %d KB", MaxStatement>>10), 2)
	case isSlow(err):
		failSlow(w, "query")
	case err != nil:
		s.failed(w, &RequestError{"query: read the statement: " + err.Error()})
	case len(bytes.TrimSpace(text)) == 0:
		s.failed(w, &RequestError{"query: the statement is empty; it is the body of the request"})
	case isJSON(r):
		s.askQuery(w, r, text)
	default:
		s.answerQuery(w, r, string(text))
	}
}

func isJSON(r *http.Request) bool {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return kind == "application/json"
}

// tooLong is the status of a statement in an address that is not there, or too long.
func tooLong(text string) int {
	if text == "" {
		return http.StatusBadRequest
	}
	return http.StatusRequestURITooLong
}

func (s *Server) answerQuery(w http.ResponseWriter, r *http.Request, text string) {
	s.answerQuestion(r.Context(), w, r, plan.Ask(text))
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
	if q.Get("format") == "" {
		q.Set("format", "jsonl")
	}
	f := format(q)
	a := newRowAnswer(w, f, true)
	err = s.backend.Tail(r.Context(), a, TailRequest{Name: r.PathValue("name"), N: n, Updates: q.Get("updates") == "true", Format: f})
	if r.Context().Err() != nil {
		err = nil // the client left, or the process stops
	}
	a.end(s, err)
}

// FormatSafeCSV is CSV for people: a text that a spreadsheet would take for a formula has a ' before it.
const FormatSafeCSV = "csv-safe"

// format is the form that rows are asked for in. CSV ends in a spreadsheet sooner or later, so that it is the
// safe one, unless a program asks for the texts as they are.
func format(q url.Values) string {
	switch text := q.Get("format"); {
	case text == "":
		return "json"
	case text == "csv" && q.Get("raw") != "true":
		return FormatSafeCSV
	default:
		return text
	}
}
