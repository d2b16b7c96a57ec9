package record

import "slices"

// Rows is a batch of encoded output rows of one sink, in order.
//
// Its identity is (Sink, Partition, First): rows of a sink and partition are numbered from 0
// without gaps, and the number of a row depends on the inputs alone, so that a row delivered
// twice has the same number twice.
type Rows struct {
	Sink      string
	Partition int32 // of the input, for a table that keeps rows one for one; else 0
	First     int64 // number of the first row
	Times     []int64
	Keys      Bytes
	Values    Bytes
	Topics    Bytes // empty unless the sink's rows name their topic
	Headers   Bytes // as those of Records

	// Of a redis sink: the field or member that a row is for, where its keys hold several; and the
	// order of rows for one place, of which the one with the greatest stays (empty: Times).
	Fields Bytes
	Orders []int64

	// Of rows of open windows for a cache, by row: the place has no such row any more, because HAVING or WHERE let go
	// of it, or it is elsewhere; with the order that the row had, which an older row at the place does not have.
	// Shorter than the rows: the others are none of those.
	Gone []bool

	Packed []byte // Values.Data compressed by S2, as the outbox keeps it; empty: not compressed yet

	Made []Made // which records made the rows final; none: they are not measured
}

// Len is the number of rows.
func (r *Rows) Len() int { return r.Values.Len() }

// IsGone reports a row that its place has no more.
func (r *Rows) IsGone(i int) bool { return i < len(r.Gone) && r.Gone[i] }

// GrowLike makes room for as many rows of values as another batch has, at once.
func (r *Rows) GrowLike(of *Rows) {
	r.Times = slices.Grow(r.Times, len(of.Times))
	r.Values.Data = slices.Grow(r.Values.Data, len(of.Values.Data))
	r.Values.Ends = slices.Grow(r.Values.Ends, len(of.Values.Ends))
	r.Keys.Ends = slices.Grow(r.Keys.Ends, len(of.Keys.Ends))
}

// Join appends rows that follow.
func (r *Rows) Join(more *Rows) {
	n := r.Len()
	for _, b := range [][2]*Bytes{{&r.Keys, &more.Keys}, {&r.Values, &more.Values}, {&r.Topics, &more.Topics}, {&r.Fields, &more.Fields}} {
		for i := range b[1].Len() {
			if b[1].IsNull(i) {
				b[0].AppendNull()
			} else {
				b[0].Append(b[1].At(i))
			}
		}
	}
	for i := range more.Headers.Len() {
		if !more.Headers.IsNull(i) {
			r.PutHeaders(n+i, more.Headers.At(i))
		}
	}
	r.Times, r.Orders = append(r.Times, more.Times...), append(r.Orders, more.Orders...)
	for _, m := range more.Made {
		if last := len(r.Made) - 1; last >= 0 && r.Made[last].At == m.At {
			r.Made[last].Rows += m.Rows
		} else {
			r.Made = append(r.Made, m)
		}
	}
	r.Packed = r.Packed[:0]
}

// Memory is how many bytes the rows have room for, about.
func (r *Rows) Memory() int64 {
	n := 8*(cap(r.Times)+cap(r.Orders)) + cap(r.Packed) + cap(r.Gone) + 16*cap(r.Made)
	for _, b := range []*Bytes{&r.Keys, &r.Values, &r.Topics, &r.Headers, &r.Fields} {
		n += cap(b.Data) + 4*cap(b.Ends) + 8*cap(b.Null)
	}
	return int64(n)
}

// Reset empties the batch and keeps its memory.
func (r *Rows) Reset() {
	r.Times = r.Times[:0]
	r.Keys.Reset()
	r.Values.Reset()
	r.Topics.Reset()
	r.Headers.Reset()
	r.Fields.Reset()
	r.Orders, r.Packed, r.Gone, r.Made = r.Orders[:0], r.Packed[:0], r.Gone[:0], r.Made[:0]
}

// A Made tells of rows that follow each other which record made them final.
type Made struct {
	At   int64 // append time, µs; 0: the rows are not measured
	Rows int64
}

// madeGrain is how far append times may lie apart, in µs, that are noted as one.
const madeGrain = 1000

// NoteMade notes which append time made the row final that was just appended.
func (r *Rows) NoteMade(at int64) {
	if n := len(r.Made); n > 0 {
		if last := &r.Made[n-1]; at-last.At < madeGrain && last.At-at < madeGrain {
			last.Rows++
			return
		}
	}
	r.Made = append(r.Made, Made{at, 1})
}
