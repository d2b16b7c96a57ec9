package plan

import (
	"slices"

	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/expr"
)

// keepUsed leaves out what nothing reads, of all joins inside operators.
func keepUsed(list []*StreamOp) {
	for _, op := range list {
		if keepUsed(op.Inner); op.Inner != nil && op.Inner[0].Joined() {
			op.keepUsed()
		}
	}
}

// keepUsed leaves the columns of a join out that nothing reads which stands over it.
func (o *StreamOp) keepUsed() {
	j := o.Inner[0].Join
	used := make([]bool, len(o.From.Schema.Fields))
	width := len(j.Left)
	all := width + len(j.Right)
	used = append(used, make([]bool, all-len(used))...)
	o.mapBelow(func(n *expr.Node) *expr.Node {
		n.Walk(func(m *expr.Node) {
			if m.Op == expr.OpColumn && m.Index < MadeBase {
				used[m.Index] = true
			}
		})
		return n
	})
	if j.Rest != nil {
		j.Rest.Walk(func(m *expr.Node) {
			if m.Op == expr.OpColumn {
				used[m.Index] = true
			}
		})
	}
	place := make([]int, all)
	kept := 0
	for i, is := range used {
		place[i] = kept
		if is {
			kept++
		}
	}
	move := func(n *expr.Node) *expr.Node {
		return n.Rewrite(func(m *expr.Node) *expr.Node {
			if m.Op == expr.OpColumn && m.Index < MadeBase {
				m.Index = place[m.Index]
			}
			return m
		})
	}
	o.mapBelow(move)
	if j.Rest != nil {
		j.Rest = move(j.Rest)
	}
	sides := [2][]bool{used[:width], used[width:]}
	j.Left, j.Right = among(j.Left, sides[0]), among(j.Right, sides[1])
	for _, part := range o.Inner {
		part.Out, part.Cols = among(part.Out, sides[part.Side]), among(part.Cols, sides[part.Side])
	}
	o.From.Schema.Fields = nil
	for _, c := range slices.Concat(j.Left, j.Right) {
		o.From.Schema.Fields = append(o.From.Schema.Fields, column.Field{Name: c.Name, Type: c.Type})
	}
}

// among is the elements that are used.
func among[T any](list []T, used []bool) []T {
	var out []T
	for i, x := range list {
		if used[i] {
			out = append(out, x)
		}
	}
	return out
}

// mapBelow replaces every expression over the columns that the operator reads.
func (o *StreamOp) mapBelow(f func(*expr.Node) *expr.Node) {
	each := func(list []*expr.Node) []*expr.Node {
		out := slices.Clone(list)
		for i, n := range out {
			if n != nil {
				out[i] = f(n)
			}
		}
		return out
	}
	one := func(n *expr.Node) *expr.Node {
		if n == nil {
			return nil
		}
		return f(n)
	}
	o.Pre, o.Post, o.Time = each(o.Pre), each(o.Post), one(o.Time)
	for i := range o.Explosions {
		x := &o.Explosions[i]
		x.Where, x.Rows = each(x.Where), one(x.Rows)
		if x.Join == nil {
			continue
		}
		l := *x.Join
		l.Equal, l.On = slices.Clone(l.Equal), one(l.On)
		for k := range l.Equal {
			l.Equal[k].Left = f(l.Equal[k].Left)
		}
		x.Join = &l
	}
	if o.Agg == nil {
		o.Out = each(o.Out)
		return
	}
	a := *o.Agg
	w := *a.Window
	w.Time = one(w.Time)
	a.Window, a.Keys, a.Aggs = &w, each(a.Keys), slices.Clone(a.Aggs)
	for i := range a.Aggs {
		a.Aggs[i].Arg, a.Aggs[i].Filter = one(a.Aggs[i].Arg), one(a.Aggs[i].Filter)
	}
	o.Agg = &a
}
