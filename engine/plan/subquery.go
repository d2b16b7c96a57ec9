package plan

import (
	"fmt"

	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/sql"
)

// subquery is one subquery of an expression: a scalar one is a column of a cross join with its one
// row; IN and EXISTS are the column of a join of kind MARK.
type subquery struct {
	node Node
	mark bool
	on   *expr.Node // of a MARK join: over the SELECT's own space, and rightBase for the subquery's columns
	// outer is what node refers to, over the SELECT's own space, of one that is computed anew for each row; else nil.
	outer []*expr.Node
	typ   column.Type
	text  string
	pos   sql.Pos
}

// query is the expression binder's hook for scalar subqueries, EXISTS and IN (query).
func (s *selecting) query(eb *expr.Binder, e sql.Expr) (*expr.Node, *sql.Fault) {
	switch e := e.(type) {
	case *sql.ScalarQuery:
		return s.scalar(e)
	case *sql.Exists:
		sub, fault := s.matching(e.Query, e.Pos, nil)
		if fault != nil {
			return nil, fault
		}
		return s.neverNull(s.add(sub, e.Pos)), nil
	case *sql.In:
		return s.in_(eb, e)
	}
	return nil, &sql.Fault{Pos: e.Position(), Message: "this subquery is not supported"}
}

// scalar is (SELECT …) as a value.
func (s *selecting) scalar(e *sql.ScalarQuery) (*expr.Node, *sql.Fault) {
	around := &correlation{scope: &s.from}
	node, ok := s.b.query(e.Query, around)
	if !ok {
		return nil, silent(e.Pos)
	}
	cols := node.Columns()
	if len(cols) != 1 {
		return nil, &sql.Fault{Pos: e.Pos, Class: "INVALID_SUBQUERY_EXPRESSION.SCALAR_SUBQUERY_RETURN_MORE_THAN_ONE_OUTPUT_COLUMN",
			Message: fmt.Sprintf("a subquery that is a value has one column, not %d", len(cols))}
	}
	if fault := s.notBeside(node, e.Pos); fault != nil {
		return nil, fault
	}
	sub := subquery{node: &Single{In: node, Cols: cols, Text: sql.Format(e.Query), Pos: e.Pos}, typ: cols[0].Type}
	if correlated(node) {
		if fault := misplacedReference(node, e.Pos); fault != nil {
			return nil, fault
		}
		sub.outer = around.outer
	}
	return s.add(sub, e.Pos), nil
}

// notBeside is the fault of a subquery whose rows cannot stand beside those of the SELECT.
func (s *selecting) notBeside(node Node, pos sql.Pos) *sql.Fault {
	switch {
	case streams(node):
		return notYet(pos, "a subquery over a stream")
	case streams(s.in):
		return notConstant(node, pos)
	}
	return nil
}

// in_ is x IN (SELECT …).
func (s *selecting) in_(eb *expr.Binder, e *sql.In) (*expr.Node, *sql.Fault) {
	parts := []sql.Expr{e.Expr}
	if row, ok := e.Expr.(*sql.Row); ok {
		parts = row.Exprs
	}
	lefts, fault := bindAll(eb, parts)
	if fault != nil {
		return nil, fault
	}
	sub, fault := s.matching(e.Query, e.Pos, lefts)
	if fault != nil {
		return nil, fault
	}
	n := s.add(sub, e.Pos)
	if !e.Not {
		return n, nil
	}
	return s.wrap(n, e.Pos, func(x sql.Expr) sql.Expr { return &sql.Unary{Pos: e.Pos, Op: "NOT", Expr: x} })
}

// matching binds the subquery of IN (with lefts) or EXISTS (without) as the right side of a MARK
// join. Its conditions on the query around it move into the join's.
func (s *selecting) matching(q *sql.Query, pos sql.Pos, lefts []*expr.Node) (subquery, *sql.Fault) {
	around := &correlation{scope: &s.from}
	node, ok := s.b.query(q, around)
	if !ok {
		return subquery{}, silent(pos)
	}
	if fault := s.notBeside(node, pos); fault != nil {
		return subquery{}, fault
	}
	if lefts != nil && len(lefts) != len(node.Columns()) {
		return subquery{}, &sql.Fault{Pos: pos, Class: "DATATYPE_MISMATCH.IN_SUBQUERY_LENGTH_MISMATCH",
			Message: fmt.Sprintf("%d value(s) before IN and %d column(s) behind it", len(lefts), len(node.Columns()))}
	}
	values := nodeColumns(node)
	var on *expr.Node
	var outer []*expr.Node
	if correlated(node) {
		if fault := misplacedReference(node, pos); fault != nil {
			return subquery{}, fault
		}
		if base, over, cond, ok := decorrelate(node, values); ok {
			node, values, on = base, over, cond
		} else {
			outer = around.outer
		}
	}
	right := func(n *expr.Node) *expr.Node {
		return replace(n, func(m *expr.Node) *expr.Node {
			switch {
			case m.Op != expr.OpColumn:
				return nil
			case m.Index < outerBase:
				return at2(m, rightBase+m.Index)
			}
			return around.outer[m.Index-outerBase]
		})
	}
	if on != nil {
		on = right(on)
		if lefts != nil { // what WHERE leaves out must not make IN unknown; for EXISTS it is the same
			on = s.neverNull(on)
		}
	}
	for i := range lefts {
		equal, fault := s.equals(lefts[i], right(values[i]), pos)
		if fault != nil {
			return subquery{}, fault
		}
		on = and(on, equal)
	}
	return subquery{node: node, mark: true, on: on, outer: outer, typ: column.Of(column.Bool), text: sql.Format(q), pos: pos}, nil
}

