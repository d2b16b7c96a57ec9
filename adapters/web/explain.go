package web

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// MostEvents is how many records an explanation shows; all are counted.
const MostEvents = 200

// ColumnValue names rows: those whose column has the value.
type ColumnValue struct{ Column, Value string }

// RowExplanation is where a row of a table or view comes from: the body of /api/explain/{name}?key=COLUMN=VALUE.
type RowExplanation struct {
	Table   string          `json:"table"`
	Query   string          `json:"query"` // that gives the row
	Columns []NamedColumn   `json:"columns"`
	Row     []*string       `json:"row"`
	Values  json.RawMessage `json:"-"`    // the row as JSON
	Open    bool            `json:"open"` // its window is open: it will change
	// Window is the window that has counted the records; null where a record is a row.
	Window *ExplainedWindow `json:"window"`
	// Events are the records that the row was made of, LeftOut those of the same window and keys that were not counted;
	// null where nothing can be said.
	Events  *ExplainedRecords `json:"events"`
	LeftOut *ExplainedRecords `json:"leftOut"`
	Note    string            `json:"note,omitempty"` // what else they have, or why there are none
	// Steps are the tables on the way from the row down to the topics, with how many of their rows are behind it.
	Steps []ExplainedStep `json:"steps,omitempty"`
	// Rows is how many rows explode made of the records that were counted; 0: one of each.
	Rows int64 `json:"rows,omitempty"`
	// Aggregates are those of the table's query, each with how many rows it took.
	Aggregates []ExplainedAggregate `json:"aggregates,omitempty"`
	// Unreadable is how many records of the topic are invalid, so that they tell neither window nor keys.
	Unreadable      int64  `json:"unreadable,omitempty"`
	UnreadableQuery string `json:"unreadableQuery,omitempty"`
	// Dropped is why the row is not in the table: Columns and Row are then what came to the condition.
	Dropped *ExplainedDrop `json:"dropped,omitempty"`
	// Subqueries are those whose values the row has, or by which it was chosen.
	Subqueries []ExplainedSubquery `json:"subqueries,omitempty"`
}

// ExplainedDrop is the operator that left a row out.
type ExplainedDrop struct {
	Table     string         `json:"table"`               // in whose query it is
	Clause    string         `json:"clause"`              // HAVING, WHERE, QUALIFY, INNER JOIN, LIMIT, …
	Condition string         `json:"condition,omitempty"` // as it is written
	Failing   string         `json:"failing,omitempty"`   // the part of it that is not true, where it has several
	Place     string         `json:"place,omitempty"`     // file:line:column
	Values    []ExplainValue `json:"values"`              // of what the condition is over
}

// Told is what left the row out, in words.
func (d *ExplainedDrop) Told() string {
	text := d.Clause
	if condition := cmp.Or(d.Failing, d.Condition); condition != "" {
		text = strings.TrimPrefix(condition, d.Clause+" ")
		if strings.HasSuffix(d.Clause, "JOIN") {
			text = "ON " + text
		}
		text = d.Clause + " " + text
	}
	if d.Place != "" {
		text += " at " + d.Place
	}
	return text + " of " + d.Table
}

// ExplainValue is a value that a condition has seen; null: NULL.
type ExplainValue struct {
	Name  string  `json:"name"`
	Value *string `json:"value"`
}

// ExplainedSubquery is the records behind a subquery.
type ExplainedSubquery struct {
	Text   string            `json:"text"`
	Place  string            `json:"place,omitempty"`
	Steps  []ExplainedStep   `json:"steps,omitempty"`
	Events *ExplainedRecords `json:"events"` // null: none are known
	Note   string            `json:"note,omitempty"`
}

// ExplainedStep is rows of a table.
type ExplainedStep struct {
	Table string `json:"table"`
	Rows  int64  `json:"rows"`
	Open  int64  `json:"open,omitempty"` // of them, that are not final
}

// ExplainedAggregate is an aggregate and what it took: rows that pass its FILTER and whose argument is not NULL.
type ExplainedAggregate struct {
	Text   string `json:"text"`
	Rows   int64  `json:"rows"`
	Filter string `json:"filter,omitempty"`
	Place  string `json:"place,omitempty"` // of the FILTER, file:line:column
}

// ExplainedWindow is a window and what closes it. Times are ISO 8601.
type ExplainedWindow struct {
	Table      string            `json:"table"` // which has it
	Start      string            `json:"start"`
	End        string            `json:"end"`
	Delay      float64           `json:"delaySeconds"` // of the watermark
	Final      string            `json:"final"`        // when the last of the records that closed it was appended; "": it is open, or the clock has closed it
	Watermark  string            `json:"watermark"`    // the least of the partitions' at that moment
	Partitions []WindowPartition `json:"partitions"`
	Note       string            `json:"note,omitempty"`
}

// WindowPartition is the record by which the watermark of a partition passed the window's end.
type WindowPartition struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"` // -1: none has yet
	Appended  string `json:"appended"`
	EventTime string `json:"eventTime"`
	Watermark string `json:"watermark"` // behind that record, or now where there is none
	Query     string `json:"query,omitempty"`
}

// ExplainedRecords is records with the query that gives them. Rows has the first MostEvents of Count.
type ExplainedRecords struct {
	Query   string        `json:"query"` // "": no one query gives them
	Count   int64         `json:"count"`
	Columns []NamedColumn `json:"columns"`
	Rows    [][]*string   `json:"rows"`
}

// explainRow answers ?key=COLUMN=VALUE, which may be given again, until one row is meant.
func (s *Server) explainRow(w http.ResponseWriter, r *http.Request, keys []string) {
	var key []ColumnValue
	for _, text := range keys {
		column, value, ok := strings.Cut(text, "=")
		if !ok || column == "" {
			s.failed(w, &RequestError{fmt.Sprintf("explain %s: read the parameter key=%s: it is COLUMN=VALUE, as in key=category=books; give it again for each further column", r.PathValue("name"), text)})
			return
		}
		key = append(key, ColumnValue{column, value})
	}
	a, err := s.backend.ExplainRow(r.Context(), r.PathValue("name"), key)
	if err != nil {
		s.failed(w, err)
		return
	}
	answer(w, a)
}
