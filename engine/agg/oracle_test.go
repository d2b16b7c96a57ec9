package agg

import (
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/column"
)

// naive computes a call over rows of in straight from its definition, with big numbers and maps, and
// gives the result as a vector of one row. Its code has nothing in common with the aggregates but
// compareAt and codec.AppendKey.
func naive(s Spec, in *column.Vector, rows []uint32) *column.Vector {
	out := &column.Vector{}
	out.Reset(s.Type)
	var kept []uint32 // rows that are not NULL, distinct ones if asked
	seen := map[string]bool{}
	for _, r := range rows {
		if in != nil && (in.Type.Kind == column.Void || in.IsNull(int(r)) || len(s.Args) > 1 && s.Name == "count" && anyKidNull(in, r)) {
			continue
		}
		if s.Distinct || s.Name == "collect_set" {
			k := string(codec.AppendKey(nil, in, int(r)))
			if seen[k] {
				continue
			}
			seen[k] = true
		}
		kept = append(kept, r)
	}
	switch name := strings.TrimSuffix(s.Name, "_ignore_nulls"); name {
	case "count":
		out.AppendInt(int64(len(kept)))
	case "count_if":
		out.AppendInt(int64(len(slices.DeleteFunc(kept, func(r uint32) bool { return in.Int[r] == 0 }))))
	case "first", "any_value", "last":
		if name == s.Name {
			kept = slices.Clone(rows)
		}
		if name == "last" {
			slices.Reverse(kept)
		}
		naiveTake(out, in, kept)
	case "min", "bool_and":
		naiveTake(out, in, slices.SortedStableFunc(slices.Values(kept), func(a, b uint32) int { return compareAt(in, a, in, b) }))
	case "max", "bool_or":
		naiveTake(out, in, slices.SortedStableFunc(slices.Values(kept), func(a, b uint32) int { return compareAt(in, b, in, a) }))
	case "min_by", "max_by":
		if s.Limit > 0 {
			naiveFirst(out, in, kept, name == "max_by", s.Limit)
			break
		}
		naiveBy(out, in, kept, name == "max_by")
	case "collect_list", "collect_set":
		for _, r := range kept {
			out.Kids[0].AppendFrom(in, int(r))
		}
		out.Ends = append(out.Ends, uint32(out.Kids[0].Len()))
	case "bit_and", "bit_or", "bit_xor":
		naiveBits(out, in, kept, name)
	case "percentile", "percentile_disc", "percentile_approx", "mode", "listagg", "approx_count_distinct":
		naiveSummary(s, out, in, kept)
	default:
		naiveSum(s, out, in, kept)
	}
	return out
}

func anyKidNull(in *column.Vector, r uint32) bool {
	return slices.ContainsFunc(in.Kids, func(k column.Vector) bool { return k.Type.Kind == column.Void || k.IsNull(int(r)) })
}

func naiveTake(out, in *column.Vector, rows []uint32) {
	if len(rows) == 0 {
		out.AppendNull()
		return
	}
	out.AppendFrom(in, int(rows[0]))
}

func naiveBy(out, in *column.Vector, rows []uint32, most bool) {
	x, y := &in.Kids[0], &in.Kids[1]
	rows = slices.DeleteFunc(rows, func(r uint32) bool { return y.Type.Kind == column.Void || y.IsNull(int(r)) })
	slices.Reverse(rows) // of equals the last
	slices.SortStableFunc(rows, func(a, b uint32) int {
		if most {
			a, b = b, a
		}
		return compareAt(y, a, y, b)
	})
	naiveTake(out, x, rows)
}

// naiveFirst is max_by and min_by with a k.
func naiveFirst(out, in *column.Vector, rows []uint32, most bool, k int) {
	x, y := &in.Kids[0], &in.Kids[1]
	rows = slices.DeleteFunc(rows, func(r uint32) bool { return y.Type.Kind == column.Void || y.IsNull(int(r)) })
	slices.SortStableFunc(rows, func(a, b uint32) int {
		if most {
			return compareAt(y, b, y, a)
		}
		return compareAt(y, a, y, b)
	})
	if len(rows) == 0 {
		out.AppendNull()
		return
	}
	for _, r := range rows[:min(k, len(rows))] {
		out.Kids[0].AppendFrom(x, int(r))
	}
	out.Ends = append(out.Ends, uint32(out.Kids[0].Len()))
}

