package engine

import (
	"bytes"

	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/record"
)

// fillHeaders appends the column headers: NULL where a record has none.
func fillHeaders(v *column.Vector, r *record.Records, from, to int) {
	each := &v.Kids[0]
	for i := from; i < to; i++ {
		headers := r.HeadersAt(i)
		if len(headers) == 0 {
			v.AppendNull()
			continue
		}
		record.EachHeader(headers, func(key, value []byte) {
			each.Kids[0].AppendBytes(bytes.ToValidUTF8(key, []byte("\uFFFD")))
			if value == nil {
				each.Kids[1].AppendNull()
			} else {
				each.Kids[1].AppendBytes(value)
			}
		})
		v.Ends = append(v.Ends, uint32(each.Len()))
		if v.Null != nil {
			v.EnsureNull(len(v.Ends))
		}
	}
}

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
