package agg

import "github.com/nagare-stream/nagare/engine/column"

// extremeDecimal is min and max of DECIMAL.
type extremeDecimal struct {
	x    []int128
	seen []bool
	sign int // 1: min; -1: max
}

func (a *extremeDecimal) Grow(slots int) { a.x, a.seen = extend(a.x, slots), extend(a.seen, slots) }

func (a *extremeDecimal) Update(slots, rows []uint32, in *column.Vector) {
	for i, s := range slots {
		if r := rows[i]; !isNull(in.Null, r) {
			a.offer(s, int128{in.Hi[r], uint64(in.Int[r])})
		}
	}
}

func (a *extremeDecimal) offer(slot uint32, y int128) {
	x := a.x[slot]
	if !a.seen[slot] || compareDecimal(y.hi, int64(y.lo), x.hi, int64(x.lo)) == -a.sign {
		a.x[slot], a.seen[slot] = y, true
	}
}

func (a *extremeDecimal) Merge(dst uint32, from Aggregate, src uint32) {
	if f := from.(*extremeDecimal); f.seen[src] {
		a.offer(dst, f.x[src])
	}
}

func (a *extremeDecimal) Result(dst *column.Vector, slots []uint32) {
	for _, s := range slots {
		if !a.seen[s] {
			dst.AppendNull()
			continue
		}
		dst.AppendDecimal(a.x[s].hi, int64(a.x[s].lo))
	}
}

func (a *extremeDecimal) Reset(slot uint32) { a.x[slot], a.seen[slot] = int128{}, false }

func (a *extremeDecimal) Clear(release bool) {
	a.x, a.seen = cleared(a.x, release), cleared(a.seen, release)
}

func (a *extremeDecimal) Size() int64 { return int64(cap(a.x))*16 + int64(cap(a.seen)) }

func (a *extremeDecimal) AppendState(dst []byte, slot uint32) []byte {
	if !a.seen[slot] {
		return dst
	}
	return appendInt128(dst, a.x[slot])
}

func (a *extremeDecimal) SetState(slot uint32, src []byte) error {
	a.Reset(slot)
	if len(src) == 0 {
		return nil
	}
	x, err := readInt128(src)
	a.x[slot], a.seen[slot] = x, true
	return stateError("min or max", nil, err)
}
