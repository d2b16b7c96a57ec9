package agg

import "github.com/nagare-stream/nagare/engine/column"

// countIf is count_if(condition): the rows in which it is true.
type countIf struct{ count }

func (a *countIf) Update(slots, rows []uint32, in *column.Vector) {
	if in.Type.Kind == column.Void {
		return
	}
	for i, s := range slots {
		if r := rows[i]; in.Int[r] != 0 && !isNull(in.Null, r) {
			a.n[s]++
		}
	}
}

func (a *countIf) Merge(dst uint32, from Aggregate, src uint32) {
	a.n[dst] += from.(*countIf).n[src]
}
