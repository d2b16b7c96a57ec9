package agg

import (
	"encoding/binary"

	"github.com/nagare-stream/nagare/engine/column"
)

// avgExact is avg of DECIMAL and of intervals: an exact sum, divided by the count and rounded half
// up to the scale of the result.
type avgExact struct {
	sum   []wide
	n     []int64
	typ   column.Type // of the result
	scale int         // digits that the result has more than the input, 0 to 4
	try   bool
}

func (a *avgExact) Grow(slots int) { a.sum, a.n = extend(a.sum, slots), extend(a.n, slots) }

func (a *avgExact) Update(slots, rows []uint32, in *column.Vector) {
	for i, s := range slots {
		r := rows[i]
		if isNull(in.Null, r) {
			continue
		}
		if in.Type.Kind == column.Decimal {
			a.sum[s].add(in.Hi[r], in.Int[r])
		} else {
			a.sum[s].add(in.Int[r]>>63, in.Int[r])
		}
		a.n[s]++
	}
}

func (a *avgExact) Merge(dst uint32, from Aggregate, src uint32) {
	f := from.(*avgExact)
	a.sum[dst].addWide(f.sum[src])
	a.n[dst] += f.n[src]
}

// value is the average of a slot, and Spark's error class where there is none.
func (a *avgExact) value(slot uint32) (hi, lo int64, class string) {
	sum := a.sum[slot]
	if a.typ.Kind != column.Decimal { // the sum has to be an interval too
		if !(int128{int64(sum[1]), sum[0]}).fits(a.typ.Kind) {
			return 0, 0, IntervalOverflow
		}
		q := sum.divRound(uint64(a.n[slot]))
		return int64(q[1]), int64(q[0]), ""
	}
	// Spark's sum has ten digits more than its input, so 38 at most, and fails beyond.
	digits := min(38, int(a.typ.Precision)-a.scale+10)
	if _, _, ok := sum.fits(digits); !ok {
		return 0, 0, ArithmeticOverflow
	}
	neg := sum.negative()
	if neg {
		sum = sum.negate()
	}
	sum, ok := sum.mul(pow10(a.scale)[0])
	if neg {
		sum = sum.negate()
	}
	hi, lo, fits := sum.divRound(uint64(a.n[slot])).fits(int(a.typ.Precision))
	if !ok || !fits {
		return 0, 0, ValueOutOfRange
	}
	return hi, lo, ""
}

func (a *avgExact) Result(dst *column.Vector, slots []uint32) {
	for _, s := range slots {
		if a.n[s] == 0 {
			dst.AppendNull()
			continue
		}
		hi, lo, class := a.value(s)
		switch {
		case class != "":
			dst.AppendNull()
		case a.typ.Kind == column.Decimal:
			dst.AppendDecimal(hi, lo)
		default:
			dst.AppendInt(lo)
		}
	}
}

func (a *avgExact) Failed(slot uint32) string {
	if a.try || a.n[slot] == 0 {
		return ""
	}
	_, _, class := a.value(slot)
	return class
}

func (a *avgExact) Reset(slot uint32) { a.sum[slot], a.n[slot] = wide{}, 0 }

func (a *avgExact) Clear(release bool) { a.sum, a.n = cleared(a.sum, release), cleared(a.n, release) }

func (a *avgExact) Size() int64 { return int64(cap(a.sum))*24 + int64(cap(a.n))*8 }

func (a *avgExact) AppendState(dst []byte, slot uint32) []byte {
	if a.n[slot] == 0 {
		return dst
	}
	return binary.AppendUvarint(appendWide(dst, a.sum[slot]), uint64(a.n[slot]))
}

func (a *avgExact) SetState(slot uint32, src []byte) error {
	a.Reset(slot)
	if len(src) == 0 {
		return nil
	}
	sum, rest, err := readWide(src)
	var n uint64
	if err == nil {
		n, rest, err = readUvarint(rest)
	}
	a.sum[slot], a.n[slot] = sum, int64(n)
	return stateError("avg", rest, err)
}
