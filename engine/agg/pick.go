package agg

import "github.com/nagare-stream/nagare/engine/column"

// pick is first(x) and last(x), any_value too, which takes the first. A NULL is a value like any
// other unless it is told to ignore NULLs.
type pick struct {
	cell        cells
	last        bool
	ignoreNulls bool
}

func (a *pick) Grow(slots int) { a.cell.grow(slots) }

func (a *pick) Update(slots, rows []uint32, in *column.Vector) {
	void := in.Type.Kind == column.Void
	for i, s := range slots {
		if a.cell.fill[s] != cellEmpty && !a.last {
			continue
		}
		if r := rows[i]; !a.ignoreNulls || !void && !isNull(in.Null, r) {
			a.cell.set(s, in, r)
		}
	}
}

func (a *pick) Merge(dst uint32, from Aggregate, src uint32) {
	f := from.(*pick)
	if f.cell.fill[src] != cellEmpty && (a.last || a.cell.fill[dst] == cellEmpty) {
		a.cell.take(dst, &f.cell, src)
	}
}

func (a *pick) Result(dst *column.Vector, slots []uint32) {
	for _, s := range slots {
		a.cell.appendTo(dst, s)
	}
}

func (a *pick) Reset(slot uint32)  { a.cell.fill[slot] = cellEmpty }
func (a *pick) Clear(release bool) { a.cell.clear(release) }
func (a *pick) Size() int64        { return a.cell.size() }

func (a *pick) AppendState(dst []byte, slot uint32) []byte { return a.cell.appendState(dst, slot) }

func (a *pick) SetState(slot uint32, src []byte) error {
	return stateError("first or last", nil, a.cell.setState(slot, src))
}
