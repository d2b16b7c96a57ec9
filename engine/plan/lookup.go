package plan

import (
	"fmt"

	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/sql"
)

// lookupKind is the Kind of a join whose stream stands on the left, or on the right.
func lookupKind(kind string) string {
	switch kind {
	case "CROSS":
		return "INNER"
	case "RIGHT":
		return "LEFT"
	}
	return kind
}

// lookup puts a join with a table behind what there is.
func (o *StreamOp) lookup(n *Join) {
	streamLeft := streams(n.Left)
	table, shift := n.Right, len(n.Left.Columns())
	on := n.On
	if !streamLeft {
		table = n.Left
		on = swapped(on, shift, len(n.Right.Columns()))
		shift = len(n.Right.Columns())
	}
	l := &Lookup{Kind: lookupKind(n.Kind), Table: inlined(table)}
	equal, rest := Equalities(on, shift)
	if l.Kind == JoinMark && (len(rest) > 0 || len(equal) > 1) {
		rest = []*expr.Node{on}
	}
	x := Explosion{Join: l, Outer: l.Kind == "LEFT"}
	made := o.nextMade()
	columns := append([]*expr.Node{}, o.Out...)
	for i, c := range table.Columns() {
		columns = append(columns, expr.Col(made+i, c.Name, c.Type))
	}
	for _, e := range equal {
		e.Left = e.Left.Substitute(o.Out)
		l.Equal = append(l.Equal, e)
	}
	var above []*expr.Node
	for _, c := range rest {
		if c.Op == expr.OpConst && !c.Const.IsNull(0) && c.Const.Int[0] != 0 {
			continue // ON true
		}
		switch sides(c, shift) {
		case rightSide:
			if l.Kind != JoinMark {
				l.Table = &Filter{In: l.Table, Pred: shifted(c, -shift)}
				continue
			}
		case leftSide, 0:
			if l.Kind == "INNER" {
				above = append(above, c.Substitute(columns))
				continue
			}
		}
		l.On = and(l.On, c.Substitute(columns))
	}
	o.place(&x, above)
	switch l.Kind {
	case "LEFT SEMI", "LEFT ANTI":
	case JoinMark:
		mark := n.Cols[len(n.Cols)-1]
		x.Types = append(x.Types, mark.Type)
		o.Out = append(o.Out[:len(o.Out):len(o.Out)], expr.Col(made, mark.Name, mark.Type))
	default:
		stream := o.Out
		o.Out = nil
		other := columns[len(stream):]
		if streamLeft {
			o.Out = append(append(o.Out, stream...), other...)
		} else {
			o.Out = append(append(o.Out, other...), stream...)
		}
		for _, c := range table.Columns() {
			x.Types = append(x.Types, c.Type)
		}
	}
	o.Explosions = append(o.Explosions, x)
	o.Cols = n.Cols
}

// nextMade is the number of the first column that one more explosion makes.
func (o *StreamOp) nextMade() int {
	made := MadeBase
	for _, x := range o.Explosions {
		made += len(x.Types)
	}
	return made
}

// place takes the filters that stand before an explosion, and others, into it.
func (o *StreamOp) place(x *Explosion, others []*expr.Node) {
	if o.HasTime {
		x.Where, o.Post = append(o.Post[:len(o.Post):len(o.Post)], others...), nil
	} else {
		x.Where, o.Pre = append(o.Pre[:len(o.Pre):len(o.Pre)], others...), nil
		o.Below = len(o.Explosions) + 1
	}
}

// swapped numbers the columns of a condition over two sides as if the sides changed places.
func swapped(on *expr.Node, left, right int) *expr.Node {
	if on == nil {
		return nil
	}
	return on.Rewrite(func(m *expr.Node) *expr.Node {
		switch {
		case m.Op != expr.OpColumn:
		case m.Index < left:
			m.Index += right
		default:
			m.Index -= left
		}
		return m
	})
}

// into takes a filter that stands right behind a join into the join, as far as it can be: a comma between relations has
// its condition there. It returns what is left of it.
func (o *StreamOp) into(pred *expr.Node) *expr.Node {
	last := len(o.Explosions) - 1
	if last < 0 || o.Agg != nil || o.Explosions[last].Join == nil || o.Explosions[last].Join.Kind != "INNER" ||
		o.HasTime && (len(o.Post) > 0 || o.Below > last) || !o.HasTime && len(o.Pre) > 0 {
		return pred
	}
	x := &o.Explosions[last]
	j := *x.Join
	made := o.nextMade() - len(x.Types)
	if len(x.Types) == 0 {
		return pred
	}
	var left []*expr.Node
	for _, c := range Conjuncts(pred) {
		if !uses(c, made, made+len(x.Types)) {
			x.Where = append(x.Where[:len(x.Where):len(x.Where)], c)
			continue
		}
		// Columns of the stream have any number below made: so there are the two sides.
		if e, is := asEquality(c, made); is {
			j.Equal = append(j.Equal[:len(j.Equal):len(j.Equal)], e)
			continue
		}
		left = append(left, c)
	}
	x.Join = &j
	return conjunction(left)
}

// constant finds what a table that a stream is joined with reads that can change; nil: nothing.
func constant(n Node) (changes *Scan, clock *expr.Node) {
	eachExpr(n, func(e *expr.Node) {
		if e.AsksClock() {
			clock = e
		}
	})
	if s, is := n.(*Scan); is {
		if s.Dataset.Kind != MaterializedView || len(s.Dataset.Flows) == 0 {
			return s, nil
		}
		return constant(s.Dataset.Flows[0].Root)
	}
	for _, in := range n.Inputs() {
		if changes != nil || clock != nil {
			break
		}
		changes, clock = constant(in)
	}
	return changes, clock
}

// notConstant is the fault of a stream that is joined with a table which can change; nil: it cannot.
func notConstant(table Node, at sql.Pos) *sql.Fault {
	changes, clock := constant(table)
	switch {
	case clock != nil:
		return &sql.Fault{Pos: at, Message: "a stream is joined with a table that goes by the clock: its rows would depend on when it is read",
			Hint: "leave current_timestamp() out of the table, and compare with it in the stream's own query, where it is the time at which the row came"}
	case changes != nil:
		f := notYet(at, fmt.Sprintf("a join of a stream with %q, whose rows change as the pipeline runs,", changes.Dataset.Name))
		f.Hint = "a stream's results must not depend on how far another table has come: join with VALUES or a view over them, or read both sides as streams, or join in a MATERIALIZED VIEW"
		return f
	}
	return nil
}
