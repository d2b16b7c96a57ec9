package codec

import (
	"slices"
	"time"

	"github.com/nagare-stream/nagare/engine/column"
)

// fillColumns appends n rows to each vector, from the spans of one chunk.
func (d *JSON) fillColumns(data []byte, n int, out []column.Vector) {
	step := len(d.fields)
	for t := range d.targets {
		v := &out[t]
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
			for r := range n {
				d.values.append(v, data, spans[r*step])
			}
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
			text = append(text, data[s.start:s.end]...)
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

func (d *JSON) fillDoubles(v *column.Vector, data []byte, spans []span, step, n int) {
	base := len(v.Float)
	v.Float = slices.Grow(v.Float, n)[:base+n]
	floats := v.Float[base:]
	for r := range floats {
		s := &spans[r*step]
		x, ok := 0.0, false
		if s.kind > kindNull {
			x, ok = d.values.floatValue(data[s.start:s.end], s.kind, column.Float64)
		}
		if floats[r] = x; !ok {
			v.SetNull(base + r)
		}
	}
	v.EnsureNull(base + n)
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
			x, zoned, ok = d.lastMin.parse(b)
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

// parse is parseISO.
func (c *minuteCache) parse(b []byte) (micros int64, zoned, ok bool) {
	if len(b) < 19 {
		return 0, false, false
	}
	date, clock := load(b, 0), load(b, 8)
	if date != c.date || clock != c.clock {
		if micros, ok = parseMinute(b); !ok {
			return 0, false, false
		}
		*c = minuteCache{date, clock, micros}
	}
	second, ok1 := parseSecond(b)
	tail, zoned, ok2 := parseTail(b[19:])
	return c.micros + second + tail, zoned, ok1 && ok2
}
