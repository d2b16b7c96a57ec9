package agg

import (
	"encoding/binary"

	"github.com/nagare-stream/nagare/engine/column"
)

// sumDecimal is sum of DECIMAL, exact: whether it overflows depends on the sum alone.
type sumDecimal struct {
	acc    []wide
	seen   []bool
	digits int // of the result
	try    bool
}

func (a *sumDecimal) Grow(slots int) { a.acc, a.seen = extend(a.acc, slots), extend(a.seen, slots) }

func (a *sumDecimal) Update(slots, rows []uint32, in *column.Vector) {
	for i, s := range slots {
		if r := rows[i]; !isNull(in.Null, r) {
			a.acc[s].add(in.Hi[r], in.Int[r])
			a.seen[s] = true
		}
	}
}

func (a *sumDecimal) Merge(dst uint32, from Aggregate, src uint32) {
	f := from.(*sumDecimal)
	a.acc[dst].addWide(f.acc[src])
	a.seen[dst] = a.seen[dst] || f.seen[src]
}

func (a *sumDecimal) Result(dst *column.Vector, slots []uint32) {
	for _, s := range slots {
		hi, lo, ok := a.acc[s].fits(a.digits)
		if !ok || !a.seen[s] {
			dst.AppendNull()
			continue
		}
		dst.AppendDecimal(hi, lo)
	}
}

func (a *sumDecimal) Failed(slot uint32) string {
	if _, _, ok := a.acc[slot].fits(a.digits); ok || a.try {
		return ""
	}
	return ArithmeticOverflow
}

func (a *sumDecimal) Reset(slot uint32) { a.acc[slot], a.seen[slot] = wide{}, false }

func (a *sumDecimal) Clear(release bool) {
	a.acc, a.seen = cleared(a.acc, release), cleared(a.seen, release)
}

func (a *sumDecimal) Size() int64 { return int64(cap(a.acc))*24 + int64(cap(a.seen)) }

func (a *sumDecimal) AppendState(dst []byte, slot uint32) []byte {
	if !a.seen[slot] {
		return dst
	}
	return appendWide(dst, a.acc[slot])
}

func (a *sumDecimal) SetState(slot uint32, src []byte) error {
	a.Reset(slot)
	if len(src) == 0 {
		return nil
	}
	w, rest, err := readWide(src)
	a.acc[slot], a.seen[slot] = w, true
	return stateError("sum", rest, err)
}

// appendWide writes the low word as varint, then the two others unless they are its sign.
func appendWide(dst []byte, w wide) []byte {
	dst = binary.AppendVarint(dst, int64(w[0]))
	sign := uint64(int64(w[0]) >> 63)
	if w[1] == sign && w[2] == sign {
		return append(dst, 0)
	}
	dst = append(dst, 1)
	dst = binary.AppendVarint(dst, int64(w[1]))
	return binary.AppendVarint(dst, int64(w[2]))
}

func readWide(src []byte) (w wide, rest []byte, err error) {
	lo, rest, err := readVarint(src)
	if err != nil {
		return w, nil, err
	}
	if len(rest) == 0 {
		return w, nil, errShort
	}
	more := rest[0]
	rest = rest[1:]
	sign := uint64(lo >> 63)
	w = wide{uint64(lo), sign, sign}
	if more == 0 {
		return w, rest, nil
	}
	if more != 1 {
		return w, nil, errValue
	}
	for i := 1; i < 3; i++ {
		var x int64
		if x, rest, err = readVarint(rest); err != nil {
			return w, nil, err
		}
		w[i] = uint64(x)
	}
	return w, rest, nil
}
