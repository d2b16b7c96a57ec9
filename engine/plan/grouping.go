package plan

import (
	"fmt"
	"slices"

	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/sql"
)

// expand makes ROLLUP, CUBE and their like a plain grouping: an explosion makes a row for each set of keys, with NULLs
// for those that the set leaves out and the set's grouping id behind, by which rows are grouped too. The aggregate
// that it returns is over those rows; its columns are the keys, the grouping id, and the aggregates. A set without the
// window never comes to an end, and no row of it comes out, as on Spark: it is left out.
func (o *StreamOp) expand(n *Aggregate, at sql.Pos) (*Aggregate, *sql.Fault) {
	made := &assembly{pos: at}
	var structs []sql.Expr
	for place, set := range n.Grouping {
		if !slices.Contains(set, n.WindowKey) {
			continue
		}
		var fields []sql.Expr
		id := int64(0)
		for i, key := range n.Keys {
			if i == n.WindowKey {
				continue
			}
			if !slices.Contains(set, i) {
				id |= 1 << (len(n.Keys) - 1 - i)
				key = &expr.Node{Op: expr.OpConst, Type: key.Type, Const: nullOf(key.Type)}
			}
			fields = append(fields, made.text(fmt.Sprintf("key%d", i)), made.name(key))
		}
		fields = append(fields, made.text("id"), made.name(bigint(id)), made.text("place"), made.name(bigint(int64(place))))
		structs = append(structs, made.call("named_struct", fields...))
	}
	if len(structs) == 0 {
		return nil, &sql.Fault{Pos: at, Class: needsWatermark, Message: "no set of keys holds the window: the groups never come to an end", Hint: "write the window into the sets"}
	}
	rows, fault := made.bind(made.call("array", structs...))
	if fault != nil {
		return nil, fault
	}
	in := n.In.Columns()
	x := &Explode{In: n.In, Rows: rows, Fields: true, Cols: slices.Clone(in)}
	for _, f := range rows.Type.Elem.Fields {
		x.Cols = append(x.Cols, Column{Name: f.Name, Type: f.Type})
	}
	if fault := o.explode(x, at); fault != nil {
		return nil, fault
	}
	a := *n
	a.In, a.Grouping, a.Keys = x, nil, slices.Clone(n.Keys)
	next := len(in)
	for i, key := range a.Keys {
		if i != n.WindowKey {
			a.Keys[i] = expr.Col(next, key.Name, key.Type)
			next++
		}
	}
	keys := len(n.Keys)
	a.Keys = append(a.Keys, expr.Col(next, "grouping_id", column.Of(column.Int64)), expr.Col(next+1, "place", column.Of(column.Int64)))
	a.Cols = slices.Concat(n.Cols[:keys], []Column{n.Cols[len(n.Cols)-1], {Name: "place", Type: column.Of(column.Int64)}}, n.Cols[keys:len(n.Cols)-1])
	return &a, nil
}

func bigint(x int64) *expr.Node {
	v := &column.Vector{}
	v.Reset(column.Of(column.Int64))
	v.AppendInt(x)
	return &expr.Node{Op: expr.OpConst, Type: v.Type, Const: v}
}

// regrouped is the columns of an aggregate with sets of keys, of those that expand's has.
func regrouped(n *Aggregate) (out []*expr.Node) {
	keys := len(n.Keys)
	for i, c := range n.Cols {
		switch {
		case i == len(n.Cols)-1:
			i = keys
		case i >= keys:
			i += 2
		}
		out = append(out, expr.Col(i, c.Name, c.Type))
	}
	return out
}
