package expr

import (
	"math"
	"strings"

	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/column"
)

// calendarUnit is a unit of timestampadd and timestampdiff: so many microseconds or months.
type calendarUnit struct {
	micros, months int64
	days           bool // counts days of the calendar
}

func calendarUnitOf(name string) (calendarUnit, bool) {
	switch strings.ToUpper(name) {
	case "MICROSECOND":
		return calendarUnit{micros: 1}, true
	case "MILLISECOND":
		return calendarUnit{micros: 1000}, true
	case "SECOND":
		return calendarUnit{micros: codec.MicrosPerSecond}, true
	case "MINUTE":
		return calendarUnit{micros: codec.MicrosPerMinute}, true
	case "HOUR":
		return calendarUnit{micros: codec.MicrosPerHour}, true
	case "DAY", "DAYOFYEAR":
		return calendarUnit{micros: codec.MicrosPerDay, days: true}, true
	case "WEEK":
		return calendarUnit{micros: 7 * codec.MicrosPerDay, days: true}, true
	case "MONTH":
		return calendarUnit{months: 1}, true
	case "QUARTER":
		return calendarUnit{months: 3}, true
	case "YEAR":
		return calendarUnit{months: 12}, true
	}
	return calendarUnit{}, false
}

// unitArgument is the unit that a call names first. Without one, timestampadd and its like are no functions.
func (c *call) unitArgument() (calendarUnit, bool) {
	if len(c.args) != 3 || c.args[0].Name != unitName {
		c.fault("UNRESOLVED_ROUTINE", "%s takes a unit (YEAR, QUARTER, MONTH, WEEK, DAY, HOUR, MINUTE, SECOND, MILLISECOND, MICROSECOND) and two more arguments", c.name)
		return calendarUnit{}, false
	}
	name, _ := c.constantText(0)
	return calendarUnitOf(name)
}

// checkTimestampAdd is timestampadd(unit, count, time), by way of the sums of times.
func checkTimestampAdd(c *call) *Node {
	unit, ok := c.unitArgument()
	if !ok || !c.coerce(1, "bigint") || !c.coerce(2, "time") {
		return nil
	}
	count, t := c.args[1], c.args[2]
	size := func(x int64) *Node {
		return c.other("*", count, intConst(column.Of(column.Int64), x, c.pos))
	}
	switch {
	case unit.months != 0:
		return c.other("timestampadd months", t, size(unit.months))
	case unit.days:
		return c.other("timestampadd days", t, size(unit.micros/codec.MicrosPerDay))
	}
	return c.other("timestampadd micros", t, size(unit.micros))
}

func checkDatediff(c *call) *Node {
	if len(c.args) == 3 && c.args[0].Name == unitName {
		return c.other("timestampdiff", c.args...)
	}
	if !c.arity(2, 2) || !c.coerce(0, "date") || !c.coerce(1, "date") {
		return nil
	}
	return c.node(column.Of(column.Int32))
}

func dayDifference(f *frame, rows []uint32) {
	for _, i := range rows {
		f.out.Int[i] = f.int(0, i) - f.int(1, i)
	}
}

func checkTimestampDiff(c *call) *Node {
	if _, ok := c.unitArgument(); !ok || !c.coerce(1, "timestamp") || !c.coerce(2, "timestamp") {
		return nil
	}
	return c.node(column.Of(column.Int64))
}

// timeDifference counts whole units between two times by the clock on the wall.
func timeDifference(n *Node, env *Env) (kernel, error) {
	name, _ := nodeText(n.Args[0])
	unit, _ := calendarUnitOf(name)
	local := newLocalTime(env.Zone)
	return func(f *frame, rows []uint32) {
		for _, i := range rows {
			from, to := f.int(1, i), f.int(2, i)
			switch {
			case unit.months != 0:
				f.out.Int[i] = wholeMonths(local.of(from), local.of(to)) / unit.months
			default:
				f.out.Int[i] = (local.of(to) - local.of(from)) / unit.micros
			}
		}
	}, nil
}

// wholeMonths is the number of months that fit between two local times; negative backwards.
func wholeMonths(from, to int64) int64 {
	if to < from {
		return -wholeMonths(to, from)
	}
	fd, td := codec.FloorDiv(from, codec.MicrosPerDay), codec.FloorDiv(to, codec.MicrosPerDay)
	fy, fm, fday := codec.DateOf(fd)
	ty, tm, tday := codec.DateOf(td)
	months := (ty-fy)*12 + int64(tm-fm)
	if tday < fday || tday == fday && to-td*codec.MicrosPerDay < from-fd*codec.MicrosPerDay {
		months--
	}
	return months
}

