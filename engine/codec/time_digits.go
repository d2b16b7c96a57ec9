package codec

import (
	"bytes"
	"math"

	"github.com/nagare-stream/nagare/engine/column"
)

// TimeDigits writes the rows of a file so that the timestamps of a column, also those inside nested values, have
// six digits of fraction in all rows or in none: readers like pandas take a column of both for text.
//
// Rows are written before those behind them are known: a column has six digits from the first fraction on. If
// Mixed says at the end that rows before it had none, the rows have to be written again, behind Again, or go
// through Widen. It is used by one goroutine. That of no timestamps is nil, which every method takes.
type TimeDigits struct {
	cols []digitsOf
	rows int64 // that AppendRowCSV wrote
}

// digitsOf is what a column has shown.
type digitsOf struct {
	holds bool  // timestamps, by its type
	six   bool  // a fraction: what comes from now on has six digits
	bare  bool  // a timestamp without
	first int64 // rows before the first fraction
}

// NewTimeDigits is for rows of these columns.
func NewTimeDigits(fields []column.Field) *TimeDigits {
	d := &TimeDigits{cols: make([]digitsOf, len(fields))}
	some := false
	for i, f := range fields {
		d.cols[i].holds = holdsTime(f.Type)
		some = some || d.cols[i].holds
	}
	if !some {
		return nil
	}
	return d
}

// NewSixDigits is for rows of these columns that flow: their timestamps have six digits in every row.
func NewSixDigits(fields []column.Field) *TimeDigits {
	d := NewTimeDigits(fields)
	for c := range d.columns() {
		d.cols[c].six = d.cols[c].holds
	}
	return d
}

// NestTimes reports whether timestamps are inside a column: Widen does not reach them.
func NestTimes(fields []column.Field) bool {
	for _, f := range fields {
		if holdsTime(f.Type) && !isTime(f.Type) {
			return true
		}
	}
	return false
}

func isTime(t column.Type) bool { return t.Kind == column.Timestamp || t.Kind == column.TimestampNTZ }

func holdsTime(t column.Type) bool {
	if isTime(t) || t.Elem != nil && holdsTime(*t.Elem) || t.Key != nil && holdsTime(*t.Key) {
		return true
	}
	for _, f := range t.Fields {
		if holdsTime(f.Type) {
			return true
		}
	}
	return false
}

// note takes notice of row i of column c and reports whether its timestamps are to have six digits.
func (d *TimeDigits) note(c int, v *column.Vector, i int) bool {
	s := &d.cols[c]
	if !s.holds || s.six {
		return s.six
	}
	return d.look(s, v, i)
}

// Look takes notice of rows before they are written: a column in which one of them has a fraction has six digits in all of
// them. So what fits into a batch, as most answers do, has one form.
func (d *TimeDigits) Look(cols []column.Vector, rows []uint32) {
	for c := range d.columns() {
		s := &d.cols[c]
		for _, i := range rows {
			if !s.holds || s.six {
				break
			}
			_, s.six = times(&cols[c], int(i))
		}
	}
}

func (d *TimeDigits) look(s *digitsOf, v *column.Vector, i int) bool {
	bare, fraction := times(v, i)
	if fraction {
		s.six, s.first = true, d.rows
	}
	s.bare = s.bare || bare && !s.six
	return s.six
}

// times reports whether row i has timestamps without and with a fraction.
func times(v *column.Vector, i int) (bare, fraction bool) {
	if v.Type.Kind == column.Void || v.IsNull(i) {
		return false, false
	}
	if isTime(v.Type) {
		fraction = v.Int[i]%MicrosPerSecond != 0
		return !fraction, fraction
	}
	look := func(kid *column.Vector, i int) {
		b, f := times(kid, i)
		bare, fraction = bare || b, fraction || f
	}
	switch v.Type.Kind {
	case column.Struct:
		for k := range v.Kids {
			look(&v.Kids[k], i)
		}
	case column.Array, column.Map:
		from, to := v.Span(i)
		for k := range v.Kids {
			for e := from; e < to; e++ {
				look(&v.Kids[k], int(e))
			}
		}
	}
	return bare, fraction
}

