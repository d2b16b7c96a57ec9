package expr

import "github.com/nagare-stream/nagare/engine/column"

// fold replaces constant parts of n by their values. A part that fails stays as it is, so that the
// failure comes when, and only if, a row needs it.
func (b *binding) fold(n *Node) *Node {
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
		for _, a := range m.Args {
			if a.Op != OpConst {
				return m
			}
		}
		return evaluate(m, Env{Zone: b.zone()})
	})
}

// evaluate computes a node without columns, or returns it where that fails or needs the time.
func evaluate(n *Node, env Env) *Node {
	e, err := Compile(n, env)
	if err != nil {
		return n
	}
	var errs RowErrors
	one := &column.Batch{Schema: &column.Schema{}, Len: 1}
	v := e.Run(one, []uint32{0}, &errs)
	if len(errs.Rows) > 0 || *e.exec.sawNow {
		return n
	}
	value := &column.Vector{}
	value.Reset(n.Type)
	if n.Type.Kind == column.Void {
		value.SetNull(0)
	} else {
		value.AppendFrom(v, 0)
	}
	return &Node{Op: OpConst, Type: n.Type, Const: value, Pos: n.Pos, Name: n.Name}
}
