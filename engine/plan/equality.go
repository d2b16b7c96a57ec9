package plan

import "github.com/nagare-stream/nagare/engine/expr"

// An Equality is one a = b of a join's condition, a over the left columns and b over the right ones, each numbered from 0.
type Equality struct {
	Left, Right *expr.Node
	NullSafe    bool // <=>
}

// Equalities takes a join's condition apart, whose right columns are numbered from shift on: what compares a value of
// either side for equality, and the rest. A nil condition has neither.
func Equalities(on *expr.Node, shift int) (equal []Equality, rest []*expr.Node) {
	if on == nil {
		return nil, nil
	}
	for _, c := range Conjuncts(on) {
		if e, is := asEquality(c, shift); is {
			equal = append(equal, e)
		} else {
			rest = append(rest, c)
		}
	}
	return equal, rest
}

// Sides of a join, as a set.
const (
	leftSide = 1 << iota
	rightSide
)

// sides tells whose columns an expression uses.
func sides(n *expr.Node, shift int) int {
	s := 0
	n.Walk(func(m *expr.Node) {
		switch {
		case m.Op != expr.OpColumn:
		case m.Index < shift:
			s |= leftSide
		default:
			s |= rightSide
		}
	})
	return s
}

func asEquality(n *expr.Node, shift int) (Equality, bool) {
	if n.Op != expr.OpCall || n.Func != "=" && n.Func != "<=>" {
		return Equality{}, false
	}
	a, b := n.Args[0], n.Args[1]
	if sides(a, shift) == rightSide && sides(b, shift) == leftSide {
		a, b = b, a
	}
	if sides(a, shift) != leftSide || sides(b, shift) != rightSide || !a.Type.Equal(b.Type) {
		return Equality{}, false
	}
	return Equality{Left: a, Right: shifted(b, -shift), NullSafe: n.Func == "<=>"}, true
}

// conjunction joins predicates; of none it is nil.
func conjunction(list []*expr.Node) *expr.Node {
	var all *expr.Node
	for _, p := range list {
		all = and(all, p)
	}
	return all
}
