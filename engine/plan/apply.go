package plan

import (
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/sql"
)

// Apply joins each row of Left to the rows of Right, which are computed anew for it: in Right, column
// outerBase+i is the value of Outer[i] in the row. It runs what refers to the query around it and cannot be
// made a plain join: a subquery that is a value, LATERAL (SELECT …), a subquery with LIMIT.
type Apply struct {
	Kind        string // CROSS, INNER, LEFT or MARK, as of a Join
	Left, Right Node
	Outer       []*expr.Node // over the columns of Left
	On          *expr.Node   // over the columns of Left, then of Right; nil: none
	Cols        []Column
}

// Columns returns the node's output columns.
func (n *Apply) Columns() []Column { return n.Cols }

// Inputs returns the operators that the node reads from.
func (n *Apply) Inputs() []Node { return []Node{n.Left, n.Right} }

// correlation is a query as one inside it sees it: the names that it may refer to, and what it did refer to.
type correlation struct {
	scope *scope
	outer []*expr.Node // the expressions over the columns of the outer query that stand for outerBase+i
	at    map[string]int
}

// column is the reference from inside to an expression of the query around.
func (c *correlation) column(n *expr.Node) *expr.Node {
	if c.at == nil {
		c.at = map[string]int{}
	}
	key := n.Key()
	i, known := c.at[key]
	if !known {
		i = len(c.outer)
		c.at[key] = i
		c.outer = append(c.outer, n)
	}
	return expr.Col(outerBase+i, n.Name, n.Type)
}

// WithOuter is a copy of the right side of an Apply with values in the place of what it refers to outside.
func WithOuter(n Node, value func(i int) *expr.Node) Node {
	return mapExprs(n, func(e *expr.Node) *expr.Node {
		return replace(e, func(m *expr.Node) *expr.Node {
			if m.Op == expr.OpColumn && m.Index >= outerBase && m.Index < rightBase {
				return value(m.Index - outerBase)
			}
			return nil
		})
	})
}

// Correlated reports a reference from n to the query around it.
func Correlated(n Node) bool { return correlated(n) }

// correlated reports a reference to the query around n.
func correlated(n Node) bool {
	found := false
	eachExpr(n, func(e *expr.Node) { found = found || uses(e, outerBase, rightBase) })
	if found {
		return true
	}
	inputs := n.Inputs()
	if a, ok := n.(*Apply); ok {
		inputs = []Node{a.Left} // Right refers to a
	}
	for _, in := range inputs {
		if correlated(in) {
			return true
		}
	}
	return false
}

// MapInputs is a copy of an operator with other inputs.
func MapInputs(n Node, f func(Node) Node) Node {
	switch n := n.(type) {
	case *Filter:
		return &Filter{In: f(n.In), Pred: n.Pred}
	case *Project:
		return &Project{In: f(n.In), Exprs: n.Exprs, Cols: n.Cols}
	case *Explode:
		c := *n
		c.In = f(n.In)
		return &c
	case *Watermark:
		return &Watermark{In: f(n.In), Time: n.Time, Delay: n.Delay, Cols: n.Cols}
	case *Aggregate:
		c := *n
		c.In = f(n.In)
		return &c
	case *Windowed:
		return &Windowed{In: f(n.In), Funcs: n.Funcs, Cols: n.Cols}
	case *AssignWindows:
		return &AssignWindows{In: f(n.In), Window: n.Window, Cols: n.Cols}
	case *Sort:
		return &Sort{In: f(n.In), Keys: n.Keys}
	case *Limit:
		return &Limit{In: f(n.In), Count: n.Count, Offset: n.Offset}
	case *Distinct:
		return &Distinct{In: f(n.In)}
	case *Single:
		return &Single{In: f(n.In), Cols: n.Cols}
	case *SetOp:
		return &SetOp{Op: n.Op, All: n.All, Left: f(n.Left), Right: f(n.Right), Cols: n.Cols}
	case *Join:
		return &Join{Kind: n.Kind, Left: f(n.Left), Right: f(n.Right), On: n.On, Cols: n.Cols, Pos: n.Pos}
	case *Apply:
		return &Apply{Kind: n.Kind, Left: f(n.Left), Right: f(n.Right), Outer: n.Outer, On: n.On, Cols: n.Cols}
	}
	return n
}

