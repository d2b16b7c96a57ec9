package codec

import (
	"encoding/base64"
	"strconv"
	"time"

	"github.com/nagare-stream/nagare/engine/column"
)

// JSONFormat is how AppendJSON writes. The zero value is Spark's to_json in UTC.
type JSONFormat struct {
	// Exact is the form of row topics, which reads back to equal values through JSON with
	// NonFiniteStrings: timestamps ISO in UTC with microseconds, doubles by their shortest text, decimals in
	// plain digits, and text that is not UTF-8 with U+FFFD for what is wrong.
	Exact     bool
	Stored    bool           // Exact, for logs that Options.Stored reads: names of maps are the JSON of their keys, intervals are whole numbers
	SixDigits bool           // of fraction in every timestamp of Exact, not only where there is one
	KeepNulls bool           // writes NULL fields of structs too (ignoreNullFields=false)
	Zone      *time.Location // in which timestamps are shown; nil: UTC; not used by Exact
	// Timestamp, if there, writes timestamps (the timestampFormat option); the text is escaped as needed.
	Timestamp func(dst []byte, micros int64) []byte
}

// AppendJSON appends row i of v as JSON text. NULL is null; NULL fields of structs are left out.
//
// Doubles have Java's form (1.0E10), decimals too (1E-7), timestamps milliseconds and the zone's offset,
// binary base64, NaN and the infinities the strings "NaN", "Infinity" and "-Infinity".
func AppendJSON(dst []byte, v *column.Vector, i int, f JSONFormat) []byte {
	return appendJSON(dst, v, i, &f)
}

// appendJSON takes a pointer: a format is too large for registers, and is handed on for each value.
func appendJSON(dst []byte, v *column.Vector, i int, f *JSONFormat) []byte {
	if v.Type.Kind == column.Void || v.IsNull(i) {
		return append(dst, "null"...)
	}
	switch v.Type.Kind {
	case column.Struct:
		return appendJSONStruct(dst, v, i, f)
	case column.Array:
		from, to := v.Span(i)
		dst = append(dst, '[')
		for e := from; e < to; e++ {
			if e > from {
				dst = append(dst, ',')
			}
			dst = appendJSON(dst, &v.Kids[0], int(e), f)
		}
		return append(dst, ']')
	case column.Map:
		from, to := v.Span(i)
		dst = append(dst, '{')
		for e := from; e < to; e++ {
			if e > from {
				dst = append(dst, ',')
			}
			dst = appendJSONKey(dst, &v.Kids[0], int(e), f)
			dst = appendJSON(append(dst, ':'), &v.Kids[1], int(e), f)
		}
		return append(dst, '}')
	}
	return appendJSONScalar(dst, v, i, f)
}

