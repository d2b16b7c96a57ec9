package codec

import "github.com/nagare-stream/nagare/engine/column"

// A RowJSON writes rows of fixed columns as JSON objects: AppendJSON of a struct of these columns,
// with the names quoted once.
type RowJSON struct {
	names  [][]byte // `"name":`
	format JSONFormat
}

// NewRowJSON returns the writer of rows with these names.
func NewRowJSON(fields []column.Field, f JSONFormat) *RowJSON {
	r := &RowJSON{format: f}
	for _, field := range fields {
		r.names = append(r.names, append(AppendJSONString(nil, field.Name), ':'))
	}
	return r
}

// Append appends row i of the columns; NULL columns are left out unless the format keeps them.
func (r *RowJSON) Append(dst []byte, cols []column.Vector, i int) []byte {
	dst = append(dst, '{')
	first := true
	for k := range cols {
		v := &cols[k]
		null := v.Type.Kind == column.Void || v.IsNull(i)
		if null && !r.format.KeepNulls {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(dst, r.names[k]...)
		dst = AppendJSON(dst, v, i, r.format)
	}
	return append(dst, '}')
}
