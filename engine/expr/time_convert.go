package expr

import (
	"math"
	"time"

	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/sql"
)

// timeConversions are the functions between times, texts and numbers.
func timeConversions() []function {
	return []function{
		{name: "date_format", sig: "timestamp;string -> string", check: checkPattern("string"), kernel: dateFormat},
		{name: "to_timestamp", also: "to_timestamp_ltz", check: checkToTime(column.Timestamp, false)},
		{name: "try_to_timestamp", check: checkToTime(column.Timestamp, true)},
		{name: "to_timestamp_ntz", check: checkToTime(column.TimestampNTZ, false)},
		{name: "to_date", check: checkToTime(column.Date, false)},
		{name: "try_to_date", check: checkToTime(column.Date, true)},
		{name: "parse time", sig: "string;string -> timestamp", check: checkPattern("timestamp"), kernel: parseTime(false)},
		{name: "try parse time", sig: "string;string -> timestamp", check: checkPattern("timestamp"), kernel: parseTime(true)},
		{name: "unix_timestamp", also: "to_unix_timestamp", check: checkUnixTimestamp},
		{name: "from_unixtime", sig: "bigint;string? -> string", check: checkFromUnixtime},
		{name: "timestamp_seconds", check: checkTimestampSeconds, kernel: timestampSeconds},
		{name: "timestamp_millis", sig: "only integer -> timestamp", kernel: timesConst(1000)},
		{name: "timestamp_micros", sig: "only integer -> timestamp", kernel: timesConst(1)},
		{name: "unix_seconds", sig: "only timestamp -> bigint", kernel: dividedBy(codec.MicrosPerSecond)},
		{name: "unix_millis", sig: "only timestamp -> bigint", kernel: dividedBy(1000)},
		{name: "unix_micros", sig: "only timestamp -> bigint", kernel: dividedBy(1)},
		{name: "from_utc_timestamp", sig: "timestamp;string -> timestamp", kernel: shiftZone(true)},
		{name: "to_utc_timestamp", sig: "timestamp;string -> timestamp", kernel: shiftZone(false)},
		{name: "convert_timezone", check: checkConvert, kernel: convertZone},
		{name: "current_timezone", sig: "-> string", check: func(c *call) *Node { return textConst(c.b.zone().String(), c.pos) }},
		{name: "current_timestamp", also: "now", sig: "-> timestamp", kernel: queryTime, perQuery: true},
		{name: "localtimestamp", sig: "-> timestamp_ntz", kernel: queryTime, perQuery: true},
		{name: "current_date", also: "curdate", sig: "-> date", kernel: queryTime, perQuery: true},
	}
}

// checkPattern reports a constant pattern that is none.
func checkPattern(result string) func(c *call) *Node {
	return func(c *call) *Node {
		if text, ok := c.constantText(1); ok {
			if _, err := parsePattern(text, result == "timestamp"); err != nil {
				return c.b.fail(sql.Fault{Pos: c.args[1].Pos, Class: patternClass(err), Message: err.Error()})
			}
		}
		return c.node(wordType(result))
	}
}

// patterns keeps the last pattern that a call has seen.
type patterns struct {
	parsing bool // times are read by them
	text    string
	pattern *timePattern
	err     error
}

func newPatterns(n *Node, parsing bool) *patterns {
	p := &patterns{parsing: parsing}
	p.pattern, p.err = parsePattern("", parsing)
	if text, ok := nodeText(n); ok {
		p.of([]byte(text))
	}
	return p
}

func (p *patterns) of(text []byte) (*timePattern, error) {
	if string(text) != p.text {
		p.text = string(text)
		p.pattern, p.err = parsePattern(p.text, p.parsing)
	}
	return p.pattern, p.err
}

// dateFormat keeps the last text: neighbours in time often look alike.
func dateFormat(n *Node, env *Env) (kernel, error) {
	cache, local := newPatterns(n.Args[1], false), newLocalTime(env.Zone)
	var last *timePattern
	var unit, offset int64
	var text []byte
	return func(f *frame, rows []uint32) {
		for _, i := range rows {
			p, err := cache.of(f.text(1, i))
			if err != nil {
				f.fail(i, patternClass(err), err.Error())
				continue
			}
			x := f.int(0, i)
			wall := local.of(x)
			if u := codec.FloorDiv(wall, p.unit); p != last || u != unit || wall-x != offset {
				last, unit, offset = p, u, wall-x
				text = p.append(text[:0], x, wall, local.zone)
			}
			f.put(i, text)
		}
	}, nil
}

