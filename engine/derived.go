package engine

import (
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/expr"
)

// derived runs an operator that reads the final rows of a windowed table: a sink, or a table of
// rows. It belongs to the merger.
type derived struct {
	op     *operator
	pre    filters
	out    []*expr.Eval
	in     column.Batch
	schema column.Schema
	cols   []*column.Vector
	sel    []uint32
	failed expr.RowErrors
	count  Count
	to     *rowWriter
}

func newDerived(op *operator, env expr.Env, to *rowWriter) (*derived, error) {
	d := &derived{op: op, to: to, schema: op.From.Schema}
	var err error
	if d.pre, err = compileFilters(append(append(op.Pre[:0:0], op.Pre...), op.Post...), env); err != nil {
		return nil, err
	}
	d.out, err = compileAll(op.Out, env)
	d.cols = make([]*column.Vector, len(d.out))
	return d, err
}

// take runs the operator over rows of a window that was just closed.
func (d *derived) take(cols []*column.Vector, rows []uint32, times []int64) error {
	d.in.Schema, d.in.Len = &d.schema, len(times)
	d.in.Cols = d.in.Cols[:0]
	for _, c := range cols {
		d.in.Cols = append(d.in.Cols, *c)
	}
	d.failed.Reset()
	d.sel = d.pre.run(&d.in, rows, d.sel, &d.failed)
	for i, ev := range d.out {
		d.cols[i] = ev.Run(&d.in, d.sel, &d.failed)
	}
	bad := map[uint32]bool{}
	for _, r := range d.failed.Rows {
		bad[r] = true
	}
	kept := d.sel[:0]
	for _, r := range d.sel {
		if !bad[r] {
			kept = append(kept, r)
		}
	}
	d.sel = kept
	d.count.Read += int64(len(rows))
	d.count.Counted += int64(len(kept))
	d.count.Invalid += int64(len(bad))
	d.count.Filtered += int64(len(rows) - len(kept) - len(bad))
	return d.to.append(d.cols, d.sel, times)
}
