package expr

import (
	"math"
	"math/big"

	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/column"
)

// timeSums are the functions that + - * / become when one side is a date, a timestamp or an interval, and
// the same with failures as NULL for try_add and its like.
func timeSums() []function {
	list := []function{
		{name: "date_add", also: "dateadd", check: checkDateAdd, kernel: addDays(1)},
		{name: "date_sub", sig: "date;days -> date", kernel: addDays(-1)},
		{name: "add_months", sig: "date;int -> date", kernel: same(addMonths)},
		{name: "timestampadd", check: checkTimestampAdd},
		{name: "date plus months", sig: "date;any -> date", kernel: same(addMonths)},
		{name: "time plus months", sig: "time;any -> =0", kernel: addMonthsToTime(javaArithmetic)},
		{name: "time plus micros", sig: "time;any -> =0", kernel: addMicros(javaArithmetic)},
		{name: "timestampadd months", sig: "time;any -> =0", kernel: addMonthsToTime(timeOverflow)},
		{name: "timestampadd days", sig: "time;bigint -> =0", kernel: addDaysToTime},
		{name: "timestampadd micros", sig: "time;any -> =0", kernel: addMicros(timeOverflow)},
		{name: "interval times", sig: "any;any", check: checkScale, kernel: scaleInterval},
		{name: "interval divided", sig: "any;any", check: checkScale, kernel: scaleInterval},
		{name: "datediff", also: "date_diff", check: checkDatediff, kernel: same(dayDifference)},
		{name: "timestampdiff", also: "timediff", check: checkTimestampDiff, kernel: timeDifference},
		{name: "time difference", sig: "any;any -> interval day to second", kernel: subtractTimes},
		{name: "day difference", sig: "date;date", check: checkDayDifference, kernel: same(dayInterval)},
		{name: "months_between", sig: "timestamp;timestamp;boolean? -> double", kernel: monthsBetween},
		{name: "last_day", sig: "date -> date", kernel: dateField(lastDay)},
	}
	for _, name := range []string{"date_add", "date_sub", "date plus months", "time plus months", "time plus micros",
		"interval times", "interval divided", "time difference", "day difference"} {
		list = append(list, function{name: "try " + name, kernel: quietly(name)})
	}
	return list
}

// timeArithmetic binds + - * / where a side is a date, a timestamp or an interval; false says that
// none is.
func timeArithmetic(c *call) (*Node, bool) {
	l, r := c.args[0], c.args[1]
	lt, rt := l.Type, r.Type
	timed := func(t column.Type) bool { return isDatetime(t) || isInterval(t) }
	if !timed(lt) && !timed(rt) {
		return nil, false
	}
	var n *Node
	done := false
	switch c.fn.name {
	case "+":
		n, done = c.timePlus(l, r, lt, rt)
	case "-":
		n, done = c.timeMinus(l, r, lt, rt)
	case "*":
		switch {
		case isInterval(lt):
			n, done = c.scaled("interval times", l, 1), true
		case isInterval(rt):
			c.args[0], c.args[1] = r, l
			n, done = c.scaled("interval times", r, 1), true
		}
	case "/":
		if isInterval(lt) {
			n, done = c.scaled("interval divided", l, 1), true
		}
	}
	if !done {
		n = c.badOperands()
	}
	return n, true
}

// scaled is an interval times or by argument k, a number or a text of one.
func (c *call) scaled(name string, interval *Node, k int) *Node {
	if c.args[k].Type.Kind == column.Void {
		c.args[k] = castTo(c.args[k], column.Of(column.Float64))
	}
	if !c.coerce(k, "numeric") {
		return nil
	}
	return c.other(name, interval, c.args[k])
}

// sameIntervals is the sum or difference of two intervals of one kind, one of which may be NULL.
func (c *call) sameIntervals(l, r *Node, lt, rt column.Type) (*Node, bool) {
	known := isInterval(lt) && (rt.Kind == lt.Kind || rt.Kind == column.Void) || isInterval(rt) && lt.Kind == column.Void
	if !known {
		return nil, false
	}
	t, _ := tightest(lt, rt)
	c.args[0], c.args[1] = castTo(l, t), castTo(r, t)
	return c.node(t), true
}

func (c *call) timePlus(l, r *Node, lt, rt column.Type) (*Node, bool) {
	if n, ok := c.sameIntervals(l, r, lt, rt); ok {
		return n, true
	}
	switch {
	case rt.Kind == column.DayTime:
		return c.plusInterval(l, r, 0), true
	case lt.Kind == column.DayTime:
		return c.plusInterval(r, l, 1), true
	case isDatetime(lt) && rt.Kind == column.YearMonth:
		return c.plusMonths(l, r), true
	case isDatetime(rt) && lt.Kind == column.YearMonth:
		return c.plusMonths(r, l), true
	case isDatetime(lt) && lt.Kind != column.Date && rt.Kind == column.Void:
		return nullOf(lt, r), true
	case isDatetime(rt) && rt.Kind != column.Date && lt.Kind == column.Void:
		return nullOf(rt, l), true
	case lt.Kind == column.Date && rt.Kind != column.String:
		return c.other("date_add", l, r), true
	case rt.Kind == column.Date && lt.Kind != column.String:
		return c.other("date_add", r, l), true
	case lt.Kind == column.Date:
		return c.mismatch(1, "int"), true
	case rt.Kind == column.Date:
		return c.mismatch(0, "int"), true
	}
	return nil, false
}

