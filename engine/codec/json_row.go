package codec

import (
	"math"

	"github.com/nagare-stream/nagare/engine/column"
)

// A RowJSON writes rows of fixed columns as JSON objects: AppendJSON of a struct of these columns,
// with the names quoted once. It is used by one goroutine.
type RowJSON struct {
	names  [][]byte // `,"name":`
	format JSONFormat
	minute int64  // since 1970, of the newest timestamp
	clock  []byte // `"2026-01-02T03:04:` of it
}

// NewRowJSON returns the writer of rows with these names.
func NewRowJSON(fields []column.Field, f JSONFormat) *RowJSON {
	r := &RowJSON{format: f, minute: math.MinInt64}
	for _, field := range fields {
		r.names = append(r.names, append(AppendJSONString([]byte{','}, field.Name), ':'))
	}
	return r
}

// Append appends row i of the columns; NULL columns are left out unless the format keeps them.
func (r *RowJSON) Append(dst []byte, cols []column.Vector, i int) []byte {
	dst = append(dst, '{')
	at := len(dst)
	for k := range cols {
		v := &cols[k]
		null := v.Type.Kind == column.Void || v.IsNull(i)
		if null && !r.format.KeepNulls {
			continue
		}
		name := r.names[k]
		if len(dst) == at {
			name = name[1:]
		}
		dst = append(dst, name...)
		switch {
		case v.Type.Kind == column.Timestamp && r.format.Exact && r.format.Timestamp == nil && !null:
			dst = r.appendISO(dst, v.Int[i])
		case v.Type.Kind == column.String && !null:
			dst = appendString(dst, v.Bytes(i))
		default:
			dst = appendJSON(dst, v, i, &r.format)
		}
	}
	return append(dst, '}')
}

// appendISO is AppendISO in quotes: most times are of the same minute as the one before.
func (r *RowJSON) appendISO(dst []byte, micros int64) []byte {
	minute := FloorDiv(micros, MicrosPerMinute)
	if minute != r.minute {
		text, _ := appendSeconds(append(r.clock[:0], '"'), minute*MicrosPerMinute, 'T')
		r.minute, r.clock = minute, text[:len(text)-2]
	}
	rest := micros - minute*MicrosPerMinute
	dst = appendTwo(append(dst, r.clock...), rest/MicrosPerSecond)
	if rest %= MicrosPerSecond; rest != 0 {
		dst = appendTwo(append(dst, '.'), rest/10_000)
		dst = appendTwo(appendTwo(dst, rest/100%100), rest%100)
	}
	return append(dst, 'Z', '"')
}
