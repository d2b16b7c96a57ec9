package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/sql"
)

// CheckAnswer is the body of POST /api/check: what a SELECT would give, or all that is wrong with it.
type CheckAnswer struct {
	Columns []NamedColumn `json:"columns"`
	Faults  []QueryFault  `json:"faults"`
}

// QueryFault is one fault of a SELECT. Line and column count characters from 1.
type QueryFault struct {
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
	Class   string `json:"class,omitempty"` // Spark's error class
}

// NamesAnswer is the body of GET /api/names: the words of a query.
type NamesAnswer struct {
	Datasets  []NamedDataset `json:"datasets"`
	Functions []string       `json:"functions"`
	Keywords  []string       `json:"keywords"`
}

// NamedDataset is a table, view or topic with its columns.
type NamedDataset struct {
	Name    string        `json:"name"`
	Kind    string        `json:"kind"` // as engine.NamedDataset has it
	Columns []NamedColumn `json:"columns"`
	Key     []string      `json:"key,omitempty"` // of a table of windows: the columns that name a row
}

// NamedColumn is a column with its type as Spark writes it.
type NamedColumn struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

func namedColumns(s *column.Schema) []NamedColumn {
	columns := []NamedColumn{}
	for _, f := range s.Fields {
		columns = append(columns, NamedColumn{f.Name, f.Type.String()})
	}
	return columns
}

// check binds the SELECT in the body. What is wrong with it is the answer, and no failure.
func (s *Server) check(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxStatement))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		fail(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("check: a statement has at most %d KB", MaxStatement>>10), 2)
		return
	case isSlow(err):
		failSlow(w, "check")
		return
	case err != nil:
		s.failed(w, &RequestError{"check: read the statement: " + err.Error()})
		return
	}
	schema, faults, err := s.backend.CheckQuery(r.Context(), string(text))
	if err != nil {
		s.failed(w, err)
		return
	}
	a := CheckAnswer{Columns: namedColumns(&schema), Faults: []QueryFault{}}
	for _, f := range faults {
		a.Faults = append(a.Faults, QueryFault{max(1, f.Pos.Line), max(1, f.Pos.Col), f.Message, f.Hint, f.Class})
	}
	answer(w, a)
}

func (s *Server) names(w http.ResponseWriter, _ *http.Request) {
	a := NamesAnswer{Datasets: []NamedDataset{}, Functions: engine.FunctionNames(), Keywords: sql.Keywords()}
	for _, d := range s.backend.QueryNames() {
		a.Datasets = append(a.Datasets, NamedDataset{d.Name, d.Kind, namedColumns(&d.Schema), d.Key})
	}
	answer(w, a)
}

// queryChecker is the part of a ViewBackend that knows what queries mean.
type queryChecker interface {
	// CheckQuery binds a SELECT and runs nothing.
	CheckQuery(ctx context.Context, text string) (column.Schema, sql.Faults, error)
	// QueryNames is what a query can name.
	QueryNames() []engine.NamedDataset
}
