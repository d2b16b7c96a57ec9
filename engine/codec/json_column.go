package codec

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/nagare-stream/nagare/engine/column"
)

// fillColumns appends n rows to each vector, from the spans of one chunk.
func (d *JSON) fillColumns(data []byte, n int, out []column.Vector) {
	step := len(d.fields)
	for t := range d.targets {
		v := &out[t]
		whole := false // the loop looks for what does not fit itself
		spans := d.spans[d.source[t] : (n-1)*step+int(d.source[t])+1]
		switch k := v.Type.Kind; {
		case k == column.String:
			d.fillStrings(v, data, spans, step, n)
		case k == column.Float64:
			d.fillDoubles(v, data, spans, step, n)
		case k == column.Int32 || k == column.Int64:
			d.fillInts(v, data, spans, step, n)
		case k == column.Timestamp:
			d.fillTimestamps(v, data, spans, step, n, d.targets[t].FromString)
		default:
			whole = true
			for r := range n {
				d.values.row = d.row + r
				d.values.append(v, data, spans[r*step], &d.places[t])
			}
		}
		if v.Null != nil && !whole && !d.targets[t].FromString {
			d.findUnfit(t, v, data, spans, step, n)
		}
	}
}

// findUnfit notes the values of the last n rows that are NULL though the record has one. The loops that fill
// columns know nothing of it: one branch more in them costs a tenth.
func (d *JSON) findUnfit(target int, v *column.Vector, data []byte, spans []span, step, n int) {
	base := v.Len() - n
	for r := range n {
		if s := &spans[r*step]; s.kind > kindNull && v.IsNull(base+r) {
			d.values.note(&d.places[target], d.row+r, data[s.start:s.end])
		}
	}
}

func (d *JSON) fillStrings(v *column.Vector, data []byte, spans []span, step, n int) {
	base := len(v.Ends)
	v.Ends = slices.Grow(v.Ends, n)[:base+n]
	ends, text := v.Ends[base:], v.Data
	for r := range ends {
		switch s := &spans[r*step]; s.kind {
		case kindString:
			text = appendShort(text, data, int(s.start), int(s.end))
		case kindMissing, kindNull:
			v.SetNull(base + r)
		default:
			text = d.values.appendText(text, data[s.start:s.end], s.kind)
		}
		ends[r] = uint32(len(text))
	}
	v.Data = text
	v.EnsureNull(base + n)
}

// appendShort appends data[start:end]. Of a string up to 16 bytes it writes 16, which costs less than to
// copy as many as there are; so many can be read at start.
func appendShort(dst, data []byte, start, end int) []byte {
	n, size := len(dst), end-start
	if size > 16 || cap(dst)-n < 16 {
		return append(dst, data[start:end]...)
	}
	from, to := data[start:start+16], dst[n:n+16]
	binary.LittleEndian.PutUint64(to[:8], load(from, 0))
	binary.LittleEndian.PutUint64(to[8:16], load(from, 8))
	return dst[:n+size]
}

func (d *JSON) fillDoubles(v *column.Vector, data []byte, spans []span, step, n int) {
	base := len(v.Float)
	v.Float = slices.Grow(v.Float, n)[:base+n]
	floats := v.Float[base:]
	for r := range floats {
		s := &spans[r*step]
		x, ok := 0.0, s.whole > 0
		if ok {
			x = shortDouble(data, s)
		} else if s.kind > kindNull {
			x, ok = d.values.floatValue(data[s.start:s.end], s.kind, column.Float64)
		}
		if floats[r] = x; !ok {
			v.SetNull(base + r)
		}
	}
	v.EnsureNull(base + n)
}

// shortDouble is the value of a number that shortNumber has accepted. 17 bytes can be read at its start.
func shortDouble(data []byte, s *span) float64 {
	p, n := int(s.start), int(s.whole)
	whole := leadDigits(load(data, p)^lowBits*'0', n)
	if s.kind == kindInt {
		return float64(whole)
	}
	p += n + 1
	n = int(s.end) - p
	// below 10^14, so exact, as is the power: the division is rounded correctly
	return float64(whole*wholePow10[n]+leadDigits(load(data, p)^lowBits*'0', n)) / exactPow10[n]
}

func (d *JSON) fillInts(v *column.Vector, data []byte, spans []span, step, n int) {
	base, to := len(v.Int), v.Type.Kind
	v.Int = slices.Grow(v.Int, n)[:base+n]
	ints := v.Int[base:]
	for r := range ints {
		s := &spans[r*step]
		x, ok := integerValue(data[s.start:s.end], s.kind, to)
		if ints[r] = x; !ok {
			v.SetNull(base + r)
		}
	}
	v.EnsureNull(base + n)
}

func (d *JSON) fillTimestamps(v *column.Vector, data []byte, spans []span, step, n int, fromString bool) {
	base := len(v.Int)
	v.Int = slices.Grow(v.Int, n)[:base+n]
	ints := v.Int[base:]
	utc := d.opts.Zone == nil || d.opts.Zone == time.UTC
	for r := range ints {
		s := &spans[r*step]
		b := data[s.start:s.end]
		x, zoned, ok := int64(0), false, false
		if s.kind == kindString {
			x, zoned, ok = d.lastMin.parse(data, int(s.start), int(s.end))
			ok = ok && (zoned || utc)
		}
		switch {
		case ok:
		case fromString:
			x, ok = d.values.castTime(b, s.kind)
		default:
			x, ok = d.values.timeValue(b, s.kind, column.Timestamp)
		}
		if ints[r] = x; !ok {
			v.SetNull(base + r)
		}
	}
	v.EnsureNull(base + n)
}

// minuteCache remembers the newest minute that a timestamp named: event times come nearly in order, so
// that the next one mostly begins with the same sixteen bytes.
type minuteCache struct {
	date, clock uint64 // yyyy-mm- and ddThh:mm
	micros      int64
}

// parse is parseISO for data[start:end], behind which padding bytes can be read.
func (c *minuteCache) parse(data []byte, start, end int) (micros int64, zoned, ok bool) {
	if end-start < 19 {
		return 0, false, false
	}
	b := data[start : start+padding/2]
	date, clock := load(b, 0), load(b, 8)
	if date != c.date || clock != c.clock {
		if micros, ok = parseMinute(b); !ok {
			return 0, false, false
		}
		*c = minuteCache{date, clock, micros}
	}
	second, ok := parseSecond(b)
	if !ok {
		return 0, false, false
	}
	micros = c.micros + second
	// six digits and a zone of nothing, Z or +00:00; parseTail takes the rest
	fraction := load(b, 20) ^ lowBits*'0'
	if b[19] == '.' && nonDigitMask(fraction)&(1<<48-1) == 0 {
		tail := load(b, 24) >> 16
		if n := end - start - 26; n == 6 && tail == zeroOffset || n == 1 && byte(tail) == 'Z' {
			return micros + int64(leadDigits(fraction, 6)), true, true
		}
	}
	more, zoned, ok := parseTail(data[start+19 : end])
	return micros + more, zoned, ok
}

// zeroOffset is the bytes of +00:00.
const zeroOffset = '+' | '0'<<8 | '0'<<16 | ':'<<24 | '0'<<32 | '0'<<40