// monthsBetween is months_between(to, from[, round]): whole if both are the same day of the month or
// the last; else with days as 31sts, rounded to 8 digits.
func monthsBetween(n *Node, env *Env) (kernel, error) {
	local := newLocalTime(env.Zone)
	return func(f *frame, rows []uint32) {
		for _, i := range rows {
			round := len(f.args) < 3 || f.bool(2, i)
			f.out.Float[i] = monthSpan(timeOfDay(local, f.int(0, i)), timeOfDay(local, f.int(1, i)), round)
		}
	}, nil
}

// dayTime is a date and the seconds of that day.
type dayTime struct{ day, seconds int64 }

// timeOfDay is the day of an instant and the seconds since that day began, which are not those of the
// clock where it is put forward or back in between.
func timeOfDay(local *localTime, instant int64) (at dayTime) {
	at.day = codec.FloorDiv(local.of(instant), codec.MicrosPerDay)
	at.seconds = codec.FloorDiv(instant-codec.ToInstant(at.day*codec.MicrosPerDay, local.zone), codec.MicrosPerSecond)
	return at
}

func monthSpan(a, b dayTime, round bool) float64 {
	ay, am, aday := codec.DateOf(a.day)
	by, bm, bday := codec.DateOf(b.day)
	months := float64((ay-by)*12 + int64(am-bm))
	if aday == bday || aday == codec.DaysIn(ay, am) && bday == codec.DaysIn(by, bm) {
		return months
	}
	const month = 31 * 24 * 3600
	rest := int64(aday-bday)*24*3600 + a.seconds - b.seconds
	months += float64(rest) / month
	if round {
		return math.Round(months*1e8) / 1e8
	}
	return months
}

// timeCuts are date_trunc, trunc, next_day and what makes and takes apart dates.
func timeCuts() []function {
	return []function{
		{name: "date_trunc", sig: "string;timestamp -> timestamp", kernel: dateTrunc},
		{name: "trunc", sig: "date;string -> date", kernel: same(truncDate)},
		{name: "next_day", sig: "date;string -> date", kernel: same(nextDay)},
		{name: "make_date", sig: "int;int;int -> date", kernel: same(makeDate)},
		{name: "make_timestamp", also: "make_timestamp_ltz", sig: "int;int;int;int;int;decimal;string? -> timestamp", kernel: same(makeTimestamp)},
		{name: "make_dt_interval", sig: "int?;int?;int?;decimal? -> interval day to second", kernel: same(makeDayTime)},
		{name: "make_ym_interval", sig: "int?;int?", check: checkMakeYearMonth, kernel: same(makeYearMonth)},
		{name: "date_from_unix_date", sig: "int -> date", kernel: dateField(func(d int64) int64 { return d })},
		{name: "unix_date", sig: "only date -> int", kernel: dateField(func(d int64) int64 { return d })},
	}
}

// floorTime cuts a local time to a unit; false: no such unit.
func floorTime(local int64, unit string) (int64, bool) {
	cut := func(size int64) int64 { return local - codec.FloorMod(local, size) }
	days := codec.FloorDiv(local, codec.MicrosPerDay)
	switch unit {
	case "MICROSECOND":
		return local, true
	case "MILLISECOND":
		return cut(1000), true
	case "SECOND":
		return cut(codec.MicrosPerSecond), true
	case "MINUTE":
		return cut(codec.MicrosPerMinute), true
	case "HOUR":
		return cut(codec.MicrosPerHour), true
	case "DAY", "DD":
		return days * codec.MicrosPerDay, true
	}
	d, ok := floorDate(days, unit)
	return d * codec.MicrosPerDay, ok
}

// floorDate cuts a date to a unit of a week or more.
func floorDate(days int64, unit string) (int64, bool) {
	year, month, _ := codec.DateOf(days)
	switch unit {
	case "WEEK":
		return days - codec.FloorMod(days+3, 7), true
	case "MONTH", "MM", "MON":
		return codec.DaysOf(year, month, 1), true
	case "QUARTER":
		return codec.DaysOf(year, (month-1)/3*3+1, 1), true
	case "YEAR", "YYYY", "YY":
		return codec.DaysOf(year, 1, 1), true
	}
	return 0, false
}

// dateTrunc is date_trunc(unit, time): NULL for a unit that there is not.
func dateTrunc(n *Node, env *Env) (kernel, error) {
	local := newLocalTime(env.Zone)
	unit, constant := nodeText(n.Args[0])
	unit = strings.ToUpper(unit)
	return func(f *frame, rows []uint32) {
		for _, i := range rows {
			if !constant {
				unit = strings.ToUpper(string(f.text(0, i)))
			}
			x, ok := floorTime(local.of(f.int(1, i)), unit)
			if !ok {
				f.null(i)
				continue
			}
			f.out.Int[i] = codec.ToInstant(x, local.zone)
		}
	}, nil
}

