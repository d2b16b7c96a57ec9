package batch

import (
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/plan"
)

// heldRows is rows kept in memory, all alive.
type heldRows struct {
	column.Batch
	bytes int64 // counted in the runner
}

// collect runs an operator and keeps its rows.
func (r *runner) collect(n plan.Node) (*heldRows, error) {
	held := &heldRows{}
	held.Reset(schemaOf(n))
	err := r.run(n, func(b *column.Batch) error { return r.keep(held, b, b.Sel) })
	if err != nil {
		return nil, err
	}
	if err := r.grow(&held.bytes, held.bytes+4*int64(held.Len)); err != nil {
		return nil, err
	}
	held.SelectAll()
	return held, nil
}

// keep appends rows of a batch to those in memory, which are counted before they take it.
func (r *runner) keep(held *heldRows, b *column.Batch, sel []uint32) error {
	ask := r.ask(&held.bytes)
	for c := range held.Cols {
		if err := held.Cols[c].Reserve(&b.Cols[c], sel, ask); err != nil {
			return err
		}
	}
	appendRows(&held.Batch, b, sel)
	return r.account(held)
}

// ask is how memory is asked for that counts as counted.
func (r *runner) ask(counted *int64) column.Grow {
	return func(least, most int64) (int64, error) {
		n := most
		if most > 0 {
			n = max(least, min(most, r.job.free()))
		}
		return n, r.grow(counted, *counted+n)
	}
}

// keepCell appends row i of src to a vector of n rows, and counts it before.
func (r *runner) keepCell(dst *column.Vector, n int, src *column.Vector, i int, ask column.Grow) error {
	if err := dst.Reserve(src, []uint32{uint32(i)}, ask); err != nil {
		return err
	}
	appendCell(dst, n, src, i)
	return nil
}

// account counts the bytes of rows that have grown, and fails past the limit.
func (r *runner) account(held *heldRows) error { return r.grow(&held.bytes, capacity(&held.Batch)) }

// capacity is the bytes of memory that a batch holds.
func capacity(b *column.Batch) int64 {
	n := 4 * int64(cap(b.Sel))
	for i := range b.Cols {
		n += b.Cols[i].Capacity()
	}
	return n
}

// grow counts what has grown or shrunk to now bytes.
func (r *runner) grow(counted *int64, now int64) error {
	n := now - *counted
	*counted = now
	r.held += n
	return r.job.take(n)
}

// shrink is grow to nothing.
func (r *runner) shrink(counted *int64) { _ = r.grow(counted, 0) }

func (r *runner) release(held *heldRows) { r.shrink(&held.bytes) }

// appendRows appends the rows of sel to dst, which has the columns of src.
func appendRows(dst, src *column.Batch, sel []uint32) {
	for c := range dst.Cols {
		for k, i := range sel {
			appendCell(&dst.Cols[c], dst.Len+k, &src.Cols[c], int(i))
		}
	}
	dst.Len += len(sel)
}

// appendCell appends row i of src to dst, which has n rows. A column of type VOID has no payload and
// so does not know its length.
func appendCell(dst *column.Vector, n int, src *column.Vector, i int) {
	if dst.Type.Kind == column.Void {
		dst.SetNull(n)
		return
	}
	dst.AppendFrom(src, i)
}

func appendNull(dst *column.Vector, n int) {
	if dst.Type.Kind == column.Void {
		dst.SetNull(n)
		return
	}
	dst.AppendNull()
}

// emitRows gives rows of a batch in the order of the list, which need not ascend, in batches.
func (r *runner) emitRows(src *column.Batch, order []uint32, emit func(*column.Batch) error) error {
	var out column.Batch
	counted := int64(0)
	defer r.shrink(&counted)
	for len(order) > 0 {
		if err := r.job.yield(); err != nil {
			return err
		}
		out.Reset(src.Schema)
		n := r.take(&out, src, order[:min(len(order), batchRows)])
		out.SelectAll()
		if err := r.grow(&counted, capacity(&out)); err != nil {
			return err
		}
		if err := emit(&out); err != nil {
			return err
		}
		order = order[n:]
	}
	return nil
}
