package codec

import (
	"encoding/base64"
	"math"
	"time"

	"github.com/nagare-stream/nagare/engine/column"
)

// typed makes column values of checked JSON values, by the rules of each type.
type typed struct {
	zone      *time.Location
	nonFinite bool
	stored    bool
	key       []byte // a name of a map that is no text
	spans     []span // of the fields of the structs that are being decoded, innermost last
	text      []byte // a string with escapes, decoded
	recent    recentTexts
	unfit     []Unfit
	missed    bool // something was counted
	row       int  // of the value in hand
}

// append appends the value at s in data to v, or NULL when it does not fit the type. fit is false for NULL
// in place of a value, not for JSON's null. What does not fit is counted at p, or inside it, unless p is nil.
func (t *typed) append(v *column.Vector, data []byte, s span, p *place) (fit bool) {
	if s.kind <= kindNull {
		v.AppendNull()
		return true
	}
	switch v.Type.Kind {
	case column.Struct:
		fit = t.appendStruct(v, data, s, p)
	case column.Array:
		fit = t.appendArray(v, data, s, p)
	case column.Map:
		fit = t.appendMap(v, data, s, p)
	default:
		if fit = t.appendScalar(v, data[s.start:s.end], s.kind); !fit {
			t.note(p, t.row, data[s.start:s.end])
		}
	}
	if !fit {
		v.AppendNull()
	}
	return fit
}

// appendScalar appends the value and returns true, or leaves v as it is.
func (t *typed) appendScalar(v *column.Vector, b []byte, k kind) bool {
	switch v.Type.Kind {
	case column.String:
		v.Data = t.appendText(v.Data, b, k)
		v.Ends = append(v.Ends, uint32(len(v.Data)))
		v.EnsureNull(len(v.Ends))
		return true
	case column.Bool:
		if k != kindTrue && k != kindFalse {
			return false
		}
		v.AppendInt(int64(kindFalse - k))
		return true
	case column.Int8, column.Int16, column.Int32, column.Int64:
		x, ok := integerValue(b, k, v.Type.Kind)
		if ok {
			v.AppendInt(x)
		}
		return ok
	case column.Float32, column.Float64:
		x, ok := t.floatValue(b, k, v.Type.Kind)
		if ok {
			v.AppendFloat(x)
		}
		return ok
	case column.Decimal:
		return t.appendDecimal(v, b, k)
	case column.Binary:
		return t.appendBinary(v, b, k)
	case column.Date, column.Timestamp, column.TimestampNTZ:
		x, ok := t.timeValue(b, k, v.Type.Kind)
		if ok {
			v.AppendInt(x)
		}
		return ok
	}
	if !t.stored || k != kindInt {
		return false // intervals and VOID have no JSON form that Spark reads
	}
	x, ok := parseInteger(b)
	if ok {
		v.AppendInt(x)
	}
	return ok
}

// appendText appends the text that a STRING field has: a string's own, else the JSON text.
func (t *typed) appendText(dst, b []byte, k kind) []byte {
	switch k {
	case kindString, kindTrue, kindFalse:
		return append(dst, b...)
	case kindEscaped:
		return t.recent.appendUnescaped(dst, b)
	case kindInt, kindNumber:
		return appendNumberText(dst, b, k)
	}
	return appendJSONText(dst, b)
}

// stringText returns the text of a string, valid until the next call; ok is false for other values.
func (t *typed) stringText(b []byte, k kind) (text []byte, ok bool) {
	if k == kindEscaped {
		t.text = appendUnescaped(t.text[:0], b)
		return t.text, true
	}
	return b, k == kindString
}

func integerValue(b []byte, k kind, to column.Kind) (int64, bool) {
	if k != kindInt {
		return 0, false
	}
	x, ok := parseInteger(b)
	if !ok {
		return 0, false
	}
	return integerFits(x, 8<<(to-column.Int8))
}

func (t *typed) floatValue(b []byte, k kind, to column.Kind) (float64, bool) {
	if k == kindInt || k == kindNumber {
		if to == column.Float32 {
			return parseSlow(b, 32)
		}
		return parseDouble(b)
	}
	if text, ok := t.stringText(b, k); ok && t.nonFinite {
		return specialValue(text)
	}
	return 0, false
}

func (t *typed) appendDecimal(v *column.Vector, b []byte, k kind) bool {
	if k != kindInt && k != kindNumber {
		text, ok := t.stringText(b, k)
		if !ok {
			return false
		}
		t.text = withoutCommas(t.text[:0], text)
		b = t.text
	}
	hi, lo, ok := ParseDecimal(b, int(v.Type.Precision), int(v.Type.Scale))
	if ok {
		v.AppendDecimal(hi, lo)
	}
	return ok
}

// withoutCommas appends text less its commas: Spark reads "1,234.5" as a number. dst may begin where text does.
func withoutCommas(dst, text []byte) []byte {
	for _, c := range text {
		if c != ',' {
			dst = append(dst, c)
		}
	}
	return dst
}

func (t *typed) appendBinary(v *column.Vector, b []byte, k kind) bool {
	text, ok := t.stringText(b, k)
	if !ok {
		return false
	}
	at := len(v.Data)
	data, err := base64.StdEncoding.AppendDecode(v.Data, text)
	if err != nil {
		v.Data = data[:at]
		return false
	}
	v.Data = data
	v.Ends = append(v.Ends, uint32(len(v.Data)))
	v.EnsureNull(len(v.Ends))
	return true
}