func (c *call) timeMinus(l, r *Node, lt, rt column.Type) (*Node, bool) {
	if n, ok := c.sameIntervals(l, r, lt, rt); ok {
		return n, true
	}
	isTimestamp := func(t column.Type) bool { return t.Kind == column.Timestamp || t.Kind == column.TimestampNTZ }
	switch {
	case rt.Kind == column.DayTime:
		return c.plusInterval(l, c.other("negative", r), 0), true
	case isDatetime(lt) && rt.Kind == column.YearMonth:
		return c.plusMonths(l, c.other("negative", r)), true
	case isTimestamp(lt) || isTimestamp(rt), rt.Kind == column.Date, lt.Kind == column.Date && rt.Kind == column.String:
		return c.difference(l, r), true
	case lt.Kind == column.Date:
		return c.other("date_sub", l, r), true
	}
	return nil, false
}

// plusInterval adds a day-time interval to argument k: a time, or the text of one, which stays a text.
func (c *call) plusInterval(t, x *Node, k int) *Node {
	switch {
	case x == nil:
		return nil
	case t.Type.Kind == column.Date && x.Type.To == column.UnitDay:
		return c.other("date_add", t, castTo(x, column.Of(column.Int32)))
	case t.Type.Kind == column.String:
		n := c.other("time plus micros", castTo(t, column.Of(column.Timestamp)), x)
		return castTo(n, t.Type)
	case !isDatetime(t.Type) && t.Type.Kind != column.Void:
		return c.mismatch(k, "a time")
	}
	return c.other("time plus micros", t, x)
}

func (c *call) plusMonths(t, x *Node) *Node {
	if t.Type.Kind == column.Date {
		return c.other("date plus months", t, x)
	}
	return c.other("time plus months", t, x)
}

// difference is between two dates or two timestamps; a text is read as what the other side is.
func (c *call) difference(l, r *Node) *Node {
	read := func(n, other *Node) *Node {
		if k := n.Type.Kind; k == column.String || k == column.Void {
			return castTo(n, other.Type)
		}
		return n
	}
	for k, n := range []*Node{l, r} {
		if t := n.Type; !isDatetime(t) && t.Kind != column.String && t.Kind != column.Void {
			return c.mismatch(k, "a time")
		}
	}
	l, r = read(l, r), read(r, l)
	if l.Type.Kind == column.Date && r.Type.Kind == column.Date {
		return c.other("day difference", l, r)
	}
	t, _ := tightest(l.Type, r.Type)
	return c.other("time difference", castTo(l, t), castTo(r, t))
}

func checkDateAdd(c *call) *Node {
	if len(c.args) == 3 && c.args[0].Name == unitName {
		return c.other("timestampadd", c.args...)
	}
	if !c.arity(2, 2) || !c.coerce(0, "date") || !c.coerce(1, "days") {
		return nil
	}
	return c.node(column.Of(column.Date))
}

// addDays adds days, or takes them away. What does not fit turns round, as Spark's does.
func addDays(sign int64) maker {
	return same(func(f *frame, rows []uint32) {
		for _, i := range rows {
			f.out.Int[i] = int64(int32(f.int(0, i) + sign*f.int(1, i)))
		}
	})
}

// plusMonths adds months to a date; a day that the month does not have becomes its last.
func plusMonths(days, months int64) int64 {
	year, month, day := codec.DateOf(days)
	m := year*12 + int64(month-1) + months
	year, month = codec.FloorDiv(m, 12), int(codec.FloorMod(m, 12))+1
	return codec.DaysOf(year, month, min(day, codec.DaysIn(year, month)))
}

func addMonths(f *frame, rows []uint32) {
	for _, i := range rows {
		days := plusMonths(f.int(0, i), f.int(1, i))
		if days < math.MinInt32 || days > math.MaxInt32 {
			f.fail(i, "ARITHMETIC_OVERFLOW", "")
			continue
		}
		f.out.Int[i] = days
	}
}

// wallClock gives the conversions between a value and the clock on the wall: none for TIMESTAMP_NTZ.
func wallClock(t column.Type, env *Env) (to, from func(int64) int64) {
	if t.Kind == column.TimestampNTZ {
		same := func(x int64) int64 { return x }
		return same, same
	}
	local := newLocalTime(env.Zone)
	return local.of, func(x int64) int64 { return codec.ToInstant(x, env.Zone) }
}

// Days that a time can have; beyond, its microseconds overflow.
const (
	leastDay = math.MinInt64/codec.MicrosPerDay + 2
	mostDay  = math.MaxInt64/codec.MicrosPerDay - 2
)

