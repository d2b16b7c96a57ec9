package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/nagare-stream/nagare/adapters/web"
	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/engine/sql"
)

// ExplainRow finds the one row of a table or view that has the values of key, and where it comes from.
func (n *Node) ExplainRow(ctx context.Context, table string, key []web.ColumnValue) (a *web.RowExplanation, err error) {
	err = n.answered("explain "+table, func() (err error) {
		a, err = n.explainRow(ctx, table, key)
		return err
	})
	return a, err
}

func (n *Node) explainRow(ctx context.Context, table string, key []web.ColumnValue) (*web.RowExplanation, error) {
	a, err := n.findRow(ctx, table, key)
	if err != nil || a.Dropped != nil {
		return a, err
	}
	all := make([]web.ColumnValue, len(a.Columns))
	for i, c := range a.Columns {
		all[i] = web.ColumnValue{Column: c.Name, Value: "NULL"}
		if a.Row[i] != nil {
			all[i].Value = *a.Row[i]
		}
	}
	where, err := keyCondition(table, &n.pipeline().Dataset(table).Schema, all)
	if err != nil {
		return nil, err
	}
	found, err := n.current().Evidence(ctx, table, strings.TrimPrefix(where, " WHERE "))
	if err != nil {
		return nil, err
	}
	n.tellEvidence(a, found)
	return a, nil
}

