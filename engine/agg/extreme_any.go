package agg

import "github.com/nagare-stream/nagare/engine/column"

// extremeAny is min and max of structs and arrays.
type extremeAny struct {
	best cells
	sign int // 1: min; -1: max
}

func (a *extremeAny) Grow(slots int) { a.best.grow(slots) }

func (a *extremeAny) Update(slots, rows []uint32, in *column.Vector) {
	for i, s := range slots {
		if r := rows[i]; !isNull(in.Null, r) {
			a.offer(s, in, r)
		}
	}
}

func (a *extremeAny) offer(slot uint32, in *column.Vector, row uint32) {
	if a.best.fill[slot] == cellEmpty || a.best.compare(in, row, slot) == -a.sign {
		a.best.set(slot, in, row)
	}
}

func (a *extremeAny) Merge(dst uint32, from Aggregate, src uint32) {
	if f := from.(*extremeAny); f.best.fill[src] != cellEmpty {
		f.best.load(src)
		a.offer(dst, &f.best.parsed, 0)
	}
}

func (a *extremeAny) Result(dst *column.Vector, slots []uint32) {
	for _, s := range slots {
		a.best.appendTo(dst, s)
	}
}

func (a *extremeAny) Reset(slot uint32)  { a.best.fill[slot] = cellEmpty }
func (a *extremeAny) Clear(release bool) { a.best.clear(release) }
func (a *extremeAny) Size() int64        { return a.best.size() }

func (a *extremeAny) AppendState(dst []byte, slot uint32) []byte {
	return a.best.appendState(dst, slot)
}

func (a *extremeAny) SetState(slot uint32, src []byte) error {
	return stateError("min or max", nil, a.best.setState(slot, src))
}
