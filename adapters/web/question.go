package web

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/nagare-stream/nagare/engine/batch"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/engine/sql"
)

// A QueryRequest is the body of POST /api/query as application/json: a statement with the session in which it stands. The
// server keeps no sessions: each request brings what was said before.
type QueryRequest struct {
	QueryPiece
	Before []QueryPiece `json:"before,omitempty"` // SET, RESET, CREATE TEMPORARY VIEW, DROP VIEW, which were good
	// Memory in bytes and Timeout in µs are limits of this query; 0: those of all. They can be lower than those only.
	Memory  int64 `json:"memory,omitempty"`
	Timeout int64 `json:"timeout,omitempty"`
	// ID is a random name under which GET /api/queries/{id} tells how far it is; "": nobody asks.
	ID string `json:"id,omitempty"`
}

// A QueryPiece is a statement and where it stands.
type QueryPiece struct {
	SQL    string `json:"sql"`
	File   string `json:"file,omitempty"` // stands in the places of faults
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
}

// PieceOf is a piece as requests have it.
func PieceOf(p sql.Piece) QueryPiece {
	return QueryPiece{SQL: p.Text, File: p.Pos.File, Line: p.Pos.Line, Column: p.Pos.Col}
}

func (p QueryPiece) piece() sql.Piece {
	at := sql.Pos{File: p.File, Line: max(p.Line, 1), Col: max(p.Column, 1)}
	if at.File == "" {
		at.File = "query"
	}
	return sql.Piece{Text: p.SQL, Pos: at}
}

// QueryProgress is the body of GET /api/queries/{id}: how many rows the query has read, and how many there are in what it
// reads (0: not known).
type QueryProgress struct {
	Read int64 `json:"read"`
	All  int64 `json:"all"`
}

// Limits of what a request may say.
const (
	maxBefore  = 10_000
	maxQueryID = 64
)

// askQuery answers a QueryRequest.
func (s *Server) askQuery(w http.ResponseWriter, r *http.Request, body []byte) {
	var in QueryRequest
	switch err := json.Unmarshal(body, &in); {
	case err != nil:
		s.failed(w, &RequestError{"query: read the request: " + err.Error()})
		return
	case in.SQL == "", len(in.Before) > maxBefore, len(in.ID) > maxQueryID, in.Memory < 0, in.Timeout < 0:
		s.failed(w, &RequestError{fmt.Sprintf("query: the request needs sql, at most %d statements before it, an id of at most %d letters, and no limits below 0", maxBefore, maxQueryID)})
		return
	}
	q := plan.Question{Piece: in.piece()}
	for _, p := range in.Before {
		q.Before = append(q.Before, p.piece())
	}
	bounds := batch.Bounds{Memory: in.Memory, By: "--memory", Timeout: time.Duration(in.Timeout) * time.Microsecond, TimeoutBy: "--timeout"}
	if memory, timeout := q.Bounds(); memory > 0 || timeout > 0 {
		if memory > 0 && (bounds.Memory == 0 || memory < bounds.Memory) {
			bounds.Memory, bounds.By = memory, "SET nagare.query.memory"
		}
		if d := time.Duration(timeout) * time.Microsecond; d > 0 && (bounds.Timeout == 0 || d < bounds.Timeout) {
			bounds.Timeout, bounds.TimeoutBy = d, "SET nagare.query.timeout"
		}
	}
	ctx := batch.Within(r.Context(), bounds)
	if in.ID != "" {
		p := &batch.Progress{}
		ctx = batch.Observe(ctx, p)
		defer s.asked.begin(in.ID, p)()
	}
	s.answerQuestion(ctx, w, r, q)
}

// queriesAsked is the queries whose progress can be asked for.
type queriesAsked struct {
	mu sync.Mutex
	by map[string]*batch.Progress
}

func (a *queriesAsked) begin(id string, p *batch.Progress) (end func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.by == nil {
		a.by = map[string]*batch.Progress{}
	}
	a.by[id] = p
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.by, id)
	}
}

func (a *queriesAsked) get(id string) *batch.Progress {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.by[id]
}

func (s *Server) queryProgress(w http.ResponseWriter, r *http.Request) {
	p := s.asked.get(r.PathValue("id"))
	if p == nil {
		fail(w, http.StatusNotFound, "query: none of that id runs", 1)
		return
	}
	read, all := p.Rows()
	answer(w, QueryProgress{Read: read, All: all})
}

func (s *Server) answerQuestion(ctx context.Context, w http.ResponseWriter, r *http.Request, q plan.Question) {
	f := format(r.URL.Query())
	a := newRowAnswer(w, f, false)
	a.end(s, s.backend.Ask(ctx, a, q, f))
}

var _ io.Writer = (*rowAnswer)(nil)
