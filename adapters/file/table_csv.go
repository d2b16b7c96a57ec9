package file

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/nagare-stream/nagare/engine/codec"
	vectors "github.com/nagare-stream/nagare/engine/column"
)

// csvTable is csv.`path`: columns _c0, _c1 … of STRING, or with header and inferSchema those that the file shows.
type csvTable struct {
	request     TableRequest
	header, own bool // own: types are inferred
	sep         byte
	names       []string
	types       []cellKind
}

func newCSVTable(r TableRequest) (*csvTable, error) {
	if err := knownOptions(r, "header", "inferschema", "sep", "delimiter"); err != nil {
		return nil, err
	}
	t := &csvTable{request: r, sep: ','}
	var herr, ierr error
	t.header, herr = boolOption(r, "header")
	t.own, ierr = boolOption(r, "inferschema")
	for _, key := range []string{"sep", "delimiter"} {
		text, given := r.Options[key]
		if !given {
			continue
		}
		if text == `\t` {
			text = "\t"
		}
		if len(text) != 1 || text == `"` || text == "\n" {
			return nil, &TableError{Message: fmt.Sprintf("option %s is %q, and it is one ASCII character", key, text)}
		}
		t.sep = text[0]
	}
	return t, errors.Join(herr, ierr)
}

// cellKind is what the cells of a column have in common, in the order in which Spark tries.
type cellKind uint8

const (
	cellNone cellKind = iota
	cellInt
	cellLong
	cellDouble
	cellDate
	cellTime
	cellBool
	cellText
)

var cellTypes = [...]vectors.Kind{cellNone: vectors.String, cellInt: vectors.Int32, cellLong: vectors.Int64, cellDouble: vectors.Float64,
	cellDate: vectors.Date, cellTime: vectors.Timestamp, cellBool: vectors.Bool, cellText: vectors.String}

// kindOfCell is the narrowest kind of a cell that is not empty.
func kindOfCell(cell []byte) cellKind {
	text := string(cell)
	if _, err := strconv.ParseInt(text, 10, 32); err == nil {
		return cellInt
	}
	if _, err := strconv.ParseInt(text, 10, 64); err == nil {
		return cellLong
	}
	if plainNumber(text) {
		return cellDouble
	}
	if len(text) >= 8 && text[0] >= '0' && text[0] <= '9' {
		if _, ok := codec.ParseDate(cell); ok && len(text) <= 10 {
			return cellDate
		}
		if _, ok := codec.ParseTimestamp(cell, nil); ok {
			return cellTime
		}
	}
	if strings.EqualFold(text, "true") || strings.EqualFold(text, "false") {
		return cellBool
	}
	return cellText
}

// plainNumber reports what Spark's CSV reader takes for a DOUBLE.
func plainNumber(text string) bool {
	switch text {
	case "NaN", "Inf", "-Inf", "Infinity", "-Infinity":
		return true
	}
	if strings.ContainsFunc(text, func(r rune) bool { return !strings.ContainsRune("+-.0123456789eE", r) }) {
		return false
	}
	x, err := strconv.ParseFloat(text, 64)
	return err == nil || math.IsInf(x, 0)
}

// with is the kind that both have in common.
func (k cellKind) with(o cellKind) cellKind {
	switch {
	case k == cellNone || k == o:
		return o
	case o == cellNone:
		return k
	case k <= cellDouble && o <= cellDouble:
		return max(k, o)
	case k >= cellDate && k <= cellTime && o >= cellDate && o <= cellTime:
		return cellTime
	}
	return cellText
}

// infer reads the names of the first file, and with inferSchema all cells.
func (t *csvTable) infer(name string, l *lines) error {
	first := true
	return t.rows(name, l, func(row []byte, cells []column) error {
		if first && t.names == nil {
			t.name(row, cells)
		}
		head := first && t.header
		first = false
		if !head {
			if !t.own {
				return io.EOF
			}
			var scratch []byte
			for i, c := range cells[:min(len(cells), len(t.types))] {
				if scratch = appendField(scratch[:0], row, c); len(scratch) > 0 && t.types[i] != cellText {
					t.types[i] = t.types[i].with(kindOfCell(scratch))
				}
			}
		}
		return nil
	})
}

