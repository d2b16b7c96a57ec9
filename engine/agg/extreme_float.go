package agg

import "github.com/nagare-stream/nagare/engine/column"

// extremeFloat is min and max of FLOAT and DOUBLE. NaN is the greatest; of 0.0 and -0.0 the first
// stays.
type extremeFloat struct {
	x    []float64
	seen []bool
	sign int // 1: min; -1: max
}

func (a *extremeFloat) Grow(slots int) { a.x, a.seen = extend(a.x, slots), extend(a.seen, slots) }

func (a *extremeFloat) Update(slots, rows []uint32, in *column.Vector) {
	for i, s := range slots {
		r := rows[i]
		if in.Null != nil && isNull(in.Null, r) {
			continue
		}
		if y := in.Float[r]; !a.seen[s] || compareFloat(y, a.x[s]) == -a.sign {
			a.x[s], a.seen[s] = y, true
		}
	}
}

func (a *extremeFloat) Merge(dst uint32, from Aggregate, src uint32) {
	f := from.(*extremeFloat)
	if f.seen[src] && (!a.seen[dst] || compareFloat(f.x[src], a.x[dst]) == -a.sign) {
		a.x[dst], a.seen[dst] = f.x[src], true
	}
}

func (a *extremeFloat) Result(dst *column.Vector, slots []uint32) {
	for _, s := range slots {
		if !a.seen[s] {
			dst.AppendNull()
			continue
		}
		dst.AppendFloat(a.x[s])
	}
}

func (a *extremeFloat) Reset(slot uint32) { a.x[slot], a.seen[slot] = 0, false }

func (a *extremeFloat) Clear(release bool) {
	a.x, a.seen = cleared(a.x, release), cleared(a.seen, release)
}

func (a *extremeFloat) Size() int64 { return int64(cap(a.x))*8 + int64(cap(a.seen)) }

func (a *extremeFloat) AppendState(dst []byte, slot uint32) []byte {
	if !a.seen[slot] {
		return dst
	}
	return appendFloat(dst, a.x[slot])
}

func (a *extremeFloat) SetState(slot uint32, src []byte) error {
	a.Reset(slot)
	if len(src) == 0 {
		return nil
	}
	x, rest, err := readFloat(src)
	a.x[slot], a.seen[slot] = x, true
	return stateError("min or max", rest, err)
}
