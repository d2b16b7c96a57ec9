package batch

import (
	"math"
	"slices"

	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/plan"
)

// narrow finds which records each scan of a topic can do with: those for which conditions above it on partition, offset
// and timestamp can hold. The predicates are over the columns of n; a row for which one does not hold is not wanted.
func (r *runner) narrow(n plan.Node, preds []*expr.Node) {
	switch n := n.(type) {
	case *plan.Scan:
		r.narrowScan(n, preds)
	case *plan.Filter:
		r.narrow(n.In, append(preds[:len(preds):len(preds)], n.Pred))
	case *plan.Project:
		below := make([]*expr.Node, 0, len(preds))
		for _, p := range preds {
			below = append(below, p.Substitute(n.Exprs))
		}
		r.narrow(n.In, below)
	case *plan.Watermark:
		r.narrow(n.In, preds)
	case *plan.Sort:
		r.narrow(n.In, preds)
	case *plan.Distinct:
		r.narrow(n.In, preds)
	case *plan.Explode:
		r.narrow(n.In, within(preds, 0, len(n.In.Columns())))
	case *plan.AssignWindows:
		r.narrow(n.In, within(preds, 0, len(n.In.Columns())))
	case *plan.SetOp:
		if n.Op != "UNION" {
			preds = nil
		}
		r.narrow(n.Left, preds)
		r.narrow(n.Right, preds)
	case *plan.Join:
		r.narrowJoin(n, preds)
	case *plan.Apply: // what its right side reads is narrowed where it is held
		r.narrow(n.Left, within(preds, 0, len(n.Left.Columns())))
	default: // rows of the input that go missing would change others
		for _, in := range n.Inputs() {
			r.narrow(in, nil)
		}
	}
}

// narrowJoin hands on what says something of one side alone: of a side that is not filled up with NULLs.
func (r *runner) narrowJoin(n *plan.Join, preds []*expr.Node) {
	width := len(n.Left.Columns())
	all := width + len(n.Right.Columns())
	left, right := within(preds, 0, width), within(preds, width, all)
	var on []*expr.Node
	if n.On != nil {
		on = plan.Conjuncts(n.On)
	}
	switch n.Kind {
	case "INNER", "LEFT SEMI":
		left, right = append(left, within(on, 0, width)...), append(right, within(on, width, all)...)
	case "LEFT", "LEFT ANTI":
		right = within(on, width, all)
	case "RIGHT":
		left = within(on, 0, width)
	case "CROSS":
	default:
		left, right = nil, nil
	}
	r.narrow(n.Left, left)
	r.narrow(n.Right, right)
}

// within is the parts of predicates that are over the columns from … to-1 alone, numbered from 0.
func within(preds []*expr.Node, from, to int) []*expr.Node {
	var out []*expr.Node
	for _, all := range preds {
		for _, p := range plan.Conjuncts(all) {
			fits := true
			p.Walk(func(m *expr.Node) { fits = fits && (m.Op != expr.OpColumn || m.Index >= from && m.Index < to) })
			if !fits {
				continue
			}
			out = append(out, p.Rewrite(func(m *expr.Node) *expr.Node {
				if m.Op == expr.OpColumn {
					m.Index -= from
				}
				return m
			}))
		}
	}
	return out
}

// isTopic reports a dataset whose columns are those of a topic's records.
func isTopic(d *plan.Dataset) bool {
	if d.Kind != plan.SourceTopic && d.Kind != plan.System || len(d.Schema.Fields) < len(plan.SourceSchema.Fields) {
		return false
	}
	return slices.EqualFunc(plan.SourceSchema.Fields, d.Schema.Fields[:len(plan.SourceSchema.Fields)], func(a, b column.Field) bool { return a.Name == b.Name })
}

// narrowScan notes what a scan can do with. One that stands in the plan twice has to do for both places.
func (r *runner) narrowScan(n *plan.Scan, preds []*expr.Node) {
	if !isTopic(n.Dataset) {
		return
	}
	var reach Reach
	for _, p := range preds {
		reach = reach.Both(r.reachOf(p))
	}
	if before, is := r.reach[n]; is {
		reach = before.either(reach)
	}
	r.reach[n] = reach
}

