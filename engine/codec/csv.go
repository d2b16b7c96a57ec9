package codec

import (
	"bytes"

	"github.com/nagare-stream/nagare/engine/column"
)

// AppendCSVField appends a field by RFC 4180: in quotes when it is empty, or holds a comma, a quote or a line
// break, or blanks at an end. A NULL field is nothing at all, which the caller writes.
func AppendCSVField(dst, field []byte) []byte {
	if !needsQuotes(field) {
		return append(dst, field...)
	}
	dst = append(dst, '"')
	for {
		i := bytes.IndexByte(field, '"')
		if i < 0 {
			break
		}
		dst = append(append(dst, field[:i+1]...), '"')
		field = field[i+1:]
	}
	return append(append(dst, field...), '"')
}

func needsQuotes(field []byte) bool {
	if len(field) == 0 || field[0] == ' ' || field[len(field)-1] == ' ' {
		return true
	}
	special, _ := scanText(field, ',')
	return special && bytes.ContainsAny(field, ",\"\r\n")
}

// AppendCSVHeader appends the names of the columns and a line feed.
func AppendCSVHeader(dst []byte, s *column.Schema) []byte {
	for i, f := range s.Fields {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendCSVField(dst, []byte(f.Name))
	}
	return append(dst, '\n')
}

// AppendRowCSV appends row i of the columns and a line feed, in the form of results: timestamps ISO in UTC
// with Z, doubles by their shortest text, NULL as an empty field, an empty string as "", nested values as JSON.
func AppendRowCSV(dst []byte, cols []column.Vector, i int) []byte {
	for c := range cols {
		if c > 0 {
			dst = append(dst, ',')
		}
		dst = appendCSVValue(dst, &cols[c], i, false)
	}
	return append(dst, '\n')
}

func appendCSVValue(dst []byte, v *column.Vector, i int, six bool) []byte {
	if v.Type.Kind == column.Void || v.IsNull(i) {
		return dst
	}
	switch v.Type.Kind {
	case column.String, column.Binary:
		return AppendCSVField(dst, v.Bytes(i))
	case column.Struct, column.Array, column.Map:
		return AppendCSVField(dst, appendOutput(nil, v, i, six))
	}
	return appendOutput(dst, v, i, six)
}

// AppendOutput appends row i of v in the form of results, as a text of its own: as in AppendRowCSV, without
// quotes. A NULL appends nothing.
func AppendOutput(dst []byte, v *column.Vector, i int) []byte { return appendOutput(dst, v, i, false) }

// appendOutput is AppendOutput, with six digits of fraction in every timestamp or only where there is one.
func appendOutput(dst []byte, v *column.Vector, i int, six bool) []byte {
	if v.Type.Kind == column.Void || v.IsNull(i) {
		return dst
	}
	switch v.Type.Kind {
	case column.Float64:
		return appendShortest(dst, v.Float[i], 64)
	case column.Float32:
		return appendShortest(dst, v.Float[i], 32)
	case column.Timestamp:
		return appendISO(dst, v.Int[i], six)
	case column.TimestampNTZ:
		return appendLocalISO(dst, v.Int[i], six)
	case column.Struct, column.Array, column.Map:
		return AppendJSON(dst, v, i, JSONFormat{Exact: true, SixDigits: six})
	}
	return AppendValueText(dst, v, i, nil)
}