// mapExprs is a copy of a tree with other expressions. What the right side of an Apply refers to outside is
// that Apply's own, and stays.
func mapExprs(n Node, f func(*expr.Node) *expr.Node) Node {
	one := func(e *expr.Node) *expr.Node {
		if e == nil {
			return nil
		}
		return f(e)
	}
	list := func(nodes []*expr.Node) []*expr.Node {
		out := make([]*expr.Node, len(nodes))
		for i, e := range nodes {
			out[i] = one(e)
		}
		return out
	}
	sorted := func(keys []SortKey) []SortKey {
		out := append([]SortKey{}, keys...)
		for i := range out {
			out[i].Expr = one(out[i].Expr)
		}
		return out
	}
	if a, ok := n.(*Apply); ok {
		return &Apply{Kind: a.Kind, Left: mapExprs(a.Left, f), Right: a.Right, Outer: list(a.Outer), On: one(a.On), Cols: a.Cols}
	}
	switch c := MapInputs(n, func(in Node) Node { return mapExprs(in, f) }).(type) {
	case *Values:
		out := &Values{Cols: c.Cols}
		for _, row := range c.Rows {
			out.Rows = append(out.Rows, list(row))
		}
		return out
	case *Filter:
		c.Pred = one(c.Pred)
		return c
	case *Project:
		c.Exprs = list(c.Exprs)
		return c
	case *Explode:
		c.Rows = one(c.Rows)
		return c
	case *Aggregate:
		c.Keys = list(c.Keys)
		c.Aggs = append([]AggCall{}, c.Aggs...)
		for i := range c.Aggs {
			c.Aggs[i].Arg, c.Aggs[i].Filter = one(c.Aggs[i].Arg), one(c.Aggs[i].Filter)
		}
		return c
	case *Windowed:
		c.Funcs = append([]WindowCall{}, c.Funcs...)
		for i := range c.Funcs {
			w := &c.Funcs[i]
			w.Args, w.PartitionBy, w.OrderBy = list(w.Args), list(w.PartitionBy), sorted(w.OrderBy)
			w.Filter, w.StartAt, w.EndAt = one(w.Filter), one(w.StartAt), one(w.EndAt)
		}
		return c
	case *Sort:
		c.Keys = sorted(c.Keys)
		return c
	case *Join:
		c.On = one(c.On)
		return c
	default:
		return c
	}
}

// lateralQuery binds what stands behind LATERAL: a query that may refer to the columns before it.
func (b *binder) lateralQuery(left bound, rel *sql.SubRelation, kind string) (bound, bool) {
	around := &correlation{scope: &scope{cols: left.cols, outer: b.around}}
	node, ok := b.query(rel.Query, around)
	if !ok {
		return bound{}, false
	}
	right, ok := b.finish(node, "", rel.Watermark, rel.Alias, rel.Columns)
	if !ok {
		return bound{}, false
	}
	if streams(left.node) || streams(node) {
		b.fault(*notYet(rel.Pos, "LATERAL (SELECT …) on a stream"))
		return bound{}, false
	}
	a := &Apply{Kind: kind, Left: left.node, Right: right.node, Outer: around.outer, Cols: joinColumns(kind, left.node, right.node)}
	out := bound{node: a, cols: append([]scopeColumn{}, left.cols...)}
	for _, c := range right.cols {
		c.node = shifted(c.node, len(left.node.Columns()))
		out.cols = append(out.cols, c)
	}
	return out, true
}

// lateralQueryJoin binds left JOIN LATERAL (SELECT …) [ON condition].
func (b *binder) lateralQueryJoin(j *sql.Join, rel *sql.SubRelation) (bound, bool) {
	left, ok := b.relation(j.Left)
	if !ok {
		return bound{}, false
	}
	if j.Natural || len(j.Using) > 0 || j.Kind != "INNER" && j.Kind != "CROSS" && j.Kind != "LEFT" {
		b.fault(*lateralKind(j))
		return bound{}, false
	}
	out, ok := b.lateralQuery(left, rel, j.Kind)
	if !ok || j.On == nil {
		return out, ok
	}
	on, ok := b.condition(b.session.binder(&scope{cols: out.cols, outer: b.around}), j.On, "JOIN ON")
	if !ok {
		return bound{}, false
	}
	out.node.(*Apply).On = on
	return out, true
}

// misplacedReference is the fault of a reference to the query around that stands outside of WHERE and HAVING,
// where Spark has none: but in LATERAL and in a subquery without FROM.
func misplacedReference(n Node, pos sql.Pos) *sql.Fault {
	var at *expr.Node
	mixed := false
	look := func(e *expr.Node) {
		if e != nil && at == nil && uses(e, outerBase, rightBase) {
			at = e
		}
	}
	switch n := n.(type) {
	case *Project:
		if v, is := n.In.(*Values); is && len(v.Cols) == 0 {
			return nil
		}
		for _, e := range n.Exprs {
			look(e)
		}
	case *Aggregate:
		for _, k := range n.Keys {
			look(k)
		}
		for _, c := range n.Aggs {
			look(c.Arg)
			mixed = mixed || c.Arg != nil && uses(c.Arg, outerBase, rightBase) && uses(c.Arg, 0, outerBase)
		}
	case *Apply:
		return misplacedReference(n.Left, pos)
	}
	switch {
	case mixed:
		return &sql.Fault{Pos: pos, Class: "UNSUPPORTED_SUBQUERY_EXPRESSION_CATEGORY.AGGREGATE_FUNCTION_MIXED_OUTER_LOCAL_REFERENCES",
			Message: "an aggregate of a subquery mixes its own columns with those of the query around it"}
	case at != nil:
		return &sql.Fault{Pos: pos, Class: "UNSUPPORTED_SUBQUERY_EXPRESSION_CATEGORY.CORRELATED_REFERENCE",
			Message: "a subquery refers to the query around it outside of WHERE and HAVING", Hint: "write it as LATERAL (SELECT …)"}
	}
	for _, in := range n.Inputs() {
		if f := misplacedReference(in, pos); f != nil {
			return f
		}
	}
	return nil
}