// parseTime reads texts by a pattern.
func parseTime(quiet bool) maker {
	return func(n *Node, env *Env) (kernel, error) {
		cache := newPatterns(n.Args[1], true)
		return func(f *frame, rows []uint32) {
			f.quiet = quiet
			for _, i := range rows {
				p, err := cache.of(f.text(1, i))
				if err != nil {
					f.fail(i, patternClass(err), err.Error())
					continue
				}
				x, ok := p.parse(f.text(0, i), env.Zone)
				if !ok {
					f.failText(i, "CANNOT_PARSE_TIMESTAMP", f.text(0, i))
					continue
				}
				f.out.Int[i] = x
			}
		}, nil
	}
}

// checkToTime is to_timestamp and to_date: a cast, or with a pattern a parse.
func checkToTime(kind column.Kind, try bool) func(c *call) *Node {
	return func(c *call) *Node {
		if !c.arity(1, 2) {
			return nil
		}
		t := column.Of(kind)
		x := c.args[0]
		if isNested(x.Type) {
			return c.mismatch(0, "a text or a time")
		}
		if isDatetime(x.Type) || len(c.args) == 1 && kind != column.Date && x.Type.IsNumeric() {
			return c.b.castNode(x, t, try, c.pos)
		}
		if len(c.args) == 1 { // what is no text is read by its text
			return c.b.castNode(castTo(x, column.Of(column.String)), t, try, c.pos)
		}
		name := "parse time"
		if try {
			name = "try parse time"
		}
		n := c.other(name, c.args...)
		if n == nil {
			return nil
		}
		return castTo(n, t)
	}
}

// checkUnixTimestamp is unix_timestamp([time or text [, pattern]]) in seconds.
func checkUnixTimestamp(c *call) *Node {
	if !c.arity(0, 2) {
		return nil
	}
	if len(c.args) == 0 {
		return c.other("unix_seconds", c.other("current_timestamp"))
	}
	x := c.args[0]
	if !isDatetime(x.Type) && (!c.coerce(0, "only string") || len(c.args) == 2 && !c.coerce(1, "only string")) {
		return nil
	}
	if x = c.args[0]; !isDatetime(x.Type) {
		pattern := textConst("yyyy-MM-dd HH:mm:ss", c.pos)
		if len(c.args) == 2 {
			pattern = c.args[1]
		}
		if x = c.other("parse time", x, pattern); x == nil {
			return nil
		}
	}
	return c.other("unix_seconds", x)
}

func checkFromUnixtime(c *call) *Node {
	pattern := textConst("yyyy-MM-dd HH:mm:ss", c.pos)
	if len(c.args) == 2 {
		pattern = c.args[1]
	}
	return c.other("date_format", castTo(c.args[0], column.Of(column.Timestamp)), pattern)
}

// checkTimestampSeconds takes numbers alone, not texts that hold one.
func checkTimestampSeconds(c *call) *Node {
	if !c.arity(1, 1) {
		return nil
	}
	if t := c.args[0].Type; !t.IsNumeric() && t.Kind != column.Void {
		return c.mismatch(0, "a number")
	}
	if !c.coerce(0, "numeric") {
		return nil
	}
	return c.node(column.Of(column.Timestamp))
}