// equals is a = b with Spark's rules of types.
func (s *selecting) equals(a, b *expr.Node, pos sql.Pos) (*expr.Node, *sql.Fault) {
	pair := &scope{cols: []scopeColumn{{name: "a", node: a}, {name: "b", node: b}}}
	eb := s.b.session.binder(pair)
	n, faults := eb.Bind(&sql.Binary{Pos: pos, Op: "=", Left: hiddenName(0, "a", pos), Right: hiddenName(1, "b", pos)})
	if len(faults) > 0 {
		return nil, &faults[0]
	}
	return n, nil
}

// wrap binds an expression around a node.
func (s *selecting) wrap(n *expr.Node, pos sql.Pos, around func(sql.Expr) sql.Expr) (*expr.Node, *sql.Fault) {
	one := &scope{cols: []scopeColumn{{name: "x", node: n}}}
	eb := s.b.session.binder(one)
	out, faults := eb.Bind(around(hiddenName(0, "x", pos)))
	if len(faults) > 0 {
		return nil, &faults[0]
	}
	return out, nil
}

// neverNull is the mark of EXISTS, where NULL means FALSE.
func (s *selecting) neverNull(n *expr.Node) *expr.Node {
	no := &column.Vector{}
	no.Reset(column.Of(column.Bool))
	no.AppendInt(0)
	return &expr.Node{Op: expr.OpCoalesce, Type: n.Type, Pos: n.Pos,
		Args: []*expr.Node{n, {Op: expr.OpConst, Type: n.Type, Const: no}}}
}

// add enters a subquery and returns its value: at once where the expression is over the rows of in,
// else a placeholder.
func (s *selecting) add(sub subquery, pos sql.Pos) *expr.Node {
	if s.phase == inWhere || s.phase == inGroupBy || s.phase == inGenerator && !s.groups() || s.inAgg > 0 {
		s.in = attach(s.in, sub)
		n := expr.Col(len(s.in.Columns())-1, "subquery", sub.typ)
		n.Pos = pos
		return n
	}
	s.subs = append(s.subs, sub)
	return &expr.Node{Op: expr.OpColumn, Index: subBase + len(s.subs) - 1, Name: "subquery", Type: sub.typ, Pos: pos}
}

// attach joins a subquery to the rows; its value is the last column.
func attach(in Node, sub subquery) Node {
	if sub.outer != nil {
		kind := "CROSS"
		if sub.mark {
			kind = JoinMark
		}
		on := besides(sub.on, len(in.Columns()))
		return &Apply{Kind: kind, Left: in, Right: sub.node, Outer: sub.outer, On: on, Cols: joinColumns(kind, in, sub.node)}
	}
	if !sub.mark {
		return &Join{Kind: "CROSS", Left: in, Right: sub.node, Cols: joinColumns("CROSS", in, sub.node)}
	}
	on := besides(sub.on, len(in.Columns()))
	return &Join{Kind: JoinMark, Left: in, Right: sub.node, On: on, Cols: joinColumns(JoinMark, in, sub.node), Text: sub.text, Pos: sub.pos}
}

// besides is the condition of a MARK join with the subquery's columns behind those of the left side.
func besides(on *expr.Node, shift int) *expr.Node {
	if on == nil {
		return nil
	}
	return replace(on, func(m *expr.Node) *expr.Node {
		if m.Op == expr.OpColumn && m.Index >= rightBase && m.Index < subBase {
			return at2(m, m.Index-rightBase+shift)
		}
		return nil
	})
}

// mapped is a subquery with other expressions over the SELECT's own space.
func (sub subquery) mapped(f func(*expr.Node) *expr.Node) subquery {
	if sub.on != nil {
		sub.on = f(sub.on)
	}
	if sub.outer != nil {
		outer := make([]*expr.Node, len(sub.outer))
		for i, n := range sub.outer {
			outer[i] = f(n)
		}
		sub.outer = outer
	}
	return sub
}

