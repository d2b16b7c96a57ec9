package batch

import (
	"fmt"

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
	return r.grow(&held.bytes, batchBytes(&held.Batch))
}

func (r *runner) grow(counted *int64, now int64) error {
	r.held += now - *counted
	*counted = now
	if r.held > Limit {
		return &Error{Class: "OUT_OF_MEMORY", Detail: fmt.Sprintf("the query keeps more than %d MiB of rows in memory; filter more, or aggregate in a table", Limit>>20)}
	}
	return nil
}

func (r *runner) release(held *heldRows) {
	r.held -= held.bytes
	held.bytes = 0
}

func batchBytes(b *column.Batch) int64 {
	n := int64(0)
	for i := range b.Cols {
		n += vectorBytes(&b.Cols[i])
	}
	return n
}

func vectorBytes(v *column.Vector) int64 {
	n := int64(len(v.Int)+len(v.Hi)+len(v.Float)+len(v.Null))*8 + int64(len(v.Data)) + int64(len(v.Ends))*4
	for i := range v.Kids {
		n += vectorBytes(&v.Kids[i])
	}
	return n
}

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
func emitRows(src *column.Batch, order []uint32, emit func(*column.Batch) error) error {
	var out column.Batch
	for len(order) > 0 {
		n := min(len(order), batchRows)
		out.Reset(src.Schema)
		appendRows(&out, src, order[:n])
		out.SelectAll()
		if err := emit(&out); err != nil {
			return err
		}
		order = order[n:]
	}
	return nil
}
