package record

import "github.com/nagare-stream/nagare/engine/column"

// Bytes is byte strings laid end to end.
type Bytes = column.Bytes

// A Slack tells when memory is to be let go that a burst has left.
type Slack = column.Slack

// Records is a batch of encoded records of one partition, in offset order.
// It is reused: its bytes are valid until the next Read.
type Records struct {
	Partition int32
	Offsets   []int64 // increasing, not necessarily dense
	Times     []int64 // append time, microseconds; not event time
	Keys      Bytes
	Values    Bytes
	Headers   Bytes    // see AppendHeader; NULL, or not there at the end: a record without any
	Kinds     []int8   // of Times, as Kafka numbers them: see TimeKind; not there at the end: CreateTime
	Packed    []byte   // Values.Data compressed by S2, where whoever writes the records has it; a reader leaves it empty
	Next      Position // where a reader that has taken this batch goes on
	Faults    []string // by record: why it can be no value of the topic, "" if it may be one; empty: no record has such
	Lost      int64    // offsets before these records that the log no longer had and the reader passed over
}

// Len is the number of records.
func (r *Records) Len() int { return len(r.Offsets) }

// Reset empties the batch and keeps its memory.
func (r *Records) Reset() {
	r.Offsets, r.Times = r.Offsets[:0], r.Times[:0]
	r.Keys.Reset()
	r.Values.Reset()
	r.Headers.Reset()
	r.Kinds = r.Kinds[:0]
	r.Faults, r.Lost = r.Faults[:0], 0
}

// DropLast takes the last record away.
func (r *Records) DropLast() {
	n := len(r.Offsets) - 1
	r.Offsets, r.Times = r.Offsets[:n], r.Times[:n]
	r.Keys.Ends, r.Values.Ends = r.Keys.Ends[:n], r.Values.Ends[:n]
	r.Headers.Ends = r.Headers.Ends[:min(n, r.Headers.Len())]
	r.Kinds = r.Kinds[:min(n, len(r.Kinds))]
}

// What gave a record its time, as Kafka numbers it; -1: nothing did.
const (
	CreateTime    int8 = 0 // its producer
	LogAppendTime int8 = 1 // the log
)

// TimeKind is what gave record i its time.
func (r *Records) TimeKind(i int) int8 {
	if i >= len(r.Kinds) {
		return CreateTime
	}
	return r.Kinds[i]
}

// PutTimeKind says what gave record i its time. Those of the records before it are there.
func (r *Records) PutTimeKind(i int, kind int8) {
	if kind == CreateTime {
		return
	}
	for len(r.Kinds) < i {
		r.Kinds = append(r.Kinds, CreateTime)
	}
	r.Kinds = append(r.Kinds, kind)
}

// A Position is the place of a reader in a partition.
type Position struct {
	Offset int64  // the next record to read
	Log    uint64 // the log's own name for that place, for a quick start; 0: not known
}