// addMonthsToTime fails rows that overflow with a class.
func addMonthsToTime(class string) maker {
	return func(n *Node, env *Env) (kernel, error) {
		to, from := wallClock(n.Type, env)
		return func(f *frame, rows []uint32) {
			for _, i := range rows {
				wall, months := to(f.int(0, i)), f.int(1, i)
				days, rest := codec.FloorDiv(wall, codec.MicrosPerDay), codec.FloorMod(wall, codec.MicrosPerDay)
				if months >= math.MinInt32 && months <= math.MaxInt32 {
					days = plusMonths(days, months)
				} else {
					days = mostDay + 1
				}
				if days < leastDay || days > mostDay {
					f.fail(i, class, "")
					continue
				}
				f.out.Int[i] = from(days*codec.MicrosPerDay + rest)
			}
		}, nil
	}
}

func addDaysToTime(n *Node, env *Env) (kernel, error) {
	to, from := wallClock(n.Type, env)
	return func(f *frame, rows []uint32) {
		for _, i := range rows {
			wall, days := to(f.int(0, i)), f.int(1, i)
			if sum := codec.FloorDiv(wall, codec.MicrosPerDay) + days; days < -mostDay || days > mostDay || sum < leastDay || sum > mostDay {
				f.fail(i, timeOverflow, "")
				continue
			}
			f.out.Int[i] = from(wall + days*codec.MicrosPerDay)
		}
	}, nil
}

// addMicros adds an interval to a time, and fails rows that overflow with a class. Whole days are days of
// the calendar, as in Spark.
func addMicros(class string) maker {
	return func(n *Node, env *Env) (kernel, error) {
		to, from := wallClock(n.Type, env)
		utc := env.Zone == nil || newLocalTime(env.Zone).zone == nil || n.Type.Kind == column.TimestampNTZ
		return func(f *frame, rows []uint32) {
			for _, i := range rows {
				x, d := f.int(0, i), f.int(1, i)
				r := x + d
				if (x^r)&(d^r) < 0 {
					f.fail(i, class, "")
					continue
				}
				if !utc {
					days := d / codec.MicrosPerDay
					r = from(to(x)+days*codec.MicrosPerDay) + d - days*codec.MicrosPerDay
				}
				f.out.Int[i] = r
			}
		}, nil
	}
}

func checkScale(c *call) *Node {
	t := c.args[0].Type
	if t.Kind == column.DayTime {
		return c.node(wordType("interval day to second"))
	}
	return c.node(column.Type{Kind: column.YearMonth, From: column.UnitYear, To: column.UnitMonth})
}

// scaleInterval multiplies or divides an interval by a number, rounding half up.
func scaleInterval(n *Node, _ *Env) (kernel, error) {
	t, divide := n.Args[1].Type, n.Func == "interval divided"
	least, most := bounds(n.Type.Kind)
	return func(f *frame, rows []uint32) {
		for _, i := range rows {
			num, den := big.NewInt(f.int(0, i)), big.NewInt(1)
			if t.UsesFloat() {
				f.scaleByFloat(i, f.float(1, i), divide, least, most)
				continue
			}
			x := big.NewInt(0)
			if t.Kind == column.Decimal {
				x, den = decimalAt(f.args[1], int(i)).big(), pow10(int(t.Scale))
			} else {
				x.SetInt64(f.int(1, i))
			}
			if divide {
				if x.Sign() == 0 {
					f.fail(i, "INTERVAL_DIVIDED_BY_ZERO", "")
					continue
				}
				num.Mul(num, den)
				den = x
			} else {
				num.Mul(num, x)
			}
			r := divRound(num, den, halfUp)
			if !r.IsInt64() || r.Int64() < least || r.Int64() > most {
				f.fail(i, javaArithmetic, "")
				continue
			}
			f.out.Int[i] = r.Int64()
		}
	}, nil
}

func (f *frame) scaleByFloat(i uint32, x float64, divide bool, least, most int64) {
	r := float64(f.int(0, i)) * x
	if divide {
		if x == 0 {
			f.fail(i, "INTERVAL_DIVIDED_BY_ZERO", "")
			return
		}
		r = float64(f.int(0, i)) / x
	}
	if r = math.Round(r); !(r >= float64(least) && r < -float64(least)) || int64(r) > most {
		f.fail(i, javaArithmetic, "")
		return
	}
	f.out.Int[i] = int64(r)
}

// subtractTimes is the difference by the clock on the wall.
func subtractTimes(n *Node, env *Env) (kernel, error) {
	wall, _ := wallClock(n.Args[0].Type, env)
	return func(f *frame, rows []uint32) {
		for _, i := range rows {
			f.out.Int[i] = wall(f.int(0, i)) - wall(f.int(1, i))
		}
	}, nil
}

func checkDayDifference(c *call) *Node {
	return c.node(column.Type{Kind: column.DayTime, From: column.UnitDay, To: column.UnitDay})
}

func dayInterval(f *frame, rows []uint32) {
	for _, i := range rows {
		f.out.Int[i] = (f.int(0, i) - f.int(1, i)) * codec.MicrosPerDay
	}
}

func lastDay(days int64) int64 {
	year, month, _ := codec.DateOf(days)
	return codec.DaysOf(year, month, codec.DaysIn(year, month))
}
