package dataflow

import (
	"slices"

	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/plan"
)

// ValueFields returns the top-level fields that the streaming queries of a pipeline read from the JSON values
// of each topic, with the types as which they are read, each once. A pipeline with faults has none.
func ValueFields(p *plan.Pipeline) map[string]map[string][]column.Type {
	all := map[string]map[string][]column.Type{}
	ops, faults := p.StreamOps()
	if len(faults) > 0 {
		return all
	}
	for _, op := range ops {
		note := func(f column.Field) {
			for _, topic := range op.From.Topics {
				if all[topic] == nil {
					all[topic] = map[string][]column.Type{}
				}
				types := all[topic][f.Name]
				if !slices.ContainsFunc(types, func(t column.Type) bool { return t.String() == f.Type.String() }) {
					all[topic][f.Name] = append(types, f.Type)
				}
			}
		}
		if op.From.Kind != plan.SourceTopic {
			continue
		}
		for _, n := range Expressions(op) {
			noteFields(n, note)
		}
	}
	return all
}

// Expressions is all expressions of an operator over the columns of what it scans.
func Expressions(op *plan.StreamOp) []*expr.Node {
	all := append(slices.Concat(op.Pre, op.Post), op.Time)
	for i := range op.Explosions {
		all = append(all, op.Explosions[i].Exprs()...)
	}
	if op.Agg == nil {
		return slices.Concat(all, op.Out, op.Keys)
	}
	all = append(append(all, op.Agg.Keys...), op.Agg.Window.Gap)
	for _, call := range op.Agg.Aggs {
		all = append(all, call.Arg, call.Filter)
	}
	return all
}

// noteFields finds the fields of from_json over the record's value: of those that are picked the field, else
// the whole struct.
func noteFields(n *expr.Node, note func(column.Field)) {
	if n == nil {
		return
	}
	if name, ok := jsonField(n); ok {
		note(column.Field{Name: name, Type: n.Type})
		return
	}
	if n.Op == expr.OpCall && n.Func == "from_json" && n.Type.Kind == column.Struct {
		for _, f := range n.Type.Fields {
			note(f)
		}
	}
	for _, a := range n.Args {
		noteFields(a, note)
	}
}
