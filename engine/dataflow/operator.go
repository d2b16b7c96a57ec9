package dataflow

import (
	"slices"

	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/plan"
)

// An Operator is a plan.StreamOp over the scan's columns. Its id is its place in the engine.
type Operator struct {
	plan.StreamOp
	ID        int
	Flow      int // its place among the flows of its table
	Flows     int // how many write its table
	Watermark int // its place among the scan's; -1: no event time
	Scan      *Scan
	JSON      bool        // it decodes the value: a malformed one is invalid to it
	Consumers []*Operator // operators that read this table of windows, or of rows of such
	Of        []*Operator // of a head: its parts, itself the first; nil: it has none
	lead      *Operator   // of a part: its head
}

// Link gives heads their parts.
func Link(ops []*Operator) {
	heads := map[string]*Operator{}
	for _, op := range ops {
		if op.Parts == 0 {
			continue
		}
		if op.IsHead() {
			heads[op.Name] = op
		}
		op.lead = heads[op.Head.Name]
		op.lead.Of = append(op.lead.Of, op)
	}
}

// IsHead reports an operator that gives rows itself: all but parts behind the first.
func (op *Operator) IsHead() bool { return op.Part == 0 }

// Lead is the operator that gives the rows of a part: its head; of any other itself.
func (op *Operator) Lead() *Operator {
	if op.lead == nil {
		return op
	}
	return op.lead
}

// All is the operators whose rows an operator groups: its parts, or itself.
func (op *Operator) All() []*Operator {
	if op.Of == nil {
		return []*Operator{op}
	}
	return op.Of
}

// mapScanExprs replaces every expression over the scan's columns but those below the watermark.
func (op *Operator) mapScanExprs(f func(*expr.Node) *expr.Node) {
	mapAll := func(list []*expr.Node) []*expr.Node {
		out := make([]*expr.Node, len(list))
		for i, n := range list {
			if n != nil {
				out[i] = f(n)
			}
		}
		return out
	}
	op.Post, op.Keys = mapAll(op.Post), mapAll(op.Keys)
	if op.Time != nil {
		op.Time = f(op.Time)
	}
	if op.Agg == nil {
		op.Out = mapAll(op.Out)
		return
	}
	a := *op.Agg
	if a.Window.Gap != nil {
		w := *a.Window
		w.Gap = f(w.Gap)
		a.Window = &w
	}
	a.Keys = mapAll(a.Keys)
	a.Aggs = append([]plan.AggCall(nil), a.Aggs...)
	for i := range a.Aggs {
		if a.Aggs[i].Arg != nil {
			a.Aggs[i].Arg = f(a.Aggs[i].Arg)
		}
		if a.Aggs[i].Filter != nil {
			a.Aggs[i].Filter = f(a.Aggs[i].Filter)
		}
	}
	op.Agg = &a
}

// Carried is the columns, of the first width behind explosion k, which are read there.
func (op *Operator) Carried(k, width int) []int {
	used := make([]bool, width)
	read := func(list ...*expr.Node) {
		for _, n := range list {
			if n == nil {
				continue
			}
			n.Walk(func(m *expr.Node) {
				if m.Op == expr.OpColumn && m.Index < width {
					used[m.Index] = true
				}
			})
		}
	}
	for i := range op.Explosions[k+1:] {
		read(op.Explosions[k+1+i].Exprs()...)
	}
	if k < op.Below {
		read(op.Pre...)
	}
	read(op.Post...)
	read(op.Time)
	if op.Agg == nil {
		read(op.Out...)
	} else {
		read(op.Agg.Keys...)
		read(op.Agg.Window.Gap)
		for _, a := range op.Agg.Aggs {
			read(a.Arg, a.Filter)
		}
	}
	var list []int
	for i, is := range used {
		if is {
			list = append(list, i)
		}
	}
	return list
}

// PlaceMade numbers the columns that explosions make behind those of the scan.
func (op *Operator) PlaceMade(width int) {
	if len(op.Explosions) == 0 {
		return
	}
	place := func(n *expr.Node) *expr.Node {
		return n.Rewrite(func(m *expr.Node) *expr.Node {
			if m.Op == expr.OpColumn && m.Index >= plan.MadeBase {
				m.Index += width - plan.MadeBase
			}
			return m
		})
	}
	op.mapExplosions(place)
	op.Pre = mapped(op.Pre, place)
	op.mapScanExprs(place)
}

// mapExplosions replaces every expression of the explosions.
func (op *Operator) mapExplosions(f func(*expr.Node) *expr.Node) {
	list := make([]plan.Explosion, len(op.Explosions))
	for i, e := range op.Explosions {
		e.Where = mapped(e.Where, f)
		if e.Rows != nil {
			e.Rows = f(e.Rows)
		}
		if e.Join != nil {
			j := *e.Join
			j.Equal = slices.Clone(j.Equal)
			for k := range j.Equal {
				j.Equal[k].Left = f(j.Equal[k].Left)
			}
			if j.On != nil {
				j.On = f(j.On)
			}
			e.Join = &j
		}
		list[i] = e
	}
	op.Explosions = list
}

func mapped(list []*expr.Node, f func(*expr.Node) *expr.Node) []*expr.Node {
	out := make([]*expr.Node, len(list))
	for i, n := range list {
		if n != nil {
			out[i] = f(n)
		}
	}
	return out
}

// UsedColumns is the columns of the operator's flow that it reads, and its calls of from_json by their keys.
func (op *Operator) UsedColumns() (used []bool, calls map[string]bool) {
	f := op.Scan
	used, calls = make([]bool, len(f.Columns)), map[string]bool{}
	var note func(n *expr.Node)
	note = func(n *expr.Node) {
		if n == nil {
			return
		}
		n.Walk(func(m *expr.Node) {
			if m.Op == expr.OpCall && m.Func == "from_json" {
				calls[m.Key()] = true
			}
			if m.Op != expr.OpColumn || m.Index >= len(used) {
				return
			}
			used[m.Index] = true
			note(f.Columns[m.Index].Computed)
		})
	}
	for _, n := range Expressions(&op.StreamOp) {
		note(n)
	}
	for i := range op.Explosions {
		for _, n := range op.Explosions[i].Exprs() {
			note(n)
		}
	}
	if op.Watermark >= 0 {
		g := f.Watermarks[op.Watermark]
		for _, n := range append(slices.Clone(g.Pre), g.Time) {
			note(n)
		}
	}
	return used, calls
}
