package plan

import (
	"fmt"

	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/sql"
)

// Limits of what one query may grow to. Views are inlined where they are read and aliases where they
// are used, so that a short text can mean a very long one; past a limit it is refused.
const (
	maxOperators   = 20_000  // of one tree
	maxExpression  = 100_000 // nodes of one expression
	maxGroupingSet = 12      // keys of CUBE: 4,096 sets
)

// operators counts the operators of a tree, as far as limit.
func operators(n Node, limit int) int {
	count := 1
	for _, in := range n.Inputs() {
		if count += operators(in, limit-count); count >= limit {
			return limit
		}
	}
	return count
}

// tooManyOperators is the fault of a tree past its limit.
func tooManyOperators(n Node, pos sql.Pos) *sql.Fault {
	if operators(n, maxOperators) < maxOperators {
		return nil
	}
	return &sql.Fault{Pos: pos, Message: fmt.Sprintf("the query comes to more than %d operators, views included", maxOperators),
		Hint: "write a view that is read often into a table"}
}

// nodes counts the nodes of an expression, as far as limit.
func nodes(n *expr.Node, limit int) int {
	count := 1
	for _, a := range n.Args {
		if count += nodes(a, limit-count); count >= limit {
			return limit
		}
	}
	return count
}

// tooLong is the fault of an expression past its limit.
func tooLong(n *expr.Node, pos sql.Pos) *sql.Fault {
	if n == nil || nodes(n, maxExpression) < maxExpression {
		return nil
	}
	return longExpression(pos)
}

func longExpression(pos sql.Pos) *sql.Fault {
	return &sql.Fault{Pos: pos, Message: fmt.Sprintf("an expression comes to more than %d parts when its aliases are spelled out", maxExpression),
		Hint: "write it into a table on the way"}
}

// folded is how many nodes the expressions of each column have when all projections below are folded
// into them, as StreamOps does; ok is false past the limit.
func folded(n Node) (sizes []float64, ok bool) {
	inputs := n.Inputs()
	if len(inputs) == 0 {
		if s, isScan := n.(*Scan); isScan && s.Stream && s.Dataset.KeepsRows() && len(s.Dataset.Flows) == 1 {
			return folded(s.Dataset.Flows[0].Root)
		}
		for range n.Columns() {
			sizes = append(sizes, 1)
		}
		return sizes, true
	}
	for _, in := range inputs {
		below, ok := folded(in)
		if !ok {
			return nil, false
		}
		sizes = append(sizes, below...)
	}
	within := true
	eachExpr(n, func(e *expr.Node) { within = within && foldedSize(e, sizes) < maxExpression })
	if !within {
		return nil, false
	}
	if p, isProject := n.(*Project); isProject {
		out := make([]float64, len(p.Exprs))
		for i, e := range p.Exprs {
			out[i] = foldedSize(e, sizes)
		}
		return out, true
	}
	for len(sizes) < len(n.Columns()) {
		sizes = append(sizes, 1)
	}
	return sizes[:len(n.Columns())], true
}

func foldedSize(e *expr.Node, below []float64) float64 {
	total := 0.0
	e.Walk(func(m *expr.Node) {
		if m.Op == expr.OpColumn && m.Index < len(below) {
			total += below[m.Index]
		} else {
			total++
		}
	})
	return total
}
