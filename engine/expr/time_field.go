package expr

import (
	"strings"

	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/sql"
)

// timeFields are the parts of a date or a time.
func timeFields() []function {
	return []function{
		{name: "hour", sig: "timestamp -> int", kernel: clockField(codec.MicrosPerHour, 24)},
		{name: "minute", sig: "timestamp -> int", kernel: clockField(codec.MicrosPerMinute, 60)},
		{name: "second", sig: "timestamp -> int", kernel: clockField(codec.MicrosPerSecond, 60)},
		{name: "second with fraction", sig: "timestamp", check: checkSeconds, kernel: secondsKernel},
		{name: "year", sig: "date -> int", kernel: dateField(func(d int64) int64 { y, _, _ := codec.DateOf(d); return y })},
		{name: "quarter", sig: "date -> int", kernel: dateField(func(d int64) int64 { _, m, _ := codec.DateOf(d); return int64(m+2) / 3 })},
		{name: "month", sig: "date -> int", kernel: dateField(func(d int64) int64 { _, m, _ := codec.DateOf(d); return int64(m) })},
		{name: "day", also: "dayofmonth", sig: "date -> int", kernel: dateField(func(d int64) int64 { _, _, x := codec.DateOf(d); return int64(x) })},
		{name: "dayofweek", sig: "date -> int", kernel: weekdayField(4, 1)},
		{name: "dayofweek_iso", sig: "date -> int", kernel: weekdayField(3, 1)},
		{name: "weekday", sig: "date -> int", kernel: weekdayField(3, 0)},
		{name: "dayofyear", sig: "date -> int", kernel: dateField(dayOfYear)},
		{name: "weekofyear", sig: "date -> int", kernel: dateField(func(d int64) int64 { _, w := isoWeek(d); return w })},
		{name: "yearofweek", sig: "date -> int", kernel: dateField(func(d int64) int64 { y, _ := isoWeek(d); return y })},
		{name: "dayname", sig: "date -> string", kernel: nameOf(func(d int64) string { return dayNames[codec.FloorMod(d+3, 7)][:3] })},
		{name: "monthname", sig: "date -> string", kernel: nameOf(func(d int64) string { _, m, _ := codec.DateOf(d); return monthNames[m-1][:3] })},
		{name: "extract", also: "date_part datepart", check: checkExtract},
		{name: "part of interval", check: checkIntervalPart, kernel: intervalPartKernel},
	}
}

// clockField is a field of the time of day: its unit, and how many of them make the next one.
func clockField(unit, cycle int64) maker {
	return func(_ *Node, env *Env) (kernel, error) {
		local := newLocalTime(env.Zone)
		return func(f *frame, rows []uint32) {
			in, out := f.args[0].Int, f.out.Int
			if local.zone == nil {
				for _, i := range rows {
					// Shifted to be positive, so that one division each does.
					out[i] = int64(uint64(in[i]+epochShift) / uint64(unit) % uint64(cycle))
				}
				return
			}
			for _, i := range rows {
				out[i] = codec.FloorMod(codec.FloorDiv(local.of(in[i]), unit), cycle)
			}
		}, nil
	}
}

// epochShift is a whole number of days, about 146,000 years, in microseconds: any timestamp in range
// is positive after it is added.
const epochShift = 53_375_995 * codec.MicrosPerDay

func dateField(fn func(days int64) int64) maker {
	return same(mapInts(func(_ *frame, x int64) int64 { return fn(x) }))
}

// weekdayField is (days + shift) mod 7 + first.
func weekdayField(shift, first int64) maker {
	return same(func(f *frame, rows []uint32) {
		in, out := f.args[0].Int, f.out.Int
		for _, i := range rows {
			out[i] = codec.FloorMod(in[i]+shift, 7) + first
		}
	})
}

func nameOf(fn func(days int64) string) maker {
	return eachText(func(f *frame, i uint32, dst []byte) []byte { return append(dst, fn(f.int(0, i))...) })
}

var dayNames = [...]string{"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"}

var monthNames = [...]string{"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"}

func dayOfYear(days int64) int64 {
	year, _, _ := codec.DateOf(days)
	return days - codec.DaysOf(year, 1, 1) + 1
}

// isoWeek is the ISO 8601 week and its year: the one that holds the week's Thursday.
func isoWeek(days int64) (year, week int64) {
	thursday := days - codec.FloorMod(days+3, 7) + 3
	year, _, _ = codec.DateOf(thursday)
	return year, (thursday-codec.DaysOf(year, 1, 1))/7 + 1
}

func checkSeconds(c *call) *Node { return c.node(column.DecimalOf(8, 6)) }

// secondsKernel is the seconds of a minute with their fraction, as DECIMAL(8,6).
func secondsKernel(_ *Node, env *Env) (kernel, error) {
	local := newLocalTime(env.Zone)
	return func(f *frame, rows []uint32) {
		for _, i := range rows {
			setDecimal(f.out, int(i), small(codec.FloorMod(local.of(f.int(0, i)), codec.MicrosPerMinute)))
		}
	}, nil
}

