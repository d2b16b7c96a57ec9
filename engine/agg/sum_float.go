package agg

import "github.com/nagare-stream/nagare/engine/column"

// sumFloat is sum of FLOAT and DOUBLE: a plain sum in the order of the rows.
type sumFloat struct {
	acc  []float64
	seen []bool
}

func (a *sumFloat) Grow(slots int) { a.acc, a.seen = extend(a.acc, slots), extend(a.seen, slots) }

func (a *sumFloat) Update(slots, rows []uint32, in *column.Vector) {
	acc, seen, x := a.acc, a.seen, in.Float
	if in.Null == nil {
		for i, s := range slots {
			acc[s] += x[rows[i]]
			seen[s] = true
		}
		return
	}
	for i, s := range slots {
		if r := rows[i]; !isNull(in.Null, r) {
			acc[s] += x[r]
			seen[s] = true
		}
	}
}

func (a *sumFloat) Merge(dst uint32, from Aggregate, src uint32) {
	f := from.(*sumFloat)
	a.acc[dst] += f.acc[src]
	a.seen[dst] = a.seen[dst] || f.seen[src]
}

func (a *sumFloat) Result(dst *column.Vector, slots []uint32) {
	for _, s := range slots {
		if !a.seen[s] {
			dst.AppendNull()
			continue
		}
		dst.AppendFloat(a.acc[s])
	}
}

func (a *sumFloat) Reset(slot uint32) { a.acc[slot], a.seen[slot] = 0, false }

func (a *sumFloat) Clear(release bool) {
	a.acc, a.seen = cleared(a.acc, release), cleared(a.seen, release)
}

func (a *sumFloat) Size() int64 { return int64(cap(a.acc))*8 + int64(cap(a.seen)) }

func (a *sumFloat) AppendState(dst []byte, slot uint32) []byte {
	if !a.seen[slot] {
		return dst
	}
	return appendFloat(dst, a.acc[slot])
}

func (a *sumFloat) SetState(slot uint32, src []byte) error {
	a.Reset(slot)
	if len(src) == 0 {
		return nil
	}
	x, rest, err := readFloat(src)
	a.acc[slot], a.seen[slot] = x, true
	return stateError("sum", rest, err)
}
