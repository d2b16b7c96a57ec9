package expr

import (
	"math"
	"math/big"

	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/column"
)

// castTime is a cast between dates, timestamps, intervals and numbers.
func castTime(from, to column.Type) kernel {
	switch {
	case isInterval(from) && isInterval(to):
		return castIntervals(to)
	case isInterval(from):
		return castInterval(from, to)
	case isInterval(to):
		return castToInterval(from, to)
	case to.Kind == column.Timestamp:
		return castToTimestamp(from)
	case to.Kind == column.TimestampNTZ && from.Kind == column.Date:
		return mapInts(func(_ *frame, x int64) int64 { return x * codec.MicrosPerDay })
	case to.Kind == column.TimestampNTZ:
		return mapInts(func(f *frame, x int64) int64 { return codec.ToLocal(x, f.x.env.Zone) })
	case to.Kind == column.Date && from.Kind == column.TimestampNTZ:
		return mapInts(func(_ *frame, x int64) int64 { return codec.FloorDiv(x, codec.MicrosPerDay) })
	case to.Kind == column.Date:
		return mapInts(func(f *frame, x int64) int64 {
			return codec.FloorDiv(codec.ToLocal(x, f.x.env.Zone), codec.MicrosPerDay)
		})
	}
	return castTimestamp(to)
}

// mapInts makes a kernel of a function from Int to Int.
func mapInts(fn func(f *frame, x int64) int64) kernel {
	return func(f *frame, rows []uint32) {
		in, out := f.args[0].Int, f.out.Int
		for _, i := range rows {
			out[i] = fn(f, in[i])
		}
	}
}

func castToTimestamp(from column.Type) kernel {
	switch {
	case from.Kind == column.Date:
		return mapInts(func(f *frame, x int64) int64 { return codec.ToInstant(x*codec.MicrosPerDay, f.x.env.Zone) })
	case from.Kind == column.TimestampNTZ:
		return mapInts(func(f *frame, x int64) int64 { return codec.ToInstant(x, f.x.env.Zone) })
	case from.UsesFloat():
		return func(f *frame, rows []uint32) {
			for _, i := range rows {
				x := f.float(0, i) * codec.MicrosPerSecond
				if x != x || math.Abs(x) >= math.MaxInt64 {
					f.fail(i, castInvalid, "")
					continue
				}
				f.out.Int[i] = int64(x)
			}
		}
	case from.Kind == column.Decimal:
		return func(f *frame, rows []uint32) {
			for _, i := range rows {
				x, ok := decimalAt(f.args[0], int(i)).rescale(int(from.Scale), 6, maxPrecision, down)
				if !ok || !x.isSmall() {
					f.fail(i, "ARITHMETIC_OVERFLOW", "")
					continue
				}
				f.out.Int[i] = int64(x.lo)
			}
		}
	}
	return func(f *frame, rows []uint32) {
		for _, i := range rows {
			f.setProduct(i, f.int(0, i), codec.MicrosPerSecond, "ARITHMETIC_OVERFLOW")
		}
	}
}

// setProduct stores x*y, or fails the row with a class.
func (f *frame) setProduct(i uint32, x, y int64, class string) {
	r, ok := times(x, y)
	if !ok {
		f.fail(i, class, "")
		return
	}
	f.out.Int[i] = r
}

// castTimestamp is a TIMESTAMP to a number of seconds.
func castTimestamp(to column.Type) kernel {
	switch {
	case to.UsesFloat():
		return func(f *frame, rows []uint32) {
			for _, i := range rows {
				x := float64(f.int(0, i)) / codec.MicrosPerSecond
				if to.Kind == column.Float32 {
					x = float64(float32(x))
				}
				f.out.Float[i] = x
			}
		}
	case to.Kind == column.Decimal:
		return func(f *frame, rows []uint32) {
			for _, i := range rows {
				r, ok := small(f.int(0, i)).rescale(6, int(to.Scale), int(to.Precision), halfUp)
				f.setDecimal(i, r, ok)
			}
		}
	}
	least, most := bounds(to.Kind)
	return func(f *frame, rows []uint32) {
		for _, i := range rows {
			f.setInt(i, codec.FloorDiv(f.int(0, i), codec.MicrosPerSecond), least, most)
		}
	}
}

// unitLength is what an interval of type t counts: the length of its last unit.
func unitLength(t column.Type) int64 {
	switch t.To {
	case column.UnitDay:
		return codec.MicrosPerDay
	case column.UnitHour:
		return codec.MicrosPerHour
	case column.UnitMinute:
		return codec.MicrosPerMinute
	case column.UnitSecond:
		return codec.MicrosPerSecond
	case column.UnitYear:
		return 12
	}
	return 1
}

// castIntervals cuts what the target's last unit does not hold.
func castIntervals(to column.Type) kernel {
	unit := unitLength(to)
	if to.To == column.UnitSecond {
		unit = 1
	}
	return mapInts(func(_ *frame, x int64) int64 { return x - x%unit })
}

// castInterval is an interval to a number of its last unit.
func castInterval(from, to column.Type) kernel {
	unit := unitLength(from)
	if to.Kind == column.Decimal {
		return func(f *frame, rows []uint32) {
			for _, i := range rows {
				r, ok := small(f.int(0, i)).div(small(unit), int(to.Scale), int(to.Precision))
				f.setDecimal(i, r, ok)
			}
		}
	}
	least, most := bounds(to.Kind)
	return func(f *frame, rows []uint32) {
		for _, i := range rows {
			f.setInt(i, f.int(0, i)/unit, least, most)
		}
	}
}

// castToInterval reads a number as so many of the interval's last unit.
func castToInterval(from, to column.Type) kernel {
	unit := unitLength(to)
	least, most := bounds(to.Kind)
	if from.Kind == column.Decimal {
		return func(f *frame, rows []uint32) {
			for _, i := range rows {
				x := decimalAt(f.args[0], int(i)).big()
				r := divRound(x.Mul(x, big.NewInt(unit)), pow10(int(from.Scale)), halfUp)
				if !r.IsInt64() {
					f.fail(i, castOverflow, "")
					continue
				}
				f.setInt(i, r.Int64(), least, most)
			}
		}
	}
	return func(f *frame, rows []uint32) {
		for _, i := range rows {
			r, ok := times(f.int(0, i), unit)
			if !ok {
				f.fail(i, castOverflow, "")
				continue
			}
			f.setInt(i, r, least, most)
		}
	}
}
