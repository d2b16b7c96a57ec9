package agg

import (
	"encoding/binary"

	"github.com/nagare-stream/nagare/engine/column"
)

// bitOp is bit_and, bit_or and bit_xor.
type bitOp struct {
	acc  []int64
	seen []bool
	op   byte // '&', '|', '^'
}

func (a *bitOp) Grow(slots int) { a.acc, a.seen = extend(a.acc, slots), extend(a.seen, slots) }

func (a *bitOp) Update(slots, rows []uint32, in *column.Vector) {
	for i, s := range slots {
		if r := rows[i]; !isNull(in.Null, r) {
			a.fold(s, in.Int[r])
		}
	}
}

func (a *bitOp) fold(slot uint32, x int64) {
	switch {
	case !a.seen[slot]:
		a.acc[slot], a.seen[slot] = x, true
	case a.op == '&':
		a.acc[slot] &= x
	case a.op == '|':
		a.acc[slot] |= x
	default:
		a.acc[slot] ^= x
	}
}

func (a *bitOp) Merge(dst uint32, from Aggregate, src uint32) {
	if f := from.(*bitOp); f.seen[src] {
		a.fold(dst, f.acc[src])
	}
}

func (a *bitOp) Result(dst *column.Vector, slots []uint32) {
	for _, s := range slots {
		if !a.seen[s] {
			dst.AppendNull()
			continue
		}
		dst.AppendInt(a.acc[s])
	}
}

func (a *bitOp) Reset(slot uint32) { a.acc[slot], a.seen[slot] = 0, false }

func (a *bitOp) Clear(release bool) {
	a.acc, a.seen = cleared(a.acc, release), cleared(a.seen, release)
}

func (a *bitOp) Size() int64 { return int64(cap(a.acc))*8 + int64(cap(a.seen)) }

func (a *bitOp) AppendState(dst []byte, slot uint32) []byte {
	if !a.seen[slot] {
		return dst
	}
	return binary.AppendVarint(dst, a.acc[slot])
}

func (a *bitOp) SetState(slot uint32, src []byte) error {
	a.Reset(slot)
	if len(src) == 0 {
		return nil
	}
	x, rest, err := readVarint(src)
	a.acc[slot], a.seen[slot] = x, true
	return stateError("bit_and, bit_or or bit_xor", rest, err)
}
