package plan

import (
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/sql"
)

// withInner appends operators, each behind those of the aggregates in it.
func withInner(ops, list []*StreamOp) []*StreamOp {
	for _, op := range list {
		ops = append(withInner(ops, op.Inner), op)
	}
	return ops
}

// grouped is the fault of an aggregate whose rows cannot be grouped once more in the same query.
func grouped(at sql.Pos, what string) *sql.Fault {
	f := notYet(at, what)
	f.Hint = "write the inner query into a streaming table, and read that one as a stream"
	return f
}

// within says what there is inside the operator's query.
func (o *StreamOp) within() string {
	if o.Inner[0].Joined() {
		return "a join"
	}
	return "an aggregate of an aggregate"
}

// within makes an operator over the rows of an aggregate in its own query.
func within(list []*StreamOp, n Node, at sql.Pos) ([]*StreamOp, *sql.Fault) {
	if list[0].Parts != len(list) && len(list) > 1 {
		return nil, grouped(at, "an aggregate of UNION ALL of aggregates")
	}
	d := &Dataset{Kind: StreamingTable, Schema: schemaOf(n), EventTime: -1, Flows: []*Flow{{Root: n, Pos: at}}}
	for _, op := range list {
		op.Table = d
	}
	op := &StreamOp{From: d, Cols: n.Columns(), Inner: list}
	for i, c := range op.Cols {
		op.Out = append(op.Out, expr.Col(i, c.Name, c.Type))
	}
	return []*StreamOp{op}, nil
}

// union puts operators behind others that give the same columns.
func union(left, right []*StreamOp, cols []Column) []*StreamOp {
	all := append(left[:len(left):len(left)], right...)
	for _, op := range all {
		op.Cols = cols
	}
	return all
}

// join makes operators that group the rows of several streams the parts of one.
func join(list []*StreamOp, at sql.Pos) *sql.Fault {
	for i, op := range list {
		if op.From.Kind == StreamingTable {
			return notYet(at, "grouping the rows of windows together with those of another stream")
		}
		op.Head, op.Part, op.Parts = list[0], i, len(list)
	}
	return nil
}
