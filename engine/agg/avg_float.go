package agg

import (
	"encoding/binary"

	"github.com/nagare-stream/nagare/engine/column"
)

// avgFloat is avg of integers, FLOAT and DOUBLE: as Spark does, the sum of the values as doubles in
// the order of the rows, divided by their count.
type avgFloat struct {
	sum []float64
	n   []int64
}

func (a *avgFloat) Grow(slots int) { a.sum, a.n = extend(a.sum, slots), extend(a.n, slots) }

func (a *avgFloat) Update(slots, rows []uint32, in *column.Vector) {
	sum, n := a.sum, a.n
	switch {
	case in.Type.UsesFloat() && in.Null == nil:
		x := in.Float
		for i, s := range slots {
			sum[s] += x[rows[i]]
			n[s]++
		}
	case in.Type.UsesFloat():
		for i, s := range slots {
			if r := rows[i]; !isNull(in.Null, r) {
				sum[s] += in.Float[r]
				n[s]++
			}
		}
	default:
		for i, s := range slots {
			if r := rows[i]; !isNull(in.Null, r) {
				sum[s] += float64(in.Int[r])
				n[s]++
			}
		}
	}
}

func (a *avgFloat) Merge(dst uint32, from Aggregate, src uint32) {
	f := from.(*avgFloat)
	a.sum[dst] += f.sum[src]
	a.n[dst] += f.n[src]
}

func (a *avgFloat) Result(dst *column.Vector, slots []uint32) {
	for _, s := range slots {
		if a.n[s] == 0 {
			dst.AppendNull()
			continue
		}
		dst.AppendFloat(a.sum[s] / float64(a.n[s]))
	}
}

func (a *avgFloat) Reset(slot uint32) { a.sum[slot], a.n[slot] = 0, 0 }

func (a *avgFloat) Clear(release bool) { a.sum, a.n = cleared(a.sum, release), cleared(a.n, release) }

func (a *avgFloat) Size() int64 { return int64(cap(a.sum)+cap(a.n)) * 8 }

func (a *avgFloat) AppendState(dst []byte, slot uint32) []byte {
	if a.n[slot] == 0 {
		return dst
	}
	return binary.AppendUvarint(appendFloat(dst, a.sum[slot]), uint64(a.n[slot]))
}

func (a *avgFloat) SetState(slot uint32, src []byte) error {
	a.Reset(slot)
	if len(src) == 0 {
		return nil
	}
	sum, rest, err := readFloat(src)
	var n uint64
	if err == nil {
		n, rest, err = readUvarint(rest)
	}
	a.sum[slot], a.n[slot] = sum, int64(n)
	return stateError("avg", rest, err)
}
