package expr

import "github.com/nagare-stream/nagare/engine/column"

// fold replaces constant parts of n by their values. A part that fails stays as it is, so that the
// failure comes when, and only if, a row needs it; so does one whose value is large, though what is
// computed from it can be small.
func (b *binding) fold(n *Node) *Node {
	large := map[*Node]int{} // constant parts that are not values, with how many lie in one another
	return n.Rewrite(func(m *Node) *Node {
		switch m.Op {
		case OpColumn, OpConst:
			return m
		case OpCall:
			if m.Func == varFunc {
				return m
			}
			if fn := lookup(m.Func); fn == nil || fn.perQuery || fn.lambda != nil {
				return m
			}
		}
		deep := 0
		for _, a := range m.Args {
			if a.Op != OpConst && large[a] == 0 {
				return m
			}
			deep = max(deep, large[a])
		}
		value, isLarge := evaluate(m, Env{Zone: b.zone()})
		if isLarge && deep < foldedDepth {
			large[value] = deep + 1
		}
		return value
	})
}

// Limits of what is computed while an expression is bound: what needs more is left to the rows.
const (
	foldBytes   = 64 << 20
	foldWork    = 2_000_000
	foldedBytes = 64 << 10 // of a value, which the expression keeps and repeats for each row
	foldedDepth = 8        // of large parts, each of which is computed again for the next
)

// evaluate computes a node without columns, or returns it where that fails, needs the time, or is too much;
// isLarge: all is well but for the size of the value.
func evaluate(n *Node, env Env) (value *Node, isLarge bool) {
	e, err := Compile(n, env)
	if err != nil {
		return n, false
	}
	var errs RowErrors
	one := &column.Batch{Schema: &column.Schema{}, Len: 1}
	v, _, err := e.RunWithin(Room{Bytes: foldBytes, Work: foldWork}, one, []uint32{0}, &errs)
	if err != nil || len(errs.Rows) > 0 || *e.exec.sawNow {
		return n, false
	}
	if n.Type.Kind != column.Void && v.SizeOf(0, 1) > foldedBytes {
		return n, true
	}
	kept := &column.Vector{}
	kept.Reset(n.Type)
	if n.Type.Kind == column.Void {
		kept.SetNull(0)
	} else {
		kept.AppendFrom(v, 0)
	}
	return &Node{Op: OpConst, Type: n.Type, Const: kept, Pos: n.Pos, Name: n.Name}, false
}
