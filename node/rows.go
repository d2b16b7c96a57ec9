package node

import (
	"errors"
	"fmt"
	"io"

	"github.com/nagare-stream/nagare/adapters/web"
	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/column"
)

// The formats in which rows leave the process.
const (
	formatCSV       = "csv"
	formatJSONLines = "jsonl"
	formatJSON      = "json"
	formatCells     = "cells" // a line with the columns, then an array of texts a row
)

// textBytes is how much text is gathered before it is written.
const textBytes = 64 << 10

// rowText writes rows as text. begin comes first, then rows any number of times, then end.
type rowText struct {
	w      io.Writer
	format string
	view   column.Vector // a row as a struct
	buf    []byte
	cell   []byte
	count  int64
	digits *codec.TimeDigits   // of the file, or of what was written so far and the batch in hand
	hold   func(n int64) error // counts the text of a large row; nil: nothing does
	open   string              // name of the column that tells whether a row's window is open; "": none
}

func newRowText(w io.Writer, format string) (*rowText, error) {
	switch format {
	case formatCSV, web.FormatSafeCSV, formatJSONLines, formatJSON, formatCells:
		return &rowText{w: w, format: format}, nil
	}
	return nil, &web.RequestError{Reason: fmt.Sprintf("write rows as %q: that is no form; use csv, json or jsonl", format)}
}

// begin writes what comes before the rows. withOpen adds a column that tells open rows from final ones.
func (t *rowText) begin(schema *column.Schema, withOpen bool) {
	t.view.Type = column.StructOf(schema.Fields...)
	if t.digits == nil {
		t.digits = codec.NewTimeDigits(schema.Fields)
	}
	if withOpen {
		t.open = "open"
		for schema.Index(t.open) >= 0 {
			t.open += "_"
		}
	}
	switch t.format {
	case formatCSV, web.FormatSafeCSV:
		if t.format == web.FormatSafeCSV {
			schema = safeNames(schema)
		}
		t.buf = codec.AppendCSVHeader(t.buf, schema)
		if withOpen {
			t.buf = append(append(append(t.buf[:len(t.buf)-1], ','), t.open...), '\n')
		}
	case formatJSON:
		t.buf = append(t.buf, '[')
	case formatCells:
		t.buf = append(t.buf, `{"columns":[`...)
		for i, f := range schema.Fields {
			t.appendColumn(i, f.Name, f.Type.String())
		}
		if withOpen {
			t.appendColumn(len(schema.Fields), t.open, "boolean")
		}
		t.buf = append(t.buf, "]}\n"...)
	}
}

func (t *rowText) appendColumn(i int, name, kind string) {
	if i > 0 {
		t.buf = append(t.buf, ',')
	}
	t.buf = codec.AppendJSONString(append(t.buf, `{"name":`...), name)
	t.buf = append(codec.AppendJSONString(append(t.buf, `,"type":`...), kind), '}')
}

// rows writes the selected rows of a batch. open, if there, has one entry a row.
func (t *rowText) rows(b *column.Batch, open []bool) error {
	t.view.Kids = b.Cols
	t.digits.Look(b.Cols, b.Sel)
	large := t.hold != nil && t.view.Size() > largeRow
	for _, i := range b.Sel {
		if large {
			if err := t.large(i, open); err != nil {
				return err
			}
			continue
		}
		if err := t.row(int(i), open); err != nil {
			return err
		}
	}
	return nil
}

// largeRow is from how many bytes on a row's text is counted. It is longer than the row, about textGrows times
// as long while it grows.
const (
	largeRow  = 1 << 20
	textGrows = 3
)

// large writes a row that can be large, and keeps none of its memory.
func (t *rowText) large(i uint32, open []bool) error {
	size := t.view.SizeOf(i, i+1)
	if size < largeRow {
		return t.row(int(i), open)
	}
	if err := t.hold(textGrows * size); err != nil {
		return err
	}
	if err := t.row(int(i), open); err != nil {
		return err
	}
	err := t.flush()
	t.buf, t.cell = nil, nil
	return errors.Join(err, t.hold(-textGrows*size))
}

func (t *rowText) row(i int, open []bool) error {
	isOpen := open != nil && open[i]
	switch t.format {
	case formatCSV, web.FormatSafeCSV:
		if t.format == formatCSV {
			t.buf = t.digits.AppendRowCSV(t.buf, t.view.Kids, i)
		} else {
			t.appendSafeCSV(i)
		}
		if t.open != "" {
			t.buf = fmt.Appendf(t.buf[:len(t.buf)-1], ",%t\n", isOpen)
		}
	case formatCells:
		t.appendCells(i, isOpen)
	default:
		if t.format == formatJSON && t.count > 0 {
			t.buf = append(t.buf, ',')
		}
		if t.format == formatJSON {
			t.buf = append(t.buf, '\n')
		}
		t.appendObject(i, isOpen)
		if t.format == formatJSONLines {
			t.buf = append(t.buf, '\n')
		}
	}
	t.count++
	if len(t.buf) >= textBytes {
		return t.flush()
	}
	return nil
}

func (t *rowText) appendObject(i int, isOpen bool) {
	t.buf = t.digits.AppendObject(t.buf, &t.view, i)
	if t.open == "" {
		return
	}
	t.buf = t.buf[:len(t.buf)-1]
	if len(t.view.Kids) > 0 {
		t.buf = append(t.buf, ',')
	}
	t.buf = codec.AppendJSONString(t.buf, t.open)
	t.buf = fmt.Appendf(t.buf, ":%t}", isOpen)
}

// appendCells appends a row's texts: those of CSV without its quotes.
func (t *rowText) appendCells(i int, isOpen bool) {
	t.buf = append(t.buf, '[')
	for c := range t.view.Kids {
		if c > 0 {
			t.buf = append(t.buf, ',')
		}
		v := &t.view.Kids[c]
		switch {
		case v.Type.Kind == column.Void || v.IsNull(i):
			t.buf = append(t.buf, "null"...)
		case v.Type.UsesBytes():
			t.buf = codec.AppendJSONString(t.buf, v.Bytes(i))
		default:
			t.cell = appendCell(t.cell[:0], v, i)
			t.buf = codec.AppendJSONString(t.buf, t.cell)
		}
	}
	if t.open != "" {
		t.buf = fmt.Appendf(t.buf, ",\"%t\"", isOpen)
	}
	t.buf = append(t.buf, "]\n"...)
}

// appendCell is the text of a value that is no string, as a field of CSV before quoting.
func appendCell(dst []byte, v *column.Vector, i int) []byte {
	switch v.Type.Kind {
	case column.Struct, column.Array, column.Map:
		return codec.AppendJSON(dst, v, i, codec.JSONFormat{Exact: true})
	}
	one := [1]column.Vector{*v}
	line := codec.AppendRowCSV(dst, one[:], i)
	return line[:len(line)-1]
}

func (t *rowText) flush() error {
	if len(t.buf) == 0 {
		return nil
	}
	_, err := t.w.Write(t.buf)
	t.buf = t.buf[:0]
	return err
}

// end writes what comes after the rows.
func (t *rowText) end() error {
	if t.format == formatJSON {
		if t.count > 0 {
			t.buf = append(t.buf, '\n')
		}
		t.buf = append(t.buf, "]\n"...)
	}
	return t.flush()
}

// set writes a whole row set.
func (t *rowText) set(s *engine.RowSet) error {
	t.begin(s.Schema, s.Open != nil)
	if err := t.rows(s.Batch, s.Open); err != nil {
		return err
	}
	return t.end()
}