// liftSubqueries gives the keys and aggregates with the subqueries in them joined to the rows that are grouped:
// a key may stand for an item of the list, and an aggregate be over one.
func (s *selecting) liftSubqueries() (keys []*expr.Node, aggs []AggCall) {
	at := map[int]int{} // by subquery: its column
	var lift func(n *expr.Node) *expr.Node
	lift = func(n *expr.Node) *expr.Node {
		if n == nil {
			return nil
		}
		return replace(n, func(m *expr.Node) *expr.Node {
			if !isSubquery(m) {
				return nil
			}
			i := m.Index - subBase
			if _, ok := at[i]; !ok {
				s.in = attach(s.in, s.subs[i].mapped(lift))
				at[i] = len(s.in.Columns()) - 1
			}
			return at2(m, at[i])
		})
	}
	for _, k := range s.keys {
		keys = append(keys, lift(k))
	}
	for _, a := range s.aggs {
		a.Arg, a.Filter = lift(a.Arg), lift(a.Filter)
		aggs = append(aggs, a)
	}
	return keys, aggs
}

// isSubquery reports the placeholder of one.
func isSubquery(n *expr.Node) bool {
	return n.Op == expr.OpColumn && n.Index >= subBase && n.Index < aggBase
}

// usedSubqueries are those that something above the grouping asks for beside its keys.
func (s *selecting) usedSubqueries() []bool {
	used := make([]bool, len(s.subs))
	var look func(n *expr.Node) *expr.Node
	look = func(n *expr.Node) *expr.Node {
		replace(n, func(m *expr.Node) *expr.Node {
			if _, ok := s.keyAt[m.Key()]; ok && s.grouped && m.Op != expr.OpConst {
				return m
			}
			if isSubquery(m) && !used[m.Index-subBase] {
				used[m.Index-subBase] = true
				s.subs[m.Index-subBase].mapped(look)
			}
			return nil
		})
		return n
	}
	s.eachAbove(look)
	return used
}

// attachAll joins the subqueries of the SELECT list, HAVING, QUALIFY and ORDER BY.
func (s *selecting) attachAll(node Node) Node {
	used := s.usedSubqueries()
	s.noValuesOfGroups()
	for i, sub := range s.subs {
		if !used[i] {
			s.subAt = append(s.subAt, -1)
			continue
		}
		node = attach(node, sub.mapped(s.lower))
		s.subAt = append(s.subAt, len(node.Columns())-1)
	}
	return node
}

// noValuesOfGroups refuses a subquery in the list of a grouped SELECT that is a value for each group.
func (s *selecting) noValuesOfGroups() {
	for _, it := range s.items {
		if !s.grouped || it.node == nil {
			continue
		}
		replace(it.node, func(m *expr.Node) *expr.Node {
			if _, ok := s.keyAt[m.Key()]; ok && m.Op != expr.OpConst {
				return m
			}
			if sub := m.Index - subBase; isSubquery(m) && s.subs[sub].outer != nil && !s.subs[sub].mark {
				s.fault(sql.Fault{Pos: m.Pos, Class: "SCALAR_SUBQUERY_IS_IN_GROUP_BY_OR_AGGREGATE_FUNCTION",
					Message: "a subquery that refers to the query around it is neither grouped by nor in an aggregate", Hint: "compute it in a query around this one"})
			}
			return nil
		})
	}
}

// decorrelate takes the conditions on the query around it out of a subquery whose top is made of
// projections and filters. It returns what is below them, values over its columns, and the
// conditions; false: something else refers outside.
func decorrelate(n Node, values []*expr.Node) (base Node, over []*expr.Node, on *expr.Node, ok bool) {
	for correlated(n) {
		switch m := n.(type) {
		case *Project:
			if on != nil {
				on = substitute(on, m.Exprs)
			}
			moved := make([]*expr.Node, len(values))
			for i, v := range values {
				moved[i] = substitute(v, m.Exprs)
			}
			n, values = m.In, moved
		case *Filter:
			on = and(m.Pred, on)
			n = m.In
		case *Distinct:
			n = m.In
		case *Sort:
			n = m.In
		default:
			return nil, nil, nil, false
		}
	}
	return n, values, on, true
}

// eachExpr visits the expressions of one operator.
func eachExpr(n Node, visit func(*expr.Node)) {
	list := func(nodes []*expr.Node) {
		for _, e := range nodes {
			if e != nil {
				visit(e)
			}
		}
	}
	switch n := n.(type) {
	case *Values:
		for _, row := range n.Rows {
			list(row)
		}
	case *Filter:
		visit(n.Pred)
	case *Project:
		list(n.Exprs)
	case *Explode:
		visit(n.Rows)
	case *Aggregate:
		list(n.Keys)
		for _, a := range n.Aggs {
			list([]*expr.Node{a.Arg, a.Filter})
		}
		if n.Window != nil {
			visit(n.Window.Time)
		}
	case *AssignWindows:
		visit(n.Window.Time)
	case *Windowed:
		for _, w := range n.Funcs {
			list(w.Args)
			list(w.PartitionBy)
			list([]*expr.Node{w.Filter, w.StartAt, w.EndAt})
			for _, k := range w.OrderBy {
				visit(k.Expr)
			}
		}
	case *Sort:
		for _, k := range n.Keys {
			visit(k.Expr)
		}
	case *Join:
		list([]*expr.Node{n.On})
	case *Apply:
		list(n.Outer)
		list([]*expr.Node{n.On})
	}
}