// AppendRowCSV is AppendRowCSV in the columns' form.
func (d *TimeDigits) AppendRowCSV(dst []byte, cols []column.Vector, i int) []byte {
	if d == nil {
		return AppendRowCSV(dst, cols, i)
	}
	for c := range cols {
		if c > 0 {
			dst = append(dst, ',')
		}
		dst = appendCSVValue(dst, &cols[c], i, d.note(c, &cols[c], i))
	}
	d.rows++
	return append(dst, '\n')
}

// AppendField appends row i of column c as AppendRowCSV does, without a comma or line end.
func (d *TimeDigits) AppendField(dst []byte, c int, v *column.Vector, i int) []byte {
	return appendCSVValue(dst, v, i, d != nil && d.note(c, v, i))
}

// AppendObject is AppendJSON of a struct of the columns, Exact and with NULLs, in the columns' form.
func (d *TimeDigits) AppendObject(dst []byte, v *column.Vector, i int) []byte {
	f := JSONFormat{Exact: true, KeepNulls: true}
	if d == nil {
		return AppendJSON(dst, v, i, f)
	}
	dst = append(dst, '{')
	for k := range v.Kids {
		if k > 0 {
			dst = append(dst, ',')
		}
		f.SixDigits = d.note(k, &v.Kids[k], i)
		dst = AppendJSONString(dst, v.Type.Fields[k].Name)
		dst = AppendJSON(append(dst, ':'), &v.Kids[k], i, f)
	}
	return append(dst, '}')
}

// Add takes notice of what others have written into the same file, which may be nil as d is.
func (d *TimeDigits) Add(other *TimeDigits) {
	if d == nil || other == nil {
		return
	}
	for c := range d.cols {
		d.cols[c].six = d.cols[c].six || other.cols[c].six
		d.cols[c].bare = d.cols[c].bare || other.cols[c].bare
	}
}

// Mixed reports whether some column has both forms.
func (d *TimeDigits) Mixed() bool {
	for c := range d.columns() {
		if d.cols[c].six && d.cols[c].bare {
			return true
		}
	}
	return false
}

// Short is how many of the first rows of d may have columns without a fraction that others, which file has
// taken notice of by Add, have with one: those have to go through Widen, and no later ones.
func (d *TimeDigits) Short(file *TimeDigits) int64 {
	var n int64
	for c := range file.columns() {
		switch {
		case !file.cols[c].six:
		case d == nil || !d.cols[c].six:
			return math.MaxInt64
		default:
			n = max(n, d.cols[c].first)
		}
	}
	return n
}

func (d *TimeDigits) columns() []digitsOf {
	if d == nil {
		return nil
	}
	return d.cols
}

// Again begins the same rows once more, of which it is known now which columns have fractions.
func (d *TimeDigits) Again() {
	for c := range d.columns() {
		d.cols[c].bare = false
	}
}

// Widen appends a line that AppendRowCSV wrote, with six digits where another row of the column has them. No
// column nests its timestamps.
func (d *TimeDigits) Widen(dst, line []byte) []byte {
	for c := range d.columns() {
		end := fieldEnd(line)
		field := line[:end]
		if d.cols[c].six && end > 0 && bytes.IndexByte(field, '.') < 0 {
			bare, zoned := bytes.CutSuffix(field, []byte{'Z'})
			dst = append(append(dst, bare...), ".000000"...)
			if zoned {
				dst = append(dst, 'Z')
			}
		} else {
			dst = append(dst, field...)
		}
		if end == len(line) {
			return dst
		}
		dst = append(dst, ',')
		line = line[end+1:]
	}
	return append(dst, line...)
}

// fieldEnd is where the first field of a line of CSV ends: at its comma, or behind the line.
func fieldEnd(line []byte) int {
	quoted := false
	for i, c := range line {
		switch {
		case c == '"':
			quoted = !quoted
		case c == ',' && !quoted:
			return i
		}
	}
	return len(line)
}
