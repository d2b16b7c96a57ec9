package engine

import (
	"encoding/base64"
	"slices"
	"unicode/utf8"

	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/record"
	"github.com/nagare-stream/nagare/engine/window"
)

// Reasons that the engine itself gives for refusing a row.
const (
	reasonTime   = "event time missing or unusable"
	reasonFuture = "event time too far ahead of the append time"
	reasonLate   = "behind the watermark of its partition"
	reasonIdle   = "its window was closed while its partition was idle"
)

// A refusal is a row of the step that is kept apart, and why.
type refusal struct {
	row             uint32
	verdict, reason string
}

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

// refuse notes a row to be kept in TOPIC$invalid.
func (t *task) refuse(row uint32, verdict, reason string) {
	t.refused = append(t.refused, refusal{row, verdict, reason})
}

// keepUnusable writes the step's malformed, invalid and future rows, each once, in order.
func (t *task) keepUnusable() error {
	if t.flow.JSON && len(t.scan.valid) < t.scan.batch.Len {
		for i := range t.scan.status {
			if s := &t.scan.status[i]; s.Reason != codec.OK && s.Reason != codec.NoValue {
				reason := s.String()
				if at := t.from + i; at < len(t.records.Faults) && t.records.Faults[at] != "" {
					reason = t.records.Faults[at]
				}
				t.refuse(uint32(i), "invalid", reason)
			}
		}
	}
	for _, m := range t.marks {
		for i, r := range m.failed.Rows {
			t.refuse(r, "invalid", m.failed.Classes[i])
		}
		if len(m.rows) == len(m.offered) {
			continue
		}
		for _, r := range m.offered {
			switch m.verdict[r] {
			case window.Invalid:
				t.refuse(r, "invalid", m.raw.reason(&t.records, t.from+int(r), &t.scan.batch, r))
			case window.Future:
				t.refuse(r, "future", reasonFuture)
			}
		}
	}
	if len(t.refused) == 0 {
		return nil
	}
	slices.SortStableFunc(t.refused, func(a, b refusal) int { return int(a.row) - int(b.row) })
	k := t.unusable
	k.begin(&refusedSchema)
	for i, r := range t.refused {
		if i > 0 && t.refused[i-1].row == r.row {
			continue
		}
		k.batch.Cols[3].AppendString(r.verdict)
		k.batch.Cols[4].AppendString(r.reason)
		k.record(&t.records, t.from+int(r.row))
	}
	t.refused = t.refused[:0]
	return k.end()
}
