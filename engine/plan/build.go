package plan

import (
	"fmt"

	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/sql"
)

// build makes the operators of a SELECT whose expressions are all bound: windows, grouping,
// subqueries, HAVING, window functions, QUALIFY, the list, DISTINCT, ORDER BY.
func (s *selecting) build() (Node, bool) {
	if !s.assignWindows() || !s.checkStream() {
		return nil, false
	}
	node := s.in
	if s.grouped {
		node = s.aggregateNode()
	}
	node = s.attachAll(node)
	if s.having != nil {
		node = &Filter{In: node, Pred: s.lower(s.having)}
	}
	node = s.windowed(node)
	if s.qualify != nil {
		node = &Filter{In: node, Pred: s.lower(s.qualify)}
	}
	node = s.project(s.generated(node))
	return node, !s.failed
}

// each gives every expression of the SELECT that is over the rows of in to f and keeps what it
// returns.
func (s *selecting) each(f func(*expr.Node) *expr.Node) {
	apply := func(n **expr.Node) {
		if *n != nil {
			*n = f(*n)
		}
	}
	for i := range s.keys {
		apply(&s.keys[i])
	}
	for i := range s.aggs {
		apply(&s.aggs[i].Arg)
		apply(&s.aggs[i].Filter)
	}
	for i := range s.subs {
		s.subs[i] = s.subs[i].mapped(f)
	}
	s.eachAbove(f)
}

// eachAbove is each for the expressions above the grouping.
func (s *selecting) eachAbove(f func(*expr.Node) *expr.Node) {
	apply := func(n **expr.Node) {
		if *n != nil {
			*n = f(*n)
		}
	}
	for i := range s.items {
		apply(&s.items[i].node)
	}
	for i := range s.wins {
		w := &s.wins[i]
		for k := range w.Args {
			apply(&w.Args[k])
		}
		for k := range w.PartitionBy {
			apply(&w.PartitionBy[k])
		}
		for k := range w.OrderBy {
			apply(&w.OrderBy[k].Expr)
		}
		apply(&w.Filter)
		apply(&w.StartAt)
		apply(&w.EndAt)
	}
	for i := range s.order {
		apply(&s.order[i].node)
	}
	apply(&s.having)
	apply(&s.qualify)
	if s.gen != nil {
		apply(&s.gen.rows)
	}
}

// assignWindows makes a column of a window(…) that is no key of GROUP BY as it stands. One SELECT has
// one window.
func (s *selecting) assignWindows() bool {
	var call *expr.Node
	keys := map[string]bool{}
	for _, k := range s.keys {
		keys[k.Key()] = true
	}
	all := map[string]*expr.Node{}
	var other *expr.Node
	s.each(func(n *expr.Node) *expr.Node {
		return replace(n, func(m *expr.Node) *expr.Node {
			if !isWindowCall(m) {
				return nil
			}
			key := m.Key()
			if len(all) > 0 && all[key] == nil {
				other = m
			}
			all[key] = m
			if !keys[key] {
				call = m
			}
			return m
		})
	})
	// Aggregates are computed below the keys: a window in their arguments is a column too.
	for _, a := range s.aggs {
		for _, n := range []*expr.Node{a.Arg, a.Filter} {
			if w := s.windowCallIn(n); w != nil {
				call = w
			}
		}
	}
	switch {
	case other != nil:
		s.fault(sql.Fault{Pos: other.Pos, Class: "_LEGACY_ERROR_TEMP_1039", Message: "one SELECT cannot have two different windows: the rows would be multiplied"})
		return false
	case call == nil:
		return true
	case call.Func == callSession:
		s.fault(*notYet(call.Pos, "session_window outside GROUP BY"))
		return false
	}
	at := len(s.in.Columns())
	cols := append([]Column{}, s.in.Columns()...)
	cols = append(cols, Column{Name: call.Name, Type: call.Type, EventTime: s.isEventTime(call.Args[0])})
	s.in = &AssignWindows{In: s.in, Window: windowOf(call), Cols: cols}
	col := expr.Col(at, call.Name, call.Type)
	s.each(func(n *expr.Node) *expr.Node {
		return replace(n, func(m *expr.Node) *expr.Node {
			if isWindowCall(m) {
				return col
			}
			return nil
		})
	})
	return true
}

