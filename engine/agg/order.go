package agg

import (
	"bytes"
	"cmp"

	"github.com/nagare-stream/nagare/engine/column"
)

// equalAt reports whether a[i] and b[j], of one type, are one group: NULL equals NULL, NaN equals
// NaN, -0.0 equals 0.0.
func equalAt(a *column.Vector, i uint32, b *column.Vector, j uint32) bool {
	if a.Type.Kind == column.Void {
		return true
	}
	if x, y := isNull(a.Null, i), isNull(b.Null, j); x || y {
		return x == y
	}
	switch {
	case a.Type.Kind == column.Decimal:
		return a.Int[i] == b.Int[j] && a.Hi[i] == b.Hi[j]
	case a.Type.UsesInt():
		return a.Int[i] == b.Int[j]
	case a.Type.UsesFloat():
		return floatBits(a.Float[i]) == floatBits(b.Float[j])
	case a.Type.UsesBytes():
		return string(a.Bytes(int(i))) == string(b.Bytes(int(j)))
	case a.Type.Kind == column.Struct:
		for k := range a.Kids {
			if !equalAt(&a.Kids[k], i, &b.Kids[k], j) {
				return false
			}
		}
		return true
	}
	af, at := a.Span(int(i))
	bf, bt := b.Span(int(j))
	if at-af != bt-bf {
		return false
	}
	for k := range a.Kids {
		for e := uint32(0); e < at-af; e++ {
			if !equalAt(&a.Kids[k], af+e, &b.Kids[k], bf+e) {
				return false
			}
		}
	}
	return true
}

// compareAt orders a[i] and b[j], of one type, as Spark does: NULL first, NaN greatest, -0.0 equal
// to 0.0, strings by their bytes, structs field by field, arrays element by element and then by
// length. Maps have no order.
func compareAt(a *column.Vector, i uint32, b *column.Vector, j uint32) int {
	if a.Type.Kind == column.Void {
		return 0
	}
	if x, y := isNull(a.Null, i), isNull(b.Null, j); x || y {
		switch {
		case x && y:
			return 0
		case x:
			return -1
		}
		return 1
	}
	switch {
	case a.Type.Kind == column.Decimal:
		return compareDecimal(a.Hi[i], a.Int[i], b.Hi[j], b.Int[j])
	case a.Type.UsesInt():
		return cmp.Compare(a.Int[i], b.Int[j])
	case a.Type.UsesFloat():
		return compareFloat(a.Float[i], b.Float[j])
	case a.Type.UsesBytes():
		return bytes.Compare(a.Bytes(int(i)), b.Bytes(int(j)))
	case a.Type.Kind == column.Struct:
		for k := range a.Kids {
			if c := compareAt(&a.Kids[k], i, &b.Kids[k], j); c != 0 {
				return c
			}
		}
		return 0
	}
	af, at := a.Span(int(i))
	bf, bt := b.Span(int(j))
	for e := uint32(0); e < min(at-af, bt-bf); e++ {
		if c := compareAt(&a.Kids[0], af+e, &b.Kids[0], bf+e); c != 0 {
			return c
		}
	}
	return cmp.Compare(at-af, bt-bf)
}

// compareFloat orders doubles with NaN as the greatest.
func compareFloat(x, y float64) int {
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	case x == y:
		return 0
	case x != x && y != y:
		return 0
	case x != x:
		return 1
	}
	return -1
}

func compareDecimal(ahi, alo, bhi, blo int64) int {
	if c := cmp.Compare(ahi, bhi); c != 0 {
		return c
	}
	return cmp.Compare(uint64(alo), uint64(blo))
}

// isOrderable reports whether values of the type can be compared by less and greater.
func isOrderable(t column.Type) bool {
	switch t.Kind {
	case column.Map:
		return false
	case column.Array:
		return isOrderable(*t.Elem)
	case column.Struct:
		for _, f := range t.Fields {
			if !isOrderable(f.Type) {
				return false
			}
		}
	}
	return true
}
