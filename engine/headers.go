package engine

import (
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/record"
)

// appendHeaders appends a sink's column headers of a row to those of the rows before. An element that is NULL,
// or has no key, is left out: no record can have it.
func appendHeaders(r *record.Rows, v *column.Vector, row, at int, scratch []byte) []byte {
	scratch = scratch[:0]
	if v.IsNull(row) {
		return scratch
	}
	each := &v.Kids[0]
	for i, to := v.Span(row); i < to; i++ {
		if each.IsNull(int(i)) || each.Kids[0].IsNull(int(i)) {
			continue
		}
		var value []byte
		if !each.Kids[1].IsNull(int(i)) {
			if value = each.Kids[1].Bytes(int(i)); value == nil {
				value = []byte{}
			}
		}
		scratch = record.AppendHeader(scratch, each.Kids[0].Bytes(int(i)), value)
	}
	r.PutHeaders(at, scratch)
	return scratch
}