// isEventTime reports a reference to the column of in that carries the watermark, or window_time of one that is a window.
func (s *selecting) isEventTime(n *expr.Node) bool {
	if w := lastOf(n); w != nil {
		n = w
	}
	return n.Op == expr.OpColumn && n.Index < len(s.in.Columns()) && s.in.Columns()[n.Index].EventTime
}

// aggregateNode groups the input.
func (s *selecting) aggregateNode() Node {
	s.keyAt = map[string]int{}
	for i, k := range s.keys {
		s.keyAt[k.Key()] = i
	}
	keys, aggs := s.liftSubqueries()
	a := &Aggregate{In: s.in, Aggs: aggs, WindowKey: -1}
	for i, k := range keys {
		a.Keys = append(a.Keys, expr.SortMaps(k))
		c := Column{Name: keyName(k, s.keySyn[i]), Type: k.Type, EventTime: s.isEventTime(k)}
		if isWindowCall(k) {
			a.WindowKey, a.Window = i, windowOf(k)
			c.EventTime = s.isEventTime(k.Args[0])
		}
		a.Cols = append(a.Cols, c)
	}
	for _, call := range s.aggs {
		a.Cols = append(a.Cols, Column{Name: call.Text, Type: call.Spec.Type})
	}
	if g := s.body.GroupBy; g != nil && g.Kind != "" {
		if a.Grouping = s.sets; g.Kind != "SETS" {
			a.Grouping = groupingSets(g.Kind, len(s.keys))
		}
		a.Cols = append(a.Cols, Column{Name: "grouping_id", Type: column.Of(column.Int64)})
	}
	if a.WindowKey < 0 {
		liftWindow(a)
	}
	return a
}

func keyName(k *expr.Node, syn sql.Expr) string {
	if k.Name != "" {
		return k.Name
	}
	return sql.Format(syn)
}

// groupingSets spells ROLLUP and CUBE out: lists of the keys that a set groups by, the longest first.
func groupingSets(kind string, n int) [][]int {
	var sets [][]int
	if kind == "ROLLUP" {
		for k := n; k >= 0; k-- {
			sets = append(sets, firstKeys(k))
		}
		return sets
	}
	for left := 0; left < 1<<n; left++ { // bit 0 is the last key
		set := []int{}
		for k := 0; k < n; k++ {
			if left>>(n-1-k)&1 == 0 {
				set = append(set, k)
			}
		}
		sets = append(sets, set)
	}
	return sets
}

func firstKeys(k int) []int {
	set := make([]int, k)
	for i := range set {
		set[i] = i
	}
	return set
}

// liftWindow makes a key that is the column of an AssignWindows below into the window of the
// aggregate: SELECT w.start … FROM (SELECT window(ts, '1 minute') AS w, …) GROUP BY w.
func liftWindow(a *Aggregate) {
	for i, k := range a.Keys {
		if k.Op != expr.OpColumn || !isWindowType(k.Type) {
			continue
		}
		for j, other := range a.Keys {
			if j != i && uses(other, k.Index, k.Index+1) {
				return
			}
		}
		for _, call := range a.Aggs {
			if call.Arg != nil && uses(call.Arg, k.Index, k.Index+1) || call.Filter != nil && uses(call.Filter, k.Index, k.Index+1) {
				return
			}
		}
		in, w := unassign(a.In, k.Index)
		if w == nil {
			continue
		}
		lifted := *w
		lifted.Time = expr.Col(k.Index, "window time", w.Time.Type)
		a.In, a.Window, a.WindowKey = in, &lifted, i
		return
	}
}

