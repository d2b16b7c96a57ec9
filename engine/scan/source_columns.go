package scan

import (
	"bytes"

	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/engine/record"
)

// FillSource appends one of the columns of a Kafka source for records from … to-1.
func FillSource(v *column.Vector, which int, topic string, r *record.Records, from, to int) {
	switch which {
	case plan.SourceKey:
		fillBytes(v, &r.Keys, from, to)
	case plan.SourceValue:
		fillBytes(v, &r.Values, from, to)
	case plan.SourceTopicName:
		for range to - from {
			v.AppendString(topic)
		}
	case plan.SourcePartition:
		for range to - from {
			v.AppendInt(int64(r.Partition))
		}
	case plan.SourceOffset:
		v.Int = append(v.Int, r.Offsets[from:to]...)
	case plan.SourceTimestamp:
		v.Int = append(v.Int, r.Times[from:to]...)
	case plan.SourceTimestampType:
		for i := from; i < to; i++ {
			v.AppendInt(int64(r.TimeKind(i)))
		}
	case plan.SourceHeaders:
		fillHeaders(v, r, from, to)
	}
}

func fillBytes(v *column.Vector, b *record.Bytes, from, to int) {
	for i := from; i < to; i++ {
		if b.IsNull(i) {
			v.AppendNull()
		} else {
			v.AppendBytes(b.At(i))
		}
	}
}

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
