package codec

import (
	"strconv"
	"time"

	"github.com/nagare-stream/nagare/engine/column"
)

// AppendValueText appends row i of v as Spark's CAST AS STRING gives it: 1.0E10, {1, null}, [a, null],
// {k -> 1}; timestamps in the zone's local time (nil: UTC). A NULL at the top appends nothing: it has no text.
func AppendValueText(dst []byte, v *column.Vector, i int, zone *time.Location) []byte {
	if v.Type.Kind == column.Void || v.IsNull(i) {
		return dst
	}
	switch v.Type.Kind {
	case column.Bool:
		return strconv.AppendBool(dst, v.Int[i] != 0)
	case column.Int8, column.Int16, column.Int32, column.Int64:
		return strconv.AppendInt(dst, v.Int[i], 10)
	case column.Float32:
		return AppendFloat(dst, v.Float[i])
	case column.Float64:
		return AppendDouble(dst, v.Float[i])
	case column.Decimal:
		return AppendDecimal(dst, v.Hi[i], v.Int[i], int(v.Type.Scale))
	case column.String, column.Binary:
		return append(dst, v.Bytes(i)...)
	case column.Date:
		return AppendDate(dst, v.Int[i])
	case column.Timestamp:
		return AppendTimestamp(dst, v.Int[i], zone)
	case column.TimestampNTZ:
		return AppendTimestamp(dst, v.Int[i], nil)
	case column.DayTime, column.YearMonth:
		return AppendInterval(dst, v.Int[i], v.Type)
	}
	return appendNestedText(dst, v, i, zone)
}

func appendNestedText(dst []byte, v *column.Vector, i int, zone *time.Location) []byte {
	if v.Type.Kind == column.Struct {
		dst = append(dst, '{')
		for k := range v.Kids {
			dst = appendPartText(separate(dst, k > 0), &v.Kids[k], i, zone)
		}
		return append(dst, '}')
	}
	open, shut := byte('['), byte(']')
	if v.Type.Kind == column.Map {
		open, shut = '{', '}'
	}
	dst = append(dst, open)
	from, to := v.Span(i)
	for e := from; e < to; e++ {
		dst = appendPartText(separate(dst, e > from), &v.Kids[0], int(e), zone)
		if v.Type.Kind == column.Map {
			dst = appendPartText(append(dst, " -> "...), &v.Kids[1], int(e), zone)
		}
	}
	return append(dst, shut)
}

func separate(dst []byte, yes bool) []byte {
	if yes {
		return append(dst, ", "...)
	}
	return dst
}

// appendPartText is AppendValueText inside a nested value, where NULL is written out.
func appendPartText(dst []byte, v *column.Vector, i int, zone *time.Location) []byte {
	if v.Type.Kind == column.Void || v.IsNull(i) {
		return append(dst, "null"...)
	}
	return AppendValueText(dst, v, i, zone)
}
