package agg

import "github.com/nagare-stream/nagare/engine/column"

// sumInt is sum of integers and intervals. Sums are kept in 128 bits, so that whether a sum
// overflows depends on its value alone, and not on the order or on the split into partial sums.
type sumInt struct {
	acc  []int128
	seen []bool // a value that is not NULL came
	kind column.Kind
	try  bool // try_sum: an overflow is NULL
}

func (a *sumInt) Grow(slots int) { a.acc, a.seen = extend(a.acc, slots), extend(a.seen, slots) }

func (a *sumInt) Update(slots, rows []uint32, in *column.Vector) {
	acc, seen, x := a.acc, a.seen, in.Int
	if in.Null == nil {
		for i, s := range slots {
			acc[s].add(x[rows[i]])
			seen[s] = true
		}
		return
	}
	for i, s := range slots {
		if r := rows[i]; !isNull(in.Null, r) {
			acc[s].add(x[r])
			seen[s] = true
		}
	}
}

func (a *sumInt) Merge(dst uint32, from Aggregate, src uint32) {
	f := from.(*sumInt)
	a.acc[dst].addWide(f.acc[src])
	a.seen[dst] = a.seen[dst] || f.seen[src]
}

func (a *sumInt) Result(dst *column.Vector, slots []uint32) {
	for _, s := range slots {
		if !a.seen[s] || !a.acc[s].fits(a.kind) {
			dst.AppendNull()
			continue
		}
		dst.AppendInt(int64(a.acc[s].lo))
	}
}

func (a *sumInt) Failed(slot uint32) string {
	if a.try || a.acc[slot].fits(a.kind) {
		return ""
	}
	if a.kind == column.DayTime || a.kind == column.YearMonth {
		return IntervalOverflow
	}
	return ArithmeticOverflow
}

func (a *sumInt) Reset(slot uint32) { a.acc[slot], a.seen[slot] = int128{}, false }

func (a *sumInt) Clear(release bool) {
	a.acc, a.seen = cleared(a.acc, release), cleared(a.seen, release)
}

func (a *sumInt) Size() int64 { return int64(cap(a.acc))*16 + int64(cap(a.seen)) }

func (a *sumInt) AppendState(dst []byte, slot uint32) []byte {
	if !a.seen[slot] {
		return dst
	}
	return appendInt128(dst, a.acc[slot])
}

func (a *sumInt) SetState(slot uint32, src []byte) error {
	a.Reset(slot)
	if len(src) == 0 {
		return nil
	}
	x, err := readInt128(src)
	a.acc[slot], a.seen[slot] = x, true
	return stateError("sum", nil, err)
}