// checkExtract is extract(field FROM x) and date_part('field', x).
func checkExtract(c *call) *Node {
	if !c.arity(2, 2) {
		return nil
	}
	field, ok := c.constantText(0)
	if !ok {
		return c.fault("NON_FOLDABLE_ARGUMENT", "the field of %s is a constant text", c.name)
	}
	x := c.args[1]
	if isInterval(x.Type) {
		return c.other("part of interval", c.args...)
	}
	name := ""
	switch strings.ToUpper(field) {
	case "YEAR", "Y", "YEARS", "YR", "YRS":
		name = "year"
	case "YEAROFWEEK":
		name = "yearofweek"
	case "QUARTER", "QTR":
		name = "quarter"
	case "MONTH", "MON", "MONS", "MONTHS":
		name = "month"
	case "WEEK", "W", "WEEKS":
		name = "weekofyear"
	case "DAY", "D", "DAYS":
		name = "day"
	case "DAYOFWEEK", "DOW":
		name = "dayofweek"
	case "DAYOFWEEK_ISO", "DOW_ISO":
		name = "dayofweek_iso"
	case "DOY":
		name = "dayofyear"
	case "HOUR", "H", "HOURS", "HR", "HRS":
		name = "hour"
	case "MINUTE", "M", "MIN", "MINS", "MINUTES":
		name = "minute"
	case "SECOND", "S", "SEC", "SECONDS", "SECS":
		name = "second with fraction"
	default:
		return c.badField(field)
	}
	return c.other(name, x)
}

func (c *call) badField(field string) *Node {
	return c.b.fail(sql.Fault{Pos: c.pos, Class: "INVALID_EXTRACT_FIELD",
		Message: "field " + field + " cannot be extracted from " + c.args[1].Type.String(),
		Hint:    "fields are YEAR, QUARTER, MONTH, WEEK, DAY, DAYOFWEEK, DOY, HOUR, MINUTE, SECOND"})
}

// intervalField is a field of an interval: what is left of larger units in units of its own.
type intervalField struct {
	unit, cycle int64
	typ         column.Type
}

// intervalUnits are the units of an interval by the names that extract has for them.
var intervalUnits = map[string]uint8{
	"YEAR": column.UnitYear, "Y": column.UnitYear, "YEARS": column.UnitYear, "YR": column.UnitYear, "YRS": column.UnitYear,
	"MONTH": column.UnitMonth, "MON": column.UnitMonth, "MONS": column.UnitMonth, "MONTHS": column.UnitMonth,
	"DAY": column.UnitDay, "D": column.UnitDay, "DAYS": column.UnitDay,
	"HOUR": column.UnitHour, "H": column.UnitHour, "HOURS": column.UnitHour, "HR": column.UnitHour, "HRS": column.UnitHour,
	"MINUTE": column.UnitMinute, "M": column.UnitMinute, "MIN": column.UnitMinute, "MINS": column.UnitMinute, "MINUTES": column.UnitMinute,
	"SECOND": column.UnitSecond, "S": column.UnitSecond, "SEC": column.UnitSecond, "SECONDS": column.UnitSecond, "SECS": column.UnitSecond,
}

// intervalFieldOf is false for a field that an interval of that type does not have.
func intervalFieldOf(field string, t column.Type) (intervalField, bool) {
	unit, ok := intervalUnits[strings.ToUpper(field)]
	if !ok || unit < t.From || unit > t.To {
		return intervalField{}, false
	}
	tiny := column.Of(column.Int8)
	switch unit {
	case column.UnitYear:
		return intervalField{12, 0, column.Of(column.Int32)}, true
	case column.UnitMonth:
		return intervalField{1, 12, tiny}, true
	case column.UnitDay:
		return intervalField{codec.MicrosPerDay, 0, column.Of(column.Int32)}, true
	case column.UnitHour:
		return intervalField{codec.MicrosPerHour, 24, tiny}, true
	case column.UnitMinute:
		return intervalField{codec.MicrosPerMinute, 60, tiny}, true
	}
	return intervalField{1, codec.MicrosPerMinute, column.DecimalOf(8, 6)}, true
}

func checkIntervalPart(c *call) *Node {
	if !c.arity(2, 2) {
		return nil
	}
	field, _ := c.constantText(0)
	if !isInterval(c.args[1].Type) {
		return c.mismatch(1, "an interval")
	}
	part, ok := intervalFieldOf(field, c.args[1].Type)
	if !ok {
		return c.badField(field)
	}
	return c.node(part.typ)
}

func intervalPartKernel(n *Node, _ *Env) (kernel, error) {
	field, _ := nodeText(n.Args[0])
	part, _ := intervalFieldOf(field, n.Args[1].Type)
	return func(f *frame, rows []uint32) {
		for _, i := range rows {
			x := f.int(1, i) / part.unit
			if part.cycle != 0 {
				x %= part.cycle
			}
			f.out.Int[i] = x
			if part.typ.Kind == column.Decimal {
				setDecimal(f.out, int(i), small(x))
			}
		}
	}, nil
}