// name takes the names of the columns from the first row, or makes them.
func (t *csvTable) name(row []byte, cells []column) {
	seen := map[string]int{}
	for _, c := range cells {
		seen[strings.ToLower(string(appendField(nil, row, c)))]++
	}
	for i, c := range cells {
		name := string(appendField(nil, row, c))
		switch {
		case !t.header || name == "":
			name = "_c" + strconv.Itoa(i)
		case seen[strings.ToLower(name)] > 1: // as Spark tells them apart
			name += strconv.Itoa(i)
		}
		t.names = append(t.names, name)
	}
	t.types = make([]cellKind, len(cells))
}

// rows hands the rows of a file that are not blank to do.
func (t *csvTable) rows(name string, l *lines, do func(row []byte, cells []column) error) error {
	var cells []column
	for {
		row, err := l.nextRow()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if blank(row) {
			continue
		}
		fault := ""
		if cells, fault = splitAt(cells[:0], row, t.sep); fault != "" {
			return &TableError{Class: "MALFORMED_CSV_RECORD", Message: fmt.Sprintf("%s: the row of line %d has %s", name, l.number, fault)}
		}
		if err := do(row, cells); err != nil {
			return err
		}
	}
}

func (t *csvTable) schema() (vectors.Schema, error) {
	var s vectors.Schema
	for i, name := range t.names {
		kind := vectors.String
		if t.own {
			kind = cellTypes[t.types[i]]
		}
		s.Fields = append(s.Fields, vectors.Field{Name: name, Type: vectors.Of(kind)})
	}
	if len(s.Fields) == 0 {
		return s, &TableError{Class: "UNABLE_TO_INFER_SCHEMA", Message: fmt.Sprintf("%s has no row, and so no columns", t.request.Path)}
	}
	return s, nil
}

// scan reads the rows: an empty cell is NULL, a quoted empty one the empty text; cells that are missing are NULL, and
// more than there are columns are left out, as in Spark.
func (t *csvTable) scan(name string, l *lines, out *tableRows) error {
	var targets []codec.Target
	var writers []*codec.CSVCell
	for _, f := range out.batch.Schema.Fields {
		targets = append(targets, codec.Target{Path: f.Name, Type: f.Type})
		writers = append(writers, codec.NewCSVCell([]vectors.Type{f.Type}))
	}
	heads := make([][]byte, len(targets))
	for i := range targets {
		targets[i].Path = strconv.Itoa(i) // names may be anything
		heads[i] = append(appendQuoted([]byte{"{,"[min(i, 1)]}, []byte(targets[i].Path)), ':')
	}
	d := codec.NewJSON(targets, codec.Options{Zone: t.request.Zone, NonFiniteStrings: true})
	var values vectors.Bytes
	var status []codec.Status
	var scratch []byte
	decode := func() error {
		n := values.Len()
		status = slices.Grow(status[:0], n)[:n]
		clear(status)
		d.Decode(&values, 0, n, out.batch.Cols, status)
		for i := range status {
			if status[i].Reason != codec.OK {
				return &TableError{Class: "MALFORMED_CSV_RECORD", Message: fmt.Sprintf("%s: a row before line %d is %s", name, l.number, status[i])}
			}
		}
		out.batch.Len += n
		values.Reset()
		return out.flush()
	}
	skip := t.header
	err := t.rows(name, l, func(row []byte, cells []column) error {
		if skip {
			skip = false
			return nil
		}
		dst := values.Data
		for i := range targets {
			dst = append(dst, heads[i]...)
			switch {
			case i >= len(cells), !cells[i].quoted && cells[i].from == cells[i].to:
				dst = append(dst, "null"...)
			default:
				scratch = appendField(scratch[:0], row, cells[i])
				dst = writers[i].Append(dst, scratch)
			}
		}
		values.Data = append(dst, '}')
		values.Close()
		if values.Len() >= tableBatch || len(values.Data) > tableBytes {
			return decode()
		}
		return nil
	})
	if err != nil {
		return err
	}
	return decode()
}
