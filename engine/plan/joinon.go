package plan

import (
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/sql"
)

func hasSubquery(e sql.Expr) bool {
	found := false
	sql.Walk(e, func(e sql.Expr) {
		switch e := e.(type) {
		case *sql.ScalarQuery, *sql.Exists:
			found = true
		case *sql.In:
			found = found || e.Query != nil
		}
	})
	return found
}

// conditionsOf takes a AND b apart.
func conditionsOf(e sql.Expr) []sql.Expr {
	if and, is := e.(*sql.Binary); is && and.Op == "AND" {
		return append(conditionsOf(and.Left), conditionsOf(and.Right)...)
	}
	return []sql.Expr{e}
}

// joinOnSubqueries binds a join whose condition holds subqueries. What holds none stays the join's condition. Of an
// inner join the others are conditions on its rows; of another one each has to be about the columns of one side,
// where it becomes a column.
func (b *binder) joinOnSubqueries(j *sql.Join, left, right bound, both []scopeColumn) (bound, bool) {
	if j.Kind != "INNER" && j.Kind != "CROSS" {
		return b.outerOnSubqueries(j, left, right)
	}
	node := &Join{Kind: "CROSS", Left: left.node, Right: right.node, Cols: joinColumns("CROSS", left.node, right.node)}
	s := &selecting{b: b, body: &sql.SelectBody{}, in: node, from: scope{cols: both, outer: b.around}, aggBy: map[string]int{}, binding: map[int]bool{}}
	width := len(node.Cols)
	var above *expr.Node
	for _, e := range conditionsOf(j.On) {
		on, ok := b.condition(s.binder(), e, "JOIN ON")
		if !ok {
			return bound{}, false
		}
		if uses(on, width, outerBase) {
			above = and(above, on)
		} else {
			node.Kind, node.On = "INNER", and(node.On, on)
		}
	}
	kept := &Project{In: &Filter{In: s.in, Pred: above}, Exprs: nodeColumns(node), Cols: node.Cols}
	return bound{kept, both}, true
}

// outerOnSubqueries is joinOnSubqueries where rows without a partner matter.
func (b *binder) outerOnSubqueries(j *sql.Join, left, right bound) (bound, bool) {
	sides := []*selecting{}
	for _, side := range []bound{left, right} {
		sides = append(sides, &selecting{b: b, body: &sql.SelectBody{}, in: side.node, from: scope{cols: side.cols, outer: b.around}, aggBy: map[string]int{}, binding: map[int]bool{}})
	}
	type condition struct {
		node *expr.Node
		side int
	}
	var about []condition
	var plain []sql.Expr
	for _, e := range conditionsOf(j.On) {
		if !hasSubquery(e) {
			plain = append(plain, e)
			continue
		}
		found := false
		for i := len(sides) - 1; i >= 0 && !found; i-- {
			before, in := len(b.r.faults), sides[i].in
			n, faults := sides[i].binder().BindPredicate(e)
			if found = len(faults) == 0; found {
				about = append(about, condition{n, i})
				continue
			}
			sides[i].in = in
			b.r.faults = b.r.faults[:before]
		}
		if !found {
			b.fault(*notYet(e.Position(), "a subquery in ON of a "+j.Kind+" JOIN that is not about the columns of one side"))
			return bound{}, false
		}
	}
	l, r := sides[0].in, sides[1].in
	wide := len(l.Columns())
	node := &Join{Kind: j.Kind, Left: l, Right: r, Cols: joinColumns(j.Kind, l, r)}
	moved := make([]scopeColumn, len(right.cols))
	for i, c := range right.cols {
		c.node = shifted(c.node, wide)
		moved[i] = c
	}
	cols := append(append([]scopeColumn{}, left.cols...), moved...)
	for _, c := range about {
		n := c.node
		if c.side == 1 {
			n = shifted(n, wide)
		}
		node.On = and(node.On, n)
	}
	for _, e := range plain {
		on, ok := b.condition(b.session.binder(&scope{cols: cols, outer: b.around}), e, "JOIN ON")
		if !ok {
			return bound{}, false
		}
		node.On = and(node.On, on)
	}
	if j.Kind == "LEFT SEMI" || j.Kind == "LEFT ANTI" {
		width := len(left.node.Columns())
		return bound{&Project{In: node, Exprs: nodeColumns(node)[:width], Cols: node.Cols[:width:width]}, left.cols}, true
	}
	return bound{node, cols}, true
}
