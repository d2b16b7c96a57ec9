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

// HasTopic reports a streaming table whose rows are in a topic of its name: those of its input one for one, and those of
// a join. Rows of groups are in the store.
func (d *Dataset) HasTopic() bool {
	return d.Kind == StreamingTable && slices.ContainsFunc(d.Flows, func(f *Flow) bool { return !readsGroups(f.Root) })
}

// readsWindows reports whether rows of n come out of groups or of a join of streams.
func readsWindows(n Node) bool {
	switch n := n.(type) {
	case *Join:
		if streams(n.Left) && streams(n.Right) {
			return true
		}
	case *Scan:
		return n.Dataset.Kind == StreamingTable && !n.Dataset.KeepsRows()
	}
	return makesGroups(n) || slices.ContainsFunc(n.Inputs(), func(in Node) bool { return streams(in) && readsWindows(in) })
}

// readsGroups reports whether rows of n come out of groups.
func readsGroups(n Node) bool {
	if scan, ok := n.(*Scan); ok {
		return scan.Dataset.Kind == StreamingTable && !scan.Dataset.HasTopic()
	}
	return makesGroups(n) || slices.ContainsFunc(n.Inputs(), func(in Node) bool { return streams(in) && readsGroups(in) })
}

// makesGroups reports a node whose rows are groups.
func makesGroups(n Node) bool {
	switch n.(type) {
	case *Aggregate, *Distinct:
		return true
	}
	return false
}