func naiveBits(out, in *column.Vector, rows []uint32, name string) {
	if len(rows) == 0 {
		out.AppendNull()
		return
	}
	acc := in.Int[rows[0]]
	for _, r := range rows[1:] {
		acc = map[string]int64{"bit_and": acc & in.Int[r], "bit_or": acc | in.Int[r], "bit_xor": acc ^ in.Int[r]}[name]
	}
	out.AppendInt(acc)
}

// naiveSum is sum and avg.
func naiveSum(s Spec, out, in *column.Vector, rows []uint32) {
	avg := strings.HasSuffix(s.Name, "avg")
	if len(rows) == 0 {
		out.AppendNull()
		return
	}
	if s.Type.UsesFloat() {
		var sum float64
		for _, r := range rows {
			if in.Type.UsesFloat() {
				sum += in.Float[r]
			} else {
				sum += float64(in.Int[r])
			}
		}
		if avg {
			sum /= float64(len(rows))
		}
		out.AppendFloat(sum)
		return
	}
	sum := new(big.Rat)
	for _, r := range rows {
		sum.Add(sum, new(big.Rat).SetInt(bigOf(in, r)))
	}
	if avg {
		sum.Mul(sum, new(big.Rat).SetFrac(tenTo(int(s.Type.Scale)-int(s.Args[0].Scale)), big.NewInt(int64(len(rows)))))
	}
	appendBig(out, halfUp(sum))
}

func tenTo(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }

// halfUp rounds to the nearest integer, halves away from zero.
func halfUp(x *big.Rat) *big.Int {
	twice := new(big.Int).Mul(new(big.Int).Abs(x.Num()), big.NewInt(2))
	n := new(big.Int).Div(new(big.Int).Add(twice, x.Denom()), new(big.Int).Mul(x.Denom(), big.NewInt(2)))
	return n.Mul(n, big.NewInt(int64(x.Sign())))
}

// bigOf is the value of a row of integers or decimals.
func bigOf(v *column.Vector, r uint32) *big.Int {
	if v.Type.Kind != column.Decimal {
		return big.NewInt(v.Int[r])
	}
	hi := new(big.Int).Lsh(big.NewInt(v.Hi[r]), 64)
	return hi.Add(hi, new(big.Int).SetUint64(uint64(v.Int[r])))
}

// appendBig appends a value, or NULL where the type is too small.
func appendBig(v *column.Vector, x *big.Int) {
	if v.Type.Kind != column.Decimal {
		if !x.IsInt64() || !inRange(v.Type.Kind, x.Int64()) {
			v.AppendNull()
			return
		}
		v.AppendInt(x.Int64())
		return
	}
	if x.CmpAbs(tenTo(int(v.Type.Precision))) >= 0 {
		v.AppendNull()
		return
	}
	low := new(big.Int).And(x, new(big.Int).SetUint64(1<<64-1))
	v.AppendDecimal(new(big.Int).Rsh(x, 64).Int64(), int64(low.Uint64()))
}

// show is the value of a row as text for messages.
func show(v *column.Vector, r uint32) string {
	switch {
	case v.Type.Kind == column.Void || v.IsNull(int(r)):
		return "NULL"
	case v.Type.Kind == column.Decimal:
		return bigOf(v, r).String()
	case v.Type.UsesInt():
		return fmt.Sprint(v.Int[r])
	case v.Type.UsesFloat():
		return fmt.Sprint(v.Float[r])
	case v.Type.UsesBytes():
		return fmt.Sprintf("%q", v.Bytes(int(r)))
	}
	return fmt.Sprintf("%x", codec.AppendKey(nil, v, int(r)))
}

// groupRows gives the rows of each key, and the keys in the order of their first rows.
func groupRows(keys []*column.Vector, rows []uint32) (byKey map[string][]uint32, order []string) {
	byKey = map[string][]uint32{}
	for _, r := range rows {
		k := text(keys, r)
		if byKey[k] == nil {
			order = append(order, k)
		}
		byKey[k] = append(byKey[k], r)
	}
	return byKey, order
}
