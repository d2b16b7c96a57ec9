package agg

import "github.com/nagare-stream/nagare/engine/column"

// An Aggregate keeps an accumulator per slot. Methods run once per batch, never once per row.
// Rows that are NULL are the aggregate's own business (most leave them out).
//
// An implementer: gives the same result for any split of the rows into batches; Merge after Update
// of later rows equals Update of all in order, but for the rounding of doubles, which must depend on
// the split into accumulators alone.
type Aggregate interface {
	Grow(slots int) // makes room for slots 0 … slots-1; new ones are empty
	// Update folds in[rows[i]] into slots[i] for each i, in order. in is nil for count(*).
	Update(slots, rows []uint32, in *column.Vector)
	Merge(dst uint32, from Aggregate, src uint32) // what makes partitions, slices and restore work
	Result(dst *column.Vector, slots []uint32)    // appends the value of each slot
	Reset(slot uint32)
	AppendState(dst []byte, slot uint32) []byte
	SetState(slot uint32, src []byte) error
	Size() int64 // bytes in use, about
}

// Spec is one aggregate call, resolved.
type Spec struct {
	Name     string        // canonical: "count", "sum", "avg", "min", "max", …
	Distinct bool          // over the distinct values
	Args     []column.Type // of the inputs; several arrive as one struct vector; none: count(*)
	Type     column.Type   // of the result
	Limit    int           // the k of max_by(x, y, k) and min_by(x, y, k); 0: none
	Constants
}

// Limited is the call with a k, whose result is an array. Only max_by and min_by have one.
func (s Spec) Limited(k int) Spec {
	elem := s.Type
	s.Limit, s.Type = k, column.Type{Kind: column.Array, Elem: &elem}
	return s
}

// The interfaces below are for aggregates that can do more. Hash asks for them.
type (
	// A Clearer empties all slots at once: there are none until the next Grow. Its memory stays
	// for reuse, unless release is set.
	Clearer interface{ Clear(release bool) }

	// A Failer reports a slot whose result cannot be given. Its Result is then NULL.
	Failer interface {
		// Failed returns Spark's error class, such as ARITHMETIC_OVERFLOW, or "".
		Failed(slot uint32) string
	}

	// A Delta has states that only grow, so that a checkpoint may write what was added alone. For a
	// slot that was not Reset in between, the state at one Mark followed by the delta at the next is
	// the state at the next.
	Delta interface {
		Mark() // deltas count from here
		AppendDelta(dst []byte, slot uint32) []byte
		ApplyDelta(slot uint32, src []byte) error
	}
)
