package plan

import "slices"

// KeepsRows reports a streaming table whose rows are those of its input one for one: it is a topic
// of its own, and reading it as a stream is the same as running its query.
func (d *Dataset) KeepsRows() bool {
	if d.Kind != StreamingTable || len(d.Flows) == 0 {
		return false
	}
	for _, f := range d.Flows {
		if readsWindows(f.Root) {
			return false
		}
	}
	return true
}

// readsWindows reports whether rows of n come out of windows or of a join of streams.
func readsWindows(n Node) bool {
	switch n := n.(type) {
	case *Aggregate, *Distinct:
		return true
	case *Join:
		if streams(n.Left) && streams(n.Right) {
			return true
		}
		return streams(n.Left) && readsWindows(n.Left) || streams(n.Right) && readsWindows(n.Right)
	case *Scan:
		return n.Dataset.Kind == StreamingTable && !n.Dataset.KeepsRows()
	}
	return slices.ContainsFunc(n.Inputs(), readsWindows)
}

// HasTopic reports a streaming table whose rows are in a topic of its name, be they those of its input, of a join or of
// another table's windows one for one. The rows of its own groups are in the store. A flow that cannot run has no rows.
func (d *Dataset) HasTopic() bool {
	ops, _ := (&Pipeline{Datasets: []*Dataset{d}}).StreamOps()
	return slices.ContainsFunc(ops, func(o *StreamOp) bool { return o.Table == d && !o.Windowed() })
}