// unassign returns the tree with the time in column at, which has to be that of an AssignWindows
// that nothing else looks at, and its window; nil: it is none such.
func unassign(n Node, at int) (Node, *TimeWindow) {
	switch n := n.(type) {
	case *AssignWindows:
		if at != len(n.Cols)-1 {
			return nil, nil
		}
		p := &Project{In: n.In, Exprs: append(nodeColumns(n.In), n.Window.Time), Cols: retyped(n.Cols, at, n.Window.Time.Type)}
		return p, n.Window
	case *Project:
		e := n.Exprs[at]
		if e.Op != expr.OpColumn {
			return nil, nil
		}
		for i, other := range n.Exprs {
			if i != at && uses(other, e.Index, e.Index+1) {
				return nil, nil
			}
		}
		in, w := unassign(n.In, e.Index)
		if w == nil {
			return nil, nil
		}
		exprs := append([]*expr.Node{}, n.Exprs...)
		exprs[at] = expr.Col(e.Index, e.Name, w.Time.Type)
		return &Project{In: in, Exprs: exprs, Cols: retyped(n.Cols, at, w.Time.Type)}, w
	case *Filter:
		if uses(n.Pred, at, at+1) {
			return nil, nil
		}
		in, w := unassign(n.In, at)
		return &Filter{In: in, Pred: n.Pred}, w
	}
	return nil, nil
}

func retyped(cols []Column, at int, t column.Type) []Column {
	out := append([]Column{}, cols...)
	out[at].Type = t
	return out
}

// lower puts columns in the places of keys and placeholders. A column of the input that is no key
// has no value in a group.
func (s *selecting) lower(n *expr.Node) *expr.Node {
	return replace(n, func(m *expr.Node) *expr.Node {
		if s.grouped && (m.Op != expr.OpConst) {
			if at, ok := s.keyAt[m.Key()]; ok {
				return at2(m, at)
			}
		}
		if m.Op != expr.OpColumn {
			return nil
		}
		switch i := m.Index; {
		case i >= genBase:
			return at2(m, s.genAt+i-genBase)
		case i >= winBase:
			return at2(m, s.winAt+i-winBase)
		case i == aggBase+groupingColumn:
			return at2(m, len(s.keys)+len(s.aggs))
		case i >= aggBase:
			return at2(m, len(s.keys)+i-aggBase)
		case i >= subBase:
			return at2(m, s.subAt[i-subBase])
		case i >= outerBase || !s.grouped:
			return m
		}
		s.missing(m)
		return m
	})
}

// at2 is a reference to column i in the place of n.
func at2(n *expr.Node, i int) *expr.Node {
	c := expr.Col(i, n.Name, n.Type)
	c.Pos = n.Pos
	return c
}

// missing reports a column that stands outside of aggregates and is no key.
func (s *selecting) missing(m *expr.Node) {
	if s.bare {
		s.fault(sql.Fault{Pos: m.Pos, Class: "MISSING_GROUP_BY", Message: fmt.Sprintf("column %q stands beside an aggregate and there is no GROUP BY", m.Name),
			Hint: "add GROUP BY " + m.Name})
		return
	}
	s.fault(sql.Fault{Pos: m.Pos, Class: "MISSING_AGGREGATION", Message: fmt.Sprintf("column %q is neither grouped by nor in an aggregate", m.Name),
		Hint: fmt.Sprintf("add it to GROUP BY, or write any_value(%s)", m.Name)})
}

// strayColumn finds a column of the input in n outside of keys and aggregates.
func (s *selecting) strayColumn(n *expr.Node) *expr.Node {
	keys := map[string]bool{}
	for _, k := range s.keys {
		keys[k.Key()] = true
	}
	var stray *expr.Node
	replace(n, func(m *expr.Node) *expr.Node {
		if keys[m.Key()] {
			return m
		}
		if m.Op == expr.OpColumn && m.Index < outerBase && stray == nil {
			stray = m
		}
		return nil
	})
	return stray
}

