package agg

import "github.com/nagare-stream/nagare/engine/column"

// extremeAny is min and max of the other orderable types: decimals, structs, arrays.
type extremeAny struct {
	cells
	sign int // 1: min; -1: max
}

func (a *extremeAny) Grow(slots int) { a.grow(slots) }

func (a *extremeAny) Update(slots, rows []uint32, in *column.Vector) {
	for i, s := range slots {
		if r := rows[i]; !isNull(in.Null, r) {
			a.offer(s, in, r)
		}
	}
}

func (a *extremeAny) offer(slot uint32, in *column.Vector, row uint32) {
	if !a.seen[slot] || compareAt(in, row, &a.x[slot], 0) == -a.sign {
		a.set(slot, in, row)
	}
}

func (a *extremeAny) Merge(dst uint32, from Aggregate, src uint32) {
	if f := from.(*extremeAny); f.seen[src] {
		a.offer(dst, &f.x[src], 0)
	}
}

func (a *extremeAny) Result(dst *column.Vector, slots []uint32) {
	for _, s := range slots {
		a.appendTo(dst, s)
	}
}

func (a *extremeAny) Reset(slot uint32)  { a.seen[slot] = false }
func (a *extremeAny) Clear(release bool) { a.clear(release) }
func (a *extremeAny) Size() int64        { return a.size() }

func (a *extremeAny) AppendState(dst []byte, slot uint32) []byte { return a.appendState(dst, slot) }

func (a *extremeAny) SetState(slot uint32, src []byte) error {
	rest, err := a.setState(slot, src)
	return stateError("min or max", rest, err)
}