func truncDate(f *frame, rows []uint32) {
	for _, i := range rows {
		x, ok := floorDate(f.int(0, i), strings.ToUpper(string(f.text(1, i))))
		if !ok {
			f.null(i)
			continue
		}
		f.out.Int[i] = x
	}
}

func nextDay(f *frame, rows []uint32) {
	for _, i := range rows {
		name := strings.ToUpper(string(trimBlanks(f.text(1, i))))
		day := -1
		for d, full := range dayNames {
			upper := strings.ToUpper(full)
			if len(name) >= 2 && (name == upper || name == upper[:3] || name == upper[:2]) {
				day = d
			}
		}
		if day < 0 {
			f.failText(i, "ILLEGAL_DAY_OF_WEEK", f.text(1, i))
			continue
		}
		x := f.int(0, i) + 1
		f.out.Int[i] = x + codec.FloorMod(int64(day)-(x+3), 7)
	}
}

// setDate stores a date, or fails the row when there is no such day.
func (f *frame) dateOf(i uint32, year, month, day int64) (int64, bool) {
	if month < 1 || month > 12 || day < 1 || day > int64(codec.DaysIn(year, int(month))) {
		f.fail(i, "DATETIME_FIELD_OUT_OF_BOUNDS.WITHOUT_SUGGESTION", "")
		return 0, false
	}
	return codec.DaysOf(year, int(month), int(day)), true
}

func makeDate(f *frame, rows []uint32) {
	for _, i := range rows {
		if d, ok := f.dateOf(i, f.int(0, i), f.int(1, i), f.int(2, i)); ok {
			f.out.Int[i] = d
		}
	}
}

func makeTimestamp(f *frame, rows []uint32) {
	scale := int(f.args[5].Type.Scale)
	for _, i := range rows {
		d, ok := f.dateOf(i, f.int(0, i), f.int(1, i), f.int(2, i))
		if !ok {
			continue
		}
		hour, minute := f.int(3, i), f.int(4, i)
		micros := decimalAt(f.args[5], int(i)).scaleDown(scale-6, down)
		sixty := int64(micros.lo) == codec.MicrosPerMinute // :60 is the next minute
		if hour < 0 || hour > 23 || minute < 0 || minute > 59 || micros.hi != 0 || int64(micros.lo) >= codec.MicrosPerMinute && !sixty {
			f.fail(i, "DATETIME_FIELD_OUT_OF_BOUNDS.WITHOUT_SUGGESTION", "")
			continue
		}
		zone := f.x.env.Zone
		if len(f.args) > 6 {
			if zone, ok = codec.ParseZone(string(f.text(6, i))); !ok {
				f.failText(i, "INVALID_TIMEZONE", f.text(6, i))
				continue
			}
		}
		local := d*codec.MicrosPerDay + hour*codec.MicrosPerHour + minute*codec.MicrosPerMinute + int64(micros.lo)
		f.out.Int[i] = codec.ToInstant(local, zone)
	}
}

func makeDayTime(f *frame, rows []uint32) {
	units := [...]int64{codec.MicrosPerDay, codec.MicrosPerHour, codec.MicrosPerMinute}
	for _, i := range rows {
		total, ok := int64(0), true
		for k := 0; k < len(f.args) && ok; k++ {
			part := int64(0)
			if k < len(units) {
				part, ok = times(f.int(k, i), units[k])
			} else {
				s := decimalAt(f.args[k], int(i)).scaleDown(int(f.args[k].Type.Scale)-6, halfUp)
				part, ok = int64(s.lo), s.isSmall()
			}
			sum := total + part
			ok = ok && (total^sum)&(part^sum) >= 0
			total = sum
		}
		if !ok {
			f.fail(i, intervalOverflow, "")
			continue
		}
		f.out.Int[i] = total
	}
}

func checkMakeYearMonth(c *call) *Node {
	return c.node(column.Type{Kind: column.YearMonth, From: column.UnitYear, To: column.UnitMonth})
}

func makeYearMonth(f *frame, rows []uint32) {
	units := [...]int64{12, 1}
	for _, i := range rows {
		total := int64(0)
		for k := range f.args {
			total += f.int(k, i) * units[k]
		}
		if total < math.MinInt32 || total > math.MaxInt32 {
			f.fail(i, intervalOverflow, "")
			continue
		}
		f.out.Int[i] = total
	}
}