func appendJSONStruct(dst []byte, v *column.Vector, i int, f *JSONFormat) []byte {
	dst = append(dst, '{')
	first := true
	for k := range v.Kids {
		kid := &v.Kids[k]
		if !f.KeepNulls && (kid.Type.Kind == column.Void || kid.IsNull(i)) {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = AppendJSONString(dst, v.Type.Fields[k].Name)
		dst = appendJSON(append(dst, ':'), kid, i, f)
	}
	return append(dst, '}')
}

// appendJSONKey writes the key of a map, which is a name, so always a string. Spark writes keys that are no
// text as it keeps them.
func appendJSONKey(dst []byte, v *column.Vector, i int, f *JSONFormat) []byte {
	switch {
	case v.Type.Kind == column.String:
		return AppendJSONString(dst, v.Bytes(i))
	case f.Stored:
		at := len(dst)
		if dst = appendJSON(dst, v, i, f); dst[at] == '"' {
			return dst
		}
		return AppendJSONString(dst[:at], append([]byte(nil), dst[at:]...))
	case f.Exact && f.SixDigits && isTime(v.Type):
		key, fraction := appendSeconds(nil, v.Int[i], ' ')
		return AppendJSONString(dst, appendFraction(key, fraction, false))
	case f.Exact:
		return AppendJSONString(dst, AppendValueText(nil, v, i, nil))
	}
	return AppendJSONString(dst, appendKept(nil, v, i))
}

// appendKept appends a value as Spark's own form of it prints: dates as days, times as microseconds, structs
// and arrays in brackets.
func appendKept(dst []byte, v *column.Vector, i int) []byte {
	if v.Type.Kind == column.Void || v.IsNull(i) {
		return append(dst, "null"...)
	}
	switch v.Type.Kind {
	case column.Date, column.Timestamp, column.TimestampNTZ, column.DayTime, column.YearMonth:
		return strconv.AppendInt(dst, v.Int[i], 10)
	case column.Decimal:
		return AppendDecimalScientific(dst, v.Hi[i], v.Int[i], int(v.Type.Scale))
	case column.Struct:
		dst = append(dst, '[')
		for k := range v.Kids {
			if k > 0 {
				dst = append(dst, ',')
			}
			dst = appendKept(dst, &v.Kids[k], i)
		}
		return append(dst, ']')
	case column.Array:
		dst = append(dst, '[')
		from, to := v.Span(i)
		for e := from; e < to; e++ {
			if e > from {
				dst = append(dst, ',')
			}
			dst = appendKept(dst, &v.Kids[0], int(e))
		}
		return append(dst, ']')
	}
	return AppendValueText(dst, v, i, nil)
}

func appendJSONScalar(dst []byte, v *column.Vector, i int, f *JSONFormat) []byte {
	switch v.Type.Kind {
	case column.Bool:
		return strconv.AppendBool(dst, v.Int[i] != 0)
	case column.Int8, column.Int16, column.Int32, column.Int64:
		return strconv.AppendInt(dst, v.Int[i], 10)
	case column.Float32, column.Float64:
		return appendJSONFloat(dst, v, i, f)
	case column.Decimal:
		if f.Exact {
			return AppendDecimal(dst, v.Hi[i], v.Int[i], int(v.Type.Scale))
		}
		return AppendDecimalScientific(dst, v.Hi[i], v.Int[i], int(v.Type.Scale))
	case column.String:
		return AppendJSONString(dst, v.Bytes(i))
	case column.Binary:
		dst = base64.StdEncoding.AppendEncode(append(dst, '"'), v.Bytes(i))
	case column.Date:
		dst = AppendDate(append(dst, '"'), v.Int[i])
	case column.Timestamp, column.TimestampNTZ:
		return appendJSONTime(dst, v, i, f)
	default:
		if f.Stored {
			return strconv.AppendInt(dst, v.Int[i], 10)
		}
		dst = AppendInterval(append(dst, '"'), v.Int[i], v.Type)
	}
	return append(dst, '"')
}

func appendJSONFloat(dst []byte, v *column.Vector, i int, f *JSONFormat) []byte {
	x, bits := v.Float[i], 64
	if v.Type.Kind == column.Float32 {
		bits = 32
	}
	if name, ok := specialName(x); ok {
		return append(append(append(dst, '"'), name...), '"')
	}
	if f.Exact {
		return appendShortest(dst, x, bits)
	}
	return appendJava(dst, x, bits)
}

func appendJSONTime(dst []byte, v *column.Vector, i int, f *JSONFormat) []byte {
	zoned := v.Type.Kind == column.Timestamp
	switch {
	case f.Timestamp != nil && zoned:
		return AppendJSONString(dst, f.Timestamp(nil, v.Int[i]))
	case f.Exact && zoned:
		dst = appendISO(append(dst, '"'), v.Int[i], f.SixDigits)
	case f.Exact:
		dst = appendLocalISO(append(dst, '"'), v.Int[i], f.SixDigits)
	case zoned:
		dst = appendMillis(append(dst, '"'), v.Int[i], f.Zone, true)
	default:
		dst = appendMillis(append(dst, '"'), v.Int[i], nil, false)
	}
	return append(dst, '"')
}
