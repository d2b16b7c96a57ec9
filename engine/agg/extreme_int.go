package agg

import (
	"encoding/binary"

	"github.com/nagare-stream/nagare/engine/column"
)

// extremeInt is min and max of what lies in Vector.Int, decimals excepted; bool_and and bool_or
// too, which are the least and the greatest of booleans.
type extremeInt struct {
	x    []int64 // the extreme, XORed with flip
	seen []bool
	flip int64 // min: 0; max: -1, which turns the order round
}

func (a *extremeInt) Grow(slots int) { a.x, a.seen = extend(a.x, slots), extend(a.seen, slots) }

func (a *extremeInt) Update(slots, rows []uint32, in *column.Vector) {
	for i, s := range slots {
		r := rows[i]
		if in.Null != nil && isNull(in.Null, r) {
			continue
		}
		if y := in.Int[r] ^ a.flip; !a.seen[s] || y < a.x[s] {
			a.x[s], a.seen[s] = y, true
		}
	}
}

func (a *extremeInt) Merge(dst uint32, from Aggregate, src uint32) {
	f := from.(*extremeInt)
	if f.seen[src] && (!a.seen[dst] || f.x[src] < a.x[dst]) {
		a.x[dst], a.seen[dst] = f.x[src], true
	}
}

func (a *extremeInt) Result(dst *column.Vector, slots []uint32) {
	for _, s := range slots {
		if !a.seen[s] {
			dst.AppendNull()
			continue
		}
		dst.AppendInt(a.x[s] ^ a.flip)
	}
}

func (a *extremeInt) Reset(slot uint32) { a.x[slot], a.seen[slot] = 0, false }

func (a *extremeInt) Clear(release bool) {
	a.x, a.seen = cleared(a.x, release), cleared(a.seen, release)
}

func (a *extremeInt) Size() int64 { return int64(cap(a.x))*8 + int64(cap(a.seen)) }

func (a *extremeInt) AppendState(dst []byte, slot uint32) []byte {
	if !a.seen[slot] {
		return dst
	}
	return binary.AppendVarint(dst, a.x[slot]^a.flip)
}

func (a *extremeInt) SetState(slot uint32, src []byte) error {
	a.Reset(slot)
	if len(src) == 0 {
		return nil
	}
	x, rest, err := readVarint(src)
	a.x[slot], a.seen[slot] = x^a.flip, true
	return stateError("min or max", rest, err)
}
