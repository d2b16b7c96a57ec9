package expr

import (
	"slices"

	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/sql"
)

// Functions that only nodes have: a variable of a lambda (Index: its number, Name), and a lambda
// (Args[0]: its body; Index: the number of its first variable). Numbers count from the outermost
// lambda, so that equal expressions have equal numbers.
const (
	varFunc    = "variable of a lambda"
	lambdaFunc = "lambda"
)

// variable is a parameter of a lambda in scope while it is bound, and its vector while it runs.
type variable struct {
	name  string
	typ   column.Type
	index int
	vec   *column.Vector
	level int // the depth of the exec whose rows vec has
}

func (v *variable) node(pos sql.Pos) *Node {
	return &Node{Op: OpCall, Func: varFunc, Type: v.typ, Name: v.name, Index: v.index, Pos: pos}
}

// variable finds a parameter in scope, the innermost first.
func (b *binding) variable(name string) *variable {
	for i := len(b.vars) - 1; i >= 0; i-- {
		if sameName(b.vars[i].name, name) {
			return b.vars[i]
		}
	}
	return nil
}

// variableStep reads a variable; inside a deeper lambda its values are repeated for each element.
type variableStep struct {
	v    *variable
	out  column.Vector
	rows []uint32
}

func (c *compiler) variable(n *Node) (step, error) {
	// The innermost of that number: the expression of a view counts its own from the same number on, and may be put
	// into the lambda of what reads it.
	for _, v := range slices.Backward(c.vars) {
		if v.index == n.Index {
			return &variableStep{v: v}, nil
		}
	}
	panic("BUG: a variable outside of its lambda: " + n.Name)
}

func (s *variableStep) eval(x *exec, sel []uint32) *column.Vector {
	if x.level == s.v.level {
		return s.v.vec
	}
	x.use.see(4 * int64(x.rows))
	s.rows = s.rows[:0]
	for i := 0; i < x.rows; i++ {
		s.rows = append(s.rows, uint32(i))
	}
	for at := x; at.level > s.v.level; at = at.outer {
		for i, row := range s.rows {
			if at.parent != nil {
				s.rows[i] = at.parent[row]
			}
		}
	}
	x.gather(&s.out, s.v.vec, sel, s.rows)
	return &s.out
}
