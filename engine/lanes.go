package engine

import (
	"github.com/nagare-stream/nagare/engine/dataflow"
	"github.com/nagare-stream/nagare/engine/plan"
)

// numberFlows gives each operator its place among those that write the same table or sink.
func (e *Engine) numberFlows() {
	bySink := map[*plan.SinkDef][]*dataflow.Operator{}
	for _, op := range e.ops {
		op.Flows = 1
		if op.Table != nil && op.IsHead() {
			e.byTable[op.Table.Name] = append(e.byTable[op.Table.Name], op)
		}
		if op.Sink != nil && op.IsHead() {
			bySink[op.Sink] = append(bySink[op.Sink], op)
		}
	}
	number := func(ops []*dataflow.Operator) {
		for i, head := range ops {
			for _, op := range head.All() {
				op.Flow, op.Flows = i, len(ops)
			}
		}
	}
	for _, ops := range e.byTable {
		number(ops)
	}
	for _, ops := range bySink {
		number(ops)
	}
}

// lanesOf is how many lanes the partitions of topics take, empty ones included.
func (e *Engine) lanesOf(topics []string) int {
	most := 0
	for _, topic := range topics {
		most = max(most, e.partitionsOf[topic])
	}
	return most * len(topics)
}

// lanesInto is how many lanes a windowed operator over topics reads, those of all its parts.
func (e *Engine) lanesInto(op *dataflow.Operator) int {
	n := 0
	for _, part := range op.All() {
		n = max(n, e.lanesOf(part.From.Topics)*max(1, part.Parts))
	}
	return n
}

// lanes is in how many numbered sequences an operator gives rows: one for each lane of its
// topics, one for a windowed one, and those of the table that it reads for others. The flows of a table
// take the partitions of its log in turn, so that each has its own numbers, however the topics grow.
func (e *Engine) lanes(op *dataflow.Operator) int {
	n := 1
	switch {
	case op.Windowed():
	case op.From.Kind == plan.StreamingTable:
		for _, from := range e.byTable[op.From.Name] {
			n = max(n, e.lanes(from))
		}
	default:
		n = e.lanesOf(op.From.Topics)
	}
	return n * op.Flows
}