func quotedName(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

// findRow finds the row, first among those that are final.
func (n *Node) findRow(ctx context.Context, table string, key []web.ColumnValue) (*web.RowExplanation, error) {
	d := n.pipeline().Dataset(table)
	if d == nil || d.Kind != plan.StreamingTable && d.Kind != plan.MaterializedView {
		if _, err := n.current().SchemaOf(table); err != nil {
			return nil, err
		}
		return nil, &web.RequestError{Reason: fmt.Sprintf("explain %s: it is no table or view of the project, whose rows are made of others", table)}
	}
	where, err := keyCondition(table, &d.Schema, key)
	if err != nil {
		return nil, err
	}
	for _, open := range []bool{false, true} {
		a := &web.RowExplanation{Table: table, Open: open, Query: "SELECT * FROM " + quotedName(table) + where}
		if open {
			a.Query = "SELECT * FROM " + quotedName(table+"$open") + where
		}
		found, err := n.rowsOf(ctx, a.Query)
		if open && err != nil {
			break // a table that has no windows has no open ones
		}
		switch {
		case err != nil:
			return nil, err
		case found.Count > 1:
			var columns []string
			for _, f := range d.Schema.Fields {
				columns = append(columns, f.Name)
			}
			return nil, &web.RequestError{Reason: fmt.Sprintf("explain %s: %d rows are so; name more of its columns, until one is meant: %s", table, found.Count, strings.Join(columns, ", "))}
		case found.Count == 1:
			a.Columns, a.Row, a.Values = found.Columns, found.Rows[0], found.values
			return a, nil
		}
	}
	return n.findDropped(ctx, table, where)
}

// findDropped finds why there is no such row.
func (n *Node) findDropped(ctx context.Context, table, where string) (*web.RowExplanation, error) {
	none := fmt.Sprintf("explain %s: it has no row%s, neither final nor open", table, where)
	d, err := n.current().Dropped(ctx, table, strings.TrimPrefix(where, " WHERE "))
	switch {
	case err != nil:
		return nil, err
	case d == nil:
		return nil, &web.RequestError{Reason: none + ", and nothing that is in the topics gives one"}
	}
	drop := explainedDrop(d)
	if d.Count > 1 {
		return nil, &web.RequestError{Reason: fmt.Sprintf("%s; %d rows are so that %s leaves out: name more of its columns, until one is meant, to be told of it", none, d.Count, drop.Told())}
	}
	a := &web.RowExplanation{Table: table, Query: "SELECT * FROM " + quotedName(table) + where, Dropped: drop, Values: json.RawMessage("{}")}
	cells := rowCells(d.Row.Batch.Cols, 0)
	for i, f := range d.Row.Schema.Fields {
		a.Columns = append(a.Columns, web.NamedColumn{Name: f.Name, Type: f.Type.String()})
		a.Row = append(a.Row, cells[i])
	}
	n.tellEvidence(a, d.Evidence)
	return a, nil
}

// explainedDrop is what left a row out, as an explanation has it.
func explainedDrop(d *engine.Dropped) *web.ExplainedDrop {
	drop := &web.ExplainedDrop{Table: d.From.Name, Clause: d.Word, Condition: d.Condition, Place: placeOf(d.At), Values: []web.ExplainValue{}}
	if d.Failing != d.Condition {
		drop.Failing = d.Failing
	}
	cells := rowCells(d.Row.Batch.Cols, 0)
	for _, i := range d.Uses {
		drop.Values = append(drop.Values, web.ExplainValue{Name: d.Row.Schema.Fields[i].Name, Value: cells[i]})
	}
	return drop
}

// keyCondition is the WHERE that chooses rows by their values.
func keyCondition(table string, schema *column.Schema, key []web.ColumnValue) (string, error) {
	where := ""
	for i, k := range key {
		at := -1
		var names []string
		for c, f := range schema.Fields {
			names = append(names, f.Name)
			if strings.EqualFold(f.Name, k.Column) {
				at = c
			}
		}
		if at < 0 {
			text := fmt.Sprintf("explain %s: it has no column %q", table, k.Column)
			if near := sql.Nearest(k.Column, names); near != "" {
				text += fmt.Sprintf("; did you mean %q?", near)
			} else {
				text += "; there are " + strings.Join(names, ", ")
			}
			return "", &web.RequestError{Reason: text}
		}
		f := schema.Fields[at]
		literal := sql.Format(&sql.Literal{Kind: sql.LitString, Text: k.Value})
		condition := quotedName(f.Name) + " = " + literal
		switch f.Type.Kind {
		case column.String:
		case column.Struct, column.Array, column.Map, column.Binary:
			condition = "to_json(" + quotedName(f.Name) + ") = " + literal
		default:
			condition = quotedName(f.Name) + " = TRY_CAST(" + literal + " AS " + strings.ToUpper(f.Type.String()) + ")"
		}
		if k.Value == "NULL" {
			condition = "(" + quotedName(f.Name) + " IS NULL OR " + condition + ")"
		}
		if i == 0 {
			where = " WHERE " + condition
		} else {
			where += " AND " + condition
		}
	}
	return where, nil
}

// explainedRows is rows of a query, with the first of them as JSON.
type explainedRows struct {
	web.ExplainedRecords
	values json.RawMessage
}

// rowsOf runs a query and keeps the first of its rows.
func (n *Node) rowsOf(ctx context.Context, text string) (*explainedRows, error) {
	a := &explainedRows{ExplainedRecords: web.ExplainedRecords{Query: text, Columns: []web.NamedColumn{}, Rows: [][]*string{}}}
	first := true
	err := n.current().Query(ctx, text, func(b *column.Batch) error {
		if first {
			first = false
			for _, f := range b.Schema.Fields {
				a.Columns = append(a.Columns, web.NamedColumn{Name: f.Name, Type: f.Type.String()})
			}
		}
		for _, i := range b.Sel {
			if a.Count == 0 {
				view := column.Vector{Type: column.StructOf(b.Schema.Fields...), Kids: b.Cols}
				a.values = codec.AppendJSON(nil, &view, int(i), codec.JSONFormat{Exact: true})
			}
			if a.Count < web.MostEvents {
				a.Rows = append(a.Rows, rowCells(b.Cols, int(i)))
			}
			a.Count++
		}
		return nil
	})
	var faults sql.Faults
	if errors.As(err, &faults) {
		return nil, &web.RequestError{Reason: faults.Error()}
	}
	return a, err
}

// isoTime is microseconds since 1970 as ISO 8601, "" for none.
func isoTime(us int64) string {
	if us == math.MinInt64 || us == math.MaxInt64 {
		return ""
	}
	return time.UnixMicro(us).UTC().Format("2006-01-02T15:04:05.999999Z07:00")
}
