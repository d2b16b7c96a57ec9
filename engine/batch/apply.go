package batch

import (
	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/plan"
)

// heldNode is rows in memory as an operator.
type heldNode struct {
	cols  []plan.Column
	batch *column.Batch
}

// Columns implements plan.Node.
func (n *heldNode) Columns() []plan.Column { return n.cols }

// Inputs implements plan.Node.
func (n *heldNode) Inputs() []plan.Node { return nil }

func (n *heldNode) give(emit func(*column.Batch) error) error {
	if len(n.batch.Sel) == 0 {
		return nil
	}
	b := *n.batch
	return emit(&b)
}

// An applying runs the right side of an Apply once for each list of values that it refers to, and joins
// the rows of the left side that have them to what comes out.
type applying struct {
	r     *runner
	node  *plan.Apply
	right plan.Node // with what does not depend on the left side in memory
	outer []*computed
	known map[string]*heldRows // what came out, by the values; emptied when it grows large
	fixed []*heldRows
	bytes int64
	emit  func(*column.Batch) error
}

// appliedBytes is how much of what the right sides gave is kept for further rows with equal values.
const appliedBytes = 16 << 20

func (r *runner) apply(n *plan.Apply, emit func(*column.Batch) error) error {
	a := &applying{r: r, node: n, known: map[string]*heldRows{}, emit: emit}
	defer a.release()
	var err error
	if a.outer, err = r.compileAll(n.Outer); err != nil {
		return err
	}
	if a.right, err = a.hold(n.Right); err != nil {
		return err
	}
	cut := pieces{r: r}
	return r.run(n.Left, func(b *column.Batch) error { return cut.each(b, a.rows) })
}

func (a *applying) release() {
	for _, held := range a.fixed {
		a.r.release(held)
	}
	a.forget()
}

func (a *applying) forget() {
	for key, held := range a.known {
		a.r.release(held)
		delete(a.known, key)
	}
	a.bytes = 0
}

// hold runs the parts of the right side that are the same for each row.
func (a *applying) hold(n plan.Node) (plan.Node, error) {
	switch n.(type) {
	case *plan.Values, *heldNode:
		return n, nil
	}
	if !plan.Correlated(n) {
		a.r.carry(n, nil)
		a.r.narrow(n, nil)
		held, err := a.r.collect(n)
		if err != nil {
			return nil, err
		}
		a.fixed = append(a.fixed, held)
		return &heldNode{cols: n.Columns(), batch: &held.Batch}, nil
	}
	var failed error
	out := plan.MapInputs(n, func(in plan.Node) plan.Node {
		if failed != nil {
			return in
		}
		if inner, is := n.(*plan.Apply); is && in == inner.Right {
			return in // depends on the rows of its own left side
		}
		held, err := a.hold(in)
		if err != nil {
			failed = err
			return in
		}
		return held
	})
	return out, failed
}

// rows joins a batch of the left side, rows with equal values that stand side by side at once.
func (a *applying) rows(b *column.Batch) error {
	values := make([]*column.Vector, len(a.outer))
	for i, c := range a.outer {
		v, err := c.over(b)
		if err != nil {
			return err
		}
		values[i] = v
	}
	key := func(row uint32) string {
		var buf []byte
		for _, v := range values {
			buf = codec.AppendKey(buf, v, int(row))
		}
		return string(buf)
	}
	for sel := b.Sel; len(sel) > 0; {
		if err := a.r.job.yield(); err != nil {
			return err
		}
		first, n := key(sel[0]), 1
		for n < len(sel) && key(sel[n]) == first {
			n++
		}
		held, err := a.result(first, values, sel[0])
		if err != nil {
			return err
		}
		left := *b
		left.Sel = sel[:n]
		err = a.r.join(&plan.Join{
			Kind: a.node.Kind, On: a.node.On, Cols: a.node.Cols,
			Left:  &heldNode{cols: a.node.Left.Columns(), batch: &left},
			Right: &heldNode{cols: a.node.Right.Columns(), batch: &held.Batch},
		}, a.emit)
		if err != nil {
			return err
		}
		sel = sel[n:]
	}
	return nil
}

// result is the rows of the right side for the values of a row.
func (a *applying) result(key string, values []*column.Vector, row uint32) (*heldRows, error) {
	if held := a.known[key]; held != nil {
		return held, nil
	}
	if a.bytes > appliedBytes {
		a.forget()
	}
	tree := plan.WithOuter(a.right, func(i int) *expr.Node {
		one := &column.Vector{}
		one.Reset(values[i].Type)
		appendCell(one, 0, values[i], int(row))
		return &expr.Node{Op: expr.OpConst, Type: values[i].Type, Const: one}
	})
	a.r.carry(tree, nil)
	held, err := a.r.collect(tree)
	if err != nil {
		return nil, err
	}
	a.known[key] = held
	a.bytes += held.bytes + int64(len(key))
	return held, nil
}
