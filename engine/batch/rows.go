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
	err := r.run(n, func(b *column.Batch) error {
		appendRows(&held.Batch, b, b.Sel)
		return r.account(held)
	})
	held.SelectAll()
	return held, err
}

// account counts the bytes of rows that have grown, and fails past the limit.
func (r *runner) account(held *heldRows) error {
	n := int64(0)
	for i := range held.Cols {
		n += held.Cols[i].Capacity()
	}
	return r.grow(&held.bytes, n)
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
	for len(order) > 0 {
		if err := r.job.yield(); err != nil {
			return err
		}
		out.Reset(src.Schema)
		n := r.take(&out, src, order[:min(len(order), batchRows)])
		out.SelectAll()
		if err := emit(&out); err != nil {
			return err
		}
		order = order[n:]
	}
	return nil
}