// reachOf is the records of a topic for which a predicate over its columns may be true.
func (r *runner) reachOf(p *expr.Node) Reach {
	switch {
	case p.Op == expr.OpAnd:
		return r.reachOf(p.Args[0]).Both(r.reachOf(p.Args[1]))
	case p.Op == expr.OpOr:
		return r.reachOf(p.Args[0]).either(r.reachOf(p.Args[1]))
	case p.Op == expr.OpCall && p.Func == "in":
		return r.reachOfIn(p)
	case p.Op != expr.OpCall || len(p.Args) != 2:
		return nil
	}
	column, value, op := p.Args[0], p.Args[1], p.Func
	if metadata(column) < 0 {
		column, value, op = value, column, turned[op]
	}
	at := metadata(column)
	if at < 0 {
		return nil
	}
	switch op {
	case "=", "<=>", "<", "<=", ">", ">=":
	default:
		return nil
	}
	x, null, ok := r.constant(value)
	switch {
	case !ok:
		return nil
	case null:
		return Reach{}
	}
	low, high := int64(math.MinInt64), int64(math.MaxInt64)
	switch op {
	case "=", "<=>":
		low, high = x, x
	case ">=":
		low = x
	case "<=":
		high = x
	case ">":
		if low = x + 1; x == math.MaxInt64 {
			return Reach{}
		}
	case "<":
		if high = x - 1; x == math.MinInt64 {
			return Reach{}
		}
	}
	return Reach{spanOf(at, low, high)}
}

// turned is a comparison with its sides changed.
var turned = map[string]string{"=": "=", "<=>": "<=>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}

func (r *runner) reachOfIn(p *expr.Node) Reach {
	at := metadata(p.Args[0])
	if at < 0 {
		return nil
	}
	reach := make(Reach, 0, len(p.Args)-1)
	for _, a := range p.Args[1:] {
		x, null, ok := r.constant(a)
		if !ok {
			return nil
		}
		if !null {
			reach = append(reach, spanOf(at, x, x))
		}
	}
	return reach.joined()
}

func spanOf(column int, low, high int64) Span {
	s := Span{anywhere, anywhere, anywhere}
	switch column {
	case plan.SourcePartition:
		s.Partition = [2]int64{low, high}
	case plan.SourceOffset:
		s.Offset = [2]int64{low, high}
	case plan.SourceTimestamp:
		s.Time = [2]int64{low, high}
	}
	return s
}

// metadata is the place of partition, offset or timestamp in a topic's columns, which an expression is, perhaps as a wider
// integer; -1: it is another.
func metadata(n *expr.Node) int {
	for n.Op == expr.OpCast && isInteger(n.Type) && isInteger(n.Args[0].Type) && n.Type.Kind >= n.Args[0].Type.Kind {
		n = n.Args[0]
	}
	if n.Op != expr.OpColumn {
		return -1
	}
	switch n.Index {
	case plan.SourcePartition, plan.SourceOffset, plan.SourceTimestamp:
		return n.Index
	}
	return -1
}

func isInteger(t column.Type) bool {
	switch t.Kind {
	case column.Int8, column.Int16, column.Int32, column.Int64:
		return true
	}
	return false
}

// constant is the value of an expression that no row changes: an integer, or a timestamp in microseconds.
func (r *runner) constant(n *expr.Node) (value int64, null, ok bool) {
	if !isInteger(n.Type) && n.Type.Kind != column.Timestamp {
		return 0, n.Type.Kind == column.Void, n.Type.Kind == column.Void
	}
	fixed := true
	n.Walk(func(m *expr.Node) {
		fixed = fixed && m.Op != expr.OpColumn && (m.Op != expr.OpCall || m.Func != "rand" && m.Func != "randn" && m.Func != "uuid")
	})
	if !fixed {
		return 0, false, false
	}
	v, err := r.eval(n, &column.Batch{Schema: &column.Schema{}, Len: 1, Sel: []uint32{0}})
	if err != nil {
		return 0, false, false // it is met again where it belongs
	}
	if v.IsNull(0) {
		return 0, true, true
	}
	return v.Int[0], false, true
}
