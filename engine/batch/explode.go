package batch

import (
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/explode"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/plan"
)

// explode makes rows of elements. Of the input's columns it repeats those that something above it reads.
func (r *runner) explode(n *plan.Explode, emit func(*column.Batch) error) error {
	list, err := r.compile(n.Rows)
	if err != nil {
		return err
	}
	width := len(n.In.Columns())
	var made []column.Type
	for _, c := range n.Cols[width:] {
		made = append(made, c.Type)
	}
	x := explode.New(explode.Shape{Outer: n.Outer, Pos: n.Pos, Fields: n.Fields}, width, r.carried[n], made)
	schema := schemaOf(n)
	p := &pieces{r: r}
	return r.run(n.In, func(b *column.Batch) error {
		return p.each(b, func(b *column.Batch) error {
			v, err := list.over(b)
			if err != nil {
				return err
			}
			return x.Run(b, b.Sel, v, func(out *column.Batch, _ []uint32) error {
				if err := r.job.yield(); err != nil {
					return err
				}
				out.Schema = schema
				return emit(out)
			})
		})
	})
}

// carry notes for each Explode of a tree which columns of its input are read above it; needed says which of n's
// own are, nil: all.
func (r *runner) carry(n plan.Node, needed []bool) {
	switch n := n.(type) {
	case *plan.Explode:
		width := len(n.In.Columns())
		below := make([]bool, width)
		var carried []int
		for i := range width {
			if needed == nil || needed[i] {
				below[i] = true
				carried = append(carried, i)
			}
		}
		r.carried[n] = carried
		read(below, n.Rows)
		r.carry(n.In, below)
	case *plan.Filter:
		if needed != nil {
			needed = append([]bool{}, needed...)
			read(needed, n.Pred)
		}
		r.carry(n.In, needed)
	case *plan.Watermark:
		r.carry(n.In, needed)
	case *plan.Project:
		below := make([]bool, len(n.In.Columns()))
		read(below, n.Exprs...)
		r.carry(n.In, below)
	case *plan.Apply:
		r.carry(n.Left, nil)
	default:
		for _, in := range n.Inputs() {
			r.carry(in, nil)
		}
	}
}

// read marks the columns that expressions read.
func read(columns []bool, list ...*expr.Node) {
	for _, e := range list {
		e.Walk(func(m *expr.Node) {
			if m.Op == expr.OpColumn && m.Index < len(columns) {
				columns[m.Index] = true
			}
		})
	}
}