// windowed adds the window functions' columns.
func (s *selecting) windowed(node Node) Node {
	s.winAt = len(node.Columns())
	if len(s.wins) == 0 {
		return node
	}
	w := &Windowed{In: node, Cols: append([]Column{}, node.Columns()...)}
	for _, call := range s.wins {
		call.Args, call.PartitionBy = s.lowerAll(call.Args), s.lowerAll(call.PartitionBy)
		keys := make([]SortKey, len(call.OrderBy))
		for i, k := range call.OrderBy {
			keys[i] = SortKey{Expr: s.lower(k.Expr), Desc: k.Desc, NullsFirst: k.NullsFirst}
		}
		call.OrderBy = keys
		call.Filter, call.StartAt, call.EndAt = s.lowerAny(call.Filter), s.lowerAny(call.StartAt), s.lowerAny(call.EndAt)
		w.Funcs = append(w.Funcs, call)
		w.Cols = append(w.Cols, Column{Name: call.Func, Type: call.Type})
	}
	return w
}

// lowerAny is lower of what there may be.
func (s *selecting) lowerAny(n *expr.Node) *expr.Node {
	if n == nil {
		return nil
	}
	return s.lower(n)
}

func (s *selecting) lowerAll(list []*expr.Node) []*expr.Node {
	out := make([]*expr.Node, len(list))
	for i, n := range list {
		out[i] = s.lower(n)
	}
	return out
}

// project makes the columns of the list, and below them the order, which may need columns that the
// list does not have.
func (s *selecting) project(node Node) Node {
	p := &Project{In: node}
	byKey := map[string]int{}
	for _, it := range s.items {
		e := s.lower(it.node)
		if _, ok := byKey[e.Key()]; !ok {
			byKey[e.Key()] = len(p.Exprs)
		}
		p.Exprs = append(p.Exprs, e)
		p.Cols = append(p.Cols, Column{Name: it.name, Type: e.Type, EventTime: carriesTime(e, node)})
	}
	var keys []SortKey
	for _, o := range s.order {
		e := s.lower(o.node)
		at, ok := byKey[e.Key()]
		if !ok {
			if s.body.Distinct {
				s.fault(sql.Fault{Pos: o.pos, Class: "UNRESOLVED_COLUMN.WITH_SUGGESTION", Message: "behind DISTINCT only columns of the list can be ordered by"})
				continue
			}
			at = len(p.Exprs)
			byKey[e.Key()] = at
			p.Exprs = append(p.Exprs, e)
			p.Cols = append(p.Cols, Column{Name: fmt.Sprintf("order%d", len(keys)+1), Type: e.Type})
		}
		if o.clause != inDistributeBy {
			keys = append(keys, SortKey{Expr: expr.Col(at, p.Cols[at].Name, e.Type), Desc: o.desc, NullsFirst: o.nullsFirst})
		}
	}
	var out Node = p
	if s.body.Distinct {
		if fault := noMaps(out.Columns(), "DISTINCT", s.body.Pos); fault != nil {
			s.fault(*fault)
		}
		out = &Distinct{In: out}
	}
	if len(keys) > 0 {
		out = &Sort{In: out, Keys: keys}
	}
	if len(p.Cols) > len(s.items) {
		out = &Project{In: out, Exprs: nodeColumns(out)[:len(s.items)], Cols: p.Cols[:len(s.items):len(s.items)]}
	}
	return out
}

// carriesTime reports that an expression over node is its event time: the column itself, or an end
// or the last microsecond of its window.
func carriesTime(e *expr.Node, node Node) bool {
	if w := lastOf(e); w != nil {
		e = w
	}
	if e.Op == expr.OpField && e.Args[0].Op == expr.OpColumn && isWindowType(e.Args[0].Type) {
		e = e.Args[0]
	}
	return e.Op == expr.OpColumn && e.Index < len(node.Columns()) && node.Columns()[e.Index].EventTime
}
