package engine

import (
	"encoding/base64"
	"slices"
	"unicode/utf8"

	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/record"
	"github.com/nagare-stream/nagare/engine/scan"
	"github.com/nagare-stream/nagare/engine/window"
)

// refusedSchema is the columns of TOPIC$invalid.
var refusedSchema = column.Schema{Fields: []column.Field{
	{Name: "partition", Type: column.Of(column.Int32)},
	{Name: "offset", Type: column.Of(column.Int64)},
	{Name: "timestamp", Type: column.Of(column.Timestamp)},
	{Name: "verdict", Type: column.Of(column.String)},
	{Name: "reason", Type: column.Of(column.String)},
	{Name: "key", Type: column.Of(column.String)},
	{Name: "value", Type: column.Of(column.String)},
	{Name: "value_base64", Type: column.Of(column.String)}, // of a value that is no UTF-8
}}

// lateSchema is the columns of TABLE$late.
var lateSchema = column.Schema{Fields: []column.Field{
	{Name: "partition", Type: column.Of(column.Int32)},
	{Name: "offset", Type: column.Of(column.Int64)},
	{Name: "timestamp", Type: column.Of(column.Timestamp)},
	{Name: "event_time", Type: column.Of(column.Timestamp)},
	{Name: "watermark", Type: column.Of(column.Timestamp)},
	{Name: "reason", Type: column.Of(column.String)},
	{Name: "key", Type: column.Of(column.String)},
	{Name: "value", Type: column.Of(column.String)},
	{Name: "value_base64", Type: column.Of(column.String)}, // of a value that is no UTF-8
}}

// keeper writes refused or late rows into their log.
type keeper struct {
	to    *rowWriter
	batch column.Batch
	cols  []*column.Vector
	sel   []uint32
	times []int64
}

func newKeeper(to *rowWriter, schema *column.Schema) *keeper {
	k := &keeper{to: to, cols: make([]*column.Vector, len(schema.Fields))}
	k.batch.Reset(schema)
	return k
}

// begin empties the batch.
func (k *keeper) begin(schema *column.Schema) {
	k.batch.Reset(schema)
	k.sel, k.times = k.sel[:0], k.times[:0]
}

// record appends the columns that every kept row has: the first three and the last three.
func (k *keeper) record(r *record.Records, i int) {
	c := k.batch.Cols
	c[0].AppendInt(int64(r.Partition))
	c[1].AppendInt(r.Offsets[i])
	c[2].AppendInt(r.Times[i])
	key, value, raw := &c[len(c)-3], &c[len(c)-2], &c[len(c)-1]
	if r.Keys.IsNull(i) || !utf8.Valid(r.Keys.At(i)) {
		key.AppendNull()
	} else {
		key.AppendBytes(r.Keys.At(i))
	}
	switch v := r.Values.At(i); {
	case r.Values.IsNull(i):
		value.AppendNull()
		raw.AppendNull()
	case utf8.Valid(v):
		value.AppendBytes(v)
		raw.AppendNull()
	default:
		value.AppendNull()
		raw.AppendString(base64.StdEncoding.EncodeToString(v))
	}
	k.sel = append(k.sel, uint32(k.batch.Len))
	k.times = append(k.times, r.Times[i])
	k.batch.Len++
}

// end hands the rows on.
func (k *keeper) end() error {
	for i := range k.batch.Cols {
		k.batch.Cols[i].EnsureNull(k.batch.Len)
		k.cols[i] = &k.batch.Cols[i]
	}
	return k.to.append(k.cols, k.sel, k.times)
}

// keepUnusable writes the step's malformed, invalid and future rows, each once, in order.
func (t *task) keepUnusable() error {
	if t.flow.JSON && len(t.Scan.Valid) < t.Scan.Batch.Len {
		for i := range t.Scan.Status {
			if s := &t.Scan.Status[i]; s.Reason != codec.OK && s.Reason != codec.NoValue {
				reason := s.String()
				if at := t.From + i; at < len(t.Records.Faults) && t.Records.Faults[at] != "" {
					reason = t.Records.Faults[at]
				}
				t.Refuse(uint32(i), "invalid", reason)
			}
		}
	}
	for _, m := range t.Marks {
		for i, r := range m.Failed.Rows {
			t.Refuse(r, "invalid", m.Failed.Classes[i])
		}
		if len(m.Rows) == len(m.Offered) {
			continue
		}
		for _, r := range m.Offered {
			switch m.Verdict[r] {
			case window.Invalid:
				t.Refuse(r, "invalid", m.Raw.Reason(&t.Records, t.From+int(r), &t.Scan.Batch, r))
			case window.Future:
				t.Refuse(r, "future", scan.ReasonFuture)
			}
		}
	}
	if len(t.Refused) == 0 {
		return nil
	}
	slices.SortStableFunc(t.Refused, func(a, b scan.Refusal) int { return int(a.Row) - int(b.Row) })
	k := t.unusable
	k.begin(&refusedSchema)
	for i, r := range t.Refused {
		if i > 0 && t.Refused[i-1].Row == r.Row {
			continue
		}
		k.batch.Cols[3].AppendString(r.Verdict)
		k.batch.Cols[4].AppendString(r.Reason)
		k.record(&t.Records, t.From+int(r.Row))
	}
	t.Refused = t.Refused[:0]
	return k.end()
}