// timeValue reads a date or time: a string as Spark's cast does; a whole number is seconds for a TIMESTAMP.
func (t *typed) timeValue(b []byte, k kind, to column.Kind) (int64, bool) {
	if k == kindInt && to == column.Timestamp {
		sec, ok := parseInteger(b)
		micros := sec * MicrosPerSecond
		return micros, ok && micros/MicrosPerSecond == sec
	}
	text, ok := t.stringText(b, k)
	switch {
	case !ok:
		return 0, false
	case to == column.Date:
		return ParseDate(text)
	case to == column.TimestampNTZ:
		return ParseTimestampNTZ(text)
	}
	return ParseTimestamp(text, t.zone)
}

// castTime reads a STRING field that goes through try_to_timestamp: of all JSON texts only whole numbers (a
// year) and strings can be times.
func (t *typed) castTime(b []byte, k kind) (int64, bool) {
	if text, ok := t.stringText(b, k); ok || k == kindInt {
		return ParseTimestamp(text, t.zone)
	}
	return 0, false
}

// appendStruct appends an object. Of a repeated name the last one holds; what does not fit is NULL by itself.
func (t *typed) appendStruct(v *column.Vector, data []byte, s span, p *place) bool {
	if s.kind != kindObject {
		t.note(p, t.row, data[s.start:s.end])
		return false
	}
	fields := v.Type.Fields
	base := len(t.spans)
	for range fields {
		t.spans = append(t.spans, span{})
	}
	for m := membersOf(data, s); m.next(); {
		name, _ := t.stringText(data[m.name.start:m.name.end], m.name.kind)
		for f := range fields {
			if string(name) == fields[f].Name {
				t.spans[base+f] = m.value
			}
		}
	}
	n := v.Len()
	for f := range fields {
		t.append(&v.Kids[f], data, t.spans[base+f], p.kid(f))
	}
	t.spans = t.spans[:base]
	v.EnsureNull(n + 1)
	return true
}

// appendArray appends an array. An element that does not fit makes the whole array NULL, as in Spark.
func (t *typed) appendArray(v *column.Vector, data []byte, s span, p *place) bool {
	if s.kind != kindArray {
		t.note(p, t.row, data[s.start:s.end])
		return false
	}
	n := v.Kids[0].Len()
	for m := membersOf(data, s); m.next(); {
		if !t.append(&v.Kids[0], data, m.value, p.kid(0)) {
			truncate(&v.Kids[0], n)
			return false
		}
	}
	v.Ends = append(v.Ends, uint32(v.Kids[0].Len()))
	v.EnsureNull(len(v.Ends))
	return true
}

// appendMap appends an object as a map. A value that does not fit makes the whole map NULL.
func (t *typed) appendMap(v *column.Vector, data []byte, s span, p *place) bool {
	if s.kind != kindObject || v.Type.Key.Kind != column.String && !t.stored {
		t.note(p, t.row, data[s.start:s.end])
		return false
	}
	n := v.Kids[0].Len()
	for m := membersOf(data, s); m.next(); {
		if !t.appendKey(&v.Kids[0], data, m.name) || !t.append(&v.Kids[1], data, m.value, p.kid(0)) {
			truncate(&v.Kids[0], n)
			truncate(&v.Kids[1], n)
			return false
		}
	}
	v.Ends = append(v.Ends, uint32(v.Kids[0].Len()))
	v.EnsureNull(len(v.Ends))
	return true
}

// appendKey appends the key of a map. Where it is no text, its name is the JSON of it, less the quotes.
func (t *typed) appendKey(v *column.Vector, data []byte, name span) bool {
	text := data[name.start:name.end]
	switch v.Type.Kind {
	case column.String, column.Date, column.Timestamp, column.TimestampNTZ, column.Binary:
		return t.append(v, data, name, nil)
	}
	if t.key = append(t.key[:0], text...); name.kind == kindEscaped {
		t.key = appendUnescaped(t.key[:0], text)
	}
	s := span{end: uint32(len(t.key)), kind: kindString} // NaN
	if end, value := scanValue(t.key, 0, maxDepthLimit); end == len(t.key) {
		s = value
	}
	return s.kind > kindNull && t.append(v, t.key, s, nil)
}

// members walks over a checked object or array.
type members struct {
	data   []byte
	p, end int
	object bool
	name   span
	value  span
}

func membersOf(data []byte, s span) members {
	return members{data: data, p: int(s.start) + 1, end: int(s.end) - 1, object: s.kind == kindObject}
}

func (m *members) next() bool {
	m.p = skipBlanks(m.data, m.p)
	if m.p < m.end && m.data[m.p] == ',' {
		m.p = skipBlanks(m.data, m.p+1)
	}
	if m.p >= m.end {
		return false
	}
	if m.object {
		at := m.p + 1
		end, escaped := scanString(m.data, at)
		m.name = span{start: uint32(at), end: uint32(end - 1), kind: kindString}
		if escaped {
			m.name.kind = kindEscaped
		}
		m.p = skipBlanks(m.data, skipBlanks(m.data, end)+1)
	}
	m.p, m.value = scanValue(m.data, m.p, maxDepthLimit)
	return true
}

func specialValue(text []byte) (float64, bool) {
	switch string(text) {
	case "NaN":
		return math.NaN(), true
	case "Infinity", "+Infinity", "+INF":
		return math.Inf(1), true
	case "-Infinity", "-INF":
		return math.Inf(-1), true
	}
	return 0, false
}
