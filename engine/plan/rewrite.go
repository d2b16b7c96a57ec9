package plan

import (
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/expr"
)

// JoinMark is the kind of Join that keeps every row of Left and adds a BOOLEAN: TRUE when On is
// true for some row of Right, else NULL when it is NULL for some, else FALSE. IN and EXISTS become
// such joins.
const JoinMark = "MARK"

// clone copies the operators of a tree. Expressions are never changed and are shared.
func clone(n Node) Node {
	return cloneWith(n, func(s *Scan) Node {
		c := *s
		c.Cols = append([]Column{}, s.Cols...)
		return &c
	})
}

// inlined is n with the queries of materialized views in the place of the views.
func inlined(n Node) Node {
	return cloneWith(n, func(s *Scan) Node {
		if s.Dataset.Kind == MaterializedView {
			return inlined(s.Dataset.Flows[0].Root)
		}
		return s
	})
}

// cloneWith copies the operators of a tree, with what scan gives for each Scan.
func cloneWith(n Node, scan func(*Scan) Node) Node {
	clone := func(in Node) Node { return cloneWith(in, scan) }
	switch n := n.(type) {
	case *Scan:
		return scan(n)
	case *Values:
		c := *n
		return &c
	case *Range:
		c := *n
		return &c
	}
	return MapInputs(n, clone)
}

// bounded makes the tree of a streaming view one over bounded inputs: streams become scans of what
// is there, watermarks have nothing to wait for.
func bounded(n Node) Node {
	switch n := n.(type) {
	case *Scan:
		n.Stream = false
		for i := range n.Cols {
			n.Cols[i].EventTime = false
		}
		return n
	case *Watermark:
		return bounded(n.In)
	case *Filter:
		n.In = bounded(n.In)
	case *Project:
		n.In = bounded(n.In)
	case *Explode:
		n.In = bounded(n.In)
	case *Aggregate:
		n.In = bounded(n.In)
	case *Windowed:
		n.In = bounded(n.In)
	case *AssignWindows:
		n.In = bounded(n.In)
	case *Sort:
		n.In = bounded(n.In)
	case *Limit:
		n.In = bounded(n.In)
	case *Distinct:
		n.In = bounded(n.In)
	case *Single:
		n.In = bounded(n.In)
	case *SetOp:
		n.Left, n.Right = bounded(n.Left), bounded(n.Right)
	case *Join:
		n.Left, n.Right = bounded(n.Left), bounded(n.Right)
	case *Apply:
		n.Left, n.Right = bounded(n.Left), bounded(n.Right)
	}
	return n
}

// replace rewrites an expression from the top: where f gives a node, that one stands and nothing
// below it is looked at.
func replace(n *expr.Node, f func(*expr.Node) *expr.Node) *expr.Node {
	if r := f(n); r != nil {
		return r
	}
	if len(n.Args) == 0 {
		return n
	}
	c := *n
	c.Args = make([]*expr.Node, len(n.Args))
	for i, a := range n.Args {
		c.Args[i] = replace(a, f)
	}
	return &c
}

// substitute puts exprs in the place of the columns of a projection, and leaves placeholders alone.
func substitute(n *expr.Node, exprs []*expr.Node) *expr.Node {
	return replace(n, func(m *expr.Node) *expr.Node {
		if m.Op != expr.OpColumn {
			return nil
		}
		if m.Index < len(exprs) {
			return exprs[m.Index]
		}
		return m
	})
}

// uses reports whether a column number from from up to below to stands in n.
func uses(n *expr.Node, from, to int) bool {
	found := false
	n.Walk(func(m *expr.Node) {
		found = found || m.Op == expr.OpColumn && m.Index >= from && m.Index < to
	})
	return found
}

// castTo is n as type t.
func castTo(n *expr.Node, t column.Type) *expr.Node {
	if n.Type.Equal(t) {
		return n
	}
	return &expr.Node{Op: expr.OpCast, Type: t, Args: []*expr.Node{n}, Name: n.Name, Pos: n.Pos}
}