// timestampSeconds is exact for whole numbers and decimals, and fails for what is finer than microseconds;
// of a double it takes what fits.
func timestampSeconds(n *Node, _ *Env) (kernel, error) {
	t := n.Args[0].Type
	return func(f *frame, rows []uint32) {
		for _, i := range rows {
			switch {
			case t.UsesFloat():
				x := f.float(0, i) * codec.MicrosPerSecond
				switch {
				case x != x || math.IsInf(f.float(0, i), 0):
					f.null(i)
				case x >= math.MaxInt64:
					f.out.Int[i] = math.MaxInt64
				case x <= math.MinInt64:
					f.out.Int[i] = math.MinInt64
				default:
					f.out.Int[i] = int64(x)
				}
			case t.Kind == column.Decimal:
				x := decimalAt(f.args[0], int(i))
				r, ok := x.rescale(int(t.Scale), 6, maxPrecision, down)
				back, exact := r.rescale(6, int(t.Scale), maxPrecision, down)
				switch {
				case ok && exact && back != x:
					f.fail(i, javaArithmetic, "a part of a microsecond would be lost")
				case !ok || !r.isSmall():
					f.fail(i, timeOverflow, "")
				default:
					f.out.Int[i] = int64(r.lo)
				}
			default:
				f.setProduct(i, f.int(0, i), codec.MicrosPerSecond, timeOverflow)
			}
		}
	}, nil
}

func timesConst(y int64) maker {
	return same(func(f *frame, rows []uint32) {
		for _, i := range rows {
			f.setProduct(i, f.int(0, i), y, timeOverflow)
		}
	})
}

func dividedBy(y int64) maker {
	return same(mapInts(func(_ *frame, x int64) int64 { return codec.FloorDiv(x, y) }))
}

// zones keeps the last zone that a call has named.
type zones struct {
	text  string
	local *localTime
	ok    bool
}

func (z *zones) of(text []byte) (*localTime, bool) {
	if z.local == nil || string(text) != z.text {
		var zone *time.Location
		z.text = string(text)
		zone, z.ok = codec.ParseZone(z.text)
		z.local = newLocalTime(zone)
	}
	return z.local, z.ok
}

// shiftZone is from_utc_timestamp and to_utc_timestamp: the instant whose UTC reading is that of the
// zone's clock, or back.
func shiftZone(fromUTC bool) maker {
	return func(_ *Node, env *Env) (kernel, error) {
		cache, session := &zones{}, newLocalTime(env.Zone)
		return func(f *frame, rows []uint32) {
			for _, i := range rows {
				zone, ok := cache.of(f.text(1, i))
				if !ok {
					f.failText(i, "INVALID_TIMEZONE", f.text(1, i))
					continue
				}
				wall := session.of(f.int(0, i))
				if fromUTC {
					wall = zone.of(wall)
				} else {
					wall = codec.ToInstant(wall, zone.zone)
				}
				f.out.Int[i] = codec.ToInstant(wall, session.zone)
			}
		}, nil
	}
}

// checkConvert is convert_timezone([from,] to, time), on TIMESTAMP_NTZ.
func checkConvert(c *call) *Node {
	if !c.arity(2, 3) {
		return nil
	}
	if len(c.args) == 2 {
		c.args = []*Node{textConst(c.b.zone().String(), c.pos), c.args[0], c.args[1]}
	}
	if !c.coerce(0, "string") || !c.coerce(1, "string") || !c.coerce(2, "timestamp_ntz") {
		return nil
	}
	return c.node(column.Of(column.TimestampNTZ))
}

func convertZone(*Node, *Env) (kernel, error) {
	from, to := &zones{}, &zones{}
	return func(f *frame, rows []uint32) {
		for _, i := range rows {
			a, ok1 := from.of(f.text(0, i))
			b, ok2 := to.of(f.text(1, i))
			if !ok1 || !ok2 {
				f.fail(i, "INVALID_TIMEZONE", "")
				continue
			}
			f.out.Int[i] = b.of(codec.ToInstant(f.int(2, i), a.zone))
		}
	}, nil
}

// queryTime is the time of the query, or on a stream of the row, as the type asks for it.
func queryTime(n *Node, _ *Env) (kernel, error) {
	return func(f *frame, rows []uint32) {
		zone := f.x.env.Zone
		*f.x.sawNow = true
		for _, i := range rows {
			x := f.x.now(i)
			switch n.Type.Kind {
			case column.Date:
				x = codec.FloorDiv(codec.ToLocal(x, zone), codec.MicrosPerDay)
			case column.TimestampNTZ:
				x = codec.ToLocal(x, zone)
			}
			f.out.Int[i] = x
		}
	}, nil
}
