package expr

import (
	"bytes"
	"strings"
	"time"

	"github.com/nagare-stream/nagare/engine/codec"
)

// parsedTime is what a text says under a pattern.
type parsedTime struct {
	field [timeFieldCount]int64
	set   [timeFieldCount]bool
	zone  *time.Location
	zoned bool
}

// timeField is a field that a letter of a pattern sets. A text that gives one field two values, or fields
// that contradict each other, is refused.
type timeField uint8

const (
	fieldYear timeField = iota
	fieldYearOfEra
	fieldEra // 0: BC; 1: AD
	fieldMonth
	fieldDay
	fieldDayOfYear
	fieldHour
	fieldHourOne // 1 to 24
	fieldHour12
	fieldHour12One // 1 to 12
	fieldHalf      // 0: AM; 1: PM
	fieldMinute
	fieldSecond
	fieldMicro
	fieldOffset // seconds
	fieldJulian // days since 1858-11-17
	timeFieldCount
)

// timeFieldRange is the least and the greatest value of each field.
var timeFieldRange = [timeFieldCount][2]int64{
	fieldYear: {-999999999, 999999999}, fieldYearOfEra: {1, 999999999}, fieldEra: {0, 1},
	fieldMonth: {1, 12}, fieldDay: {1, 31}, fieldDayOfYear: {1, 366},
	fieldHour: {0, 23}, fieldHourOne: {1, 24}, fieldHour12: {0, 11}, fieldHour12One: {1, 12}, fieldHalf: {0, 1},
	fieldMinute: {0, 59}, fieldSecond: {0, 59}, fieldMicro: {0, codec.MicrosPerSecond - 1}, fieldOffset: {-18 * 3600, 18 * 3600}, fieldJulian: {-365000000, 365000000},
}

// put sets a field; false: it cannot have the value, or has another one.
func (t *parsedTime) put(k timeField, v int64) bool {
	if t.set[k] && t.field[k] != v || v < timeFieldRange[k][0] || v > timeFieldRange[k][1] {
		return false
	}
	t.field[k], t.set[k] = v, true
	return true
}

// or is a field, or what it is without being in the text.
func (t *parsedTime) or(k timeField, missing int64) int64 {
	if t.set[k] {
		return t.field[k]
	}
	return missing
}

// parse reads a text that has the pattern, whole, as java.time does with strict resolving; what the
// pattern leaves out is that of 1970-01-01 00:00:00.
func (p *timePattern) parse(b []byte, zone *time.Location) (micros int64, ok bool) {
	t := parsedTime{}
	rest, ok := parseItems(p.items, b, &t)
	if !ok || len(rest) > 0 {
		return 0, false
	}
	return t.resolve(zone)
}

func parseItems(items []patternItem, b []byte, t *parsedTime) (rest []byte, ok bool) {
	for i := range items {
		it := &items[i]
		switch {
		case it.section != nil:
			saved := *t
			if after, ok := parseItems(it.section, b, t); ok {
				b = after
			} else {
				*t = saved
			}
		case it.letter == 0:
			if !bytes.HasPrefix(b, []byte(it.literal)) {
				return nil, false
			}
			b = b[len(it.literal):]
		default:
			adjacent := i+1 < len(items) && isDigitField(&items[i+1])
			if b, ok = t.read(it, b, adjacent); !ok {
				return nil, false
			}
		}
	}
	return b, true
}

func isDigitField(it *patternItem) bool {
	switch it.letter {
	case 'y', 'd', 'D', 'H', 'k', 'K', 'h', 'm', 's', 'S':
		return true
	case 'M', 'L':
		return it.count < 3
	}
	return false
}

// digits reads a number of least to most digits.
func readDigits(b []byte, least, most int) (x int64, rest []byte, ok bool) {
	n := 0
	for n < len(b) && n < most && b[n] >= '0' && b[n] <= '9' {
		x = x*10 + int64(b[n]-'0')
		n++
	}
	return x, b[n:], n >= least
}

// read reads one field of the pattern off b.
func (t *parsedTime) read(it *patternItem, b []byte, adjacent bool) (rest []byte, ok bool) {
	n := it.count
	switch it.letter {
	case 'y':
		return t.readYear(it, b, adjacent)
	case 'G':
		return t.readName(b, eraNames(n), fieldEra, 0)
	case 'M', 'L':
		switch n {
		case 3:
			return t.readName(b, shortMonthNames[:], fieldMonth, 1)
		case 4:
			return t.readName(b, monthNames[:], fieldMonth, 1)
		}
		return t.readNumber(b, n, 2, adjacent, fieldMonth)
	case 'd':
		return t.readNumber(b, n, 2, adjacent, fieldDay)
	case 'D':
		return t.readNumber(b, n, 3, adjacent, fieldDayOfYear)
	case 'a':
		return t.readName(b, halfNames[:], fieldHalf, 0)
	case 'H':
		return t.readNumber(b, n, 2, adjacent, fieldHour)
	case 'k':
		return t.readNumber(b, n, 2, adjacent, fieldHourOne)
	case 'K':
		return t.readNumber(b, n, 2, adjacent, fieldHour12)
	case 'h':
		return t.readNumber(b, n, 2, adjacent, fieldHour12One)
	case 'm':
		return t.readNumber(b, n, 2, adjacent, fieldMinute)
	case 's':
		return t.readNumber(b, n, 2, adjacent, fieldSecond)
	case 'S':
		return t.readFraction(b, n)
	case 'g':
		return t.readNumber(b, n, 19, adjacent, fieldJulian)
	case 'V', 'z', 'v':
		return t.readZone(b, it.letter, n)
	case 'X', 'x', 'Z', 'O':
		return t.readOffset(b, it.letter, n)
	}
	return nil, false
}

// readNumber reads a field: one letter takes any number of digits, several as many as there are letters
// up to the most that the field has.
func (t *parsedTime) readNumber(b []byte, letters, most int, adjacent bool, to timeField) (rest []byte, ok bool) {
	switch {
	case letters > 1:
	case adjacent:
		most = 1
	default:
		most = 19
	}
	x, rest, ok := readDigits(b, letters, most)
	return rest, ok && t.put(to, x)
}

func (t *parsedTime) readYear(it *patternItem, b []byte, adjacent bool) (rest []byte, ok bool) {
	negative, n := false, it.count
	signed := len(b) > 0 && (b[0] == '-' || b[0] == '+')
	if signed {
		negative, b = b[0] == '-', b[1:]
	}
	most := 9
	switch {
	case n == 2:
		most = 2
	case adjacent, n >= 4 && !signed:
		most = max(n, 4)
	}
	year, rest, ok := readDigits(b, n, most)
	if n == 2 {
		year += 2000
	}
	if negative {
		year = -year
	}
	if it.ofEra {
		return rest, ok && t.put(fieldYearOfEra, year)
	}
	return rest, ok && t.put(fieldYear, year)
}

var (
	shortMonthNames = shortened(monthNames[:])
	halfNames       = [...]string{"AM", "PM"}
)

func shortened(names []string) []string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = name[:3]
	}
	return out
}

func (t *parsedTime) readName(b []byte, names []string, to timeField, first int64) (rest []byte, ok bool) {
	for i, name := range names {
		if len(b) >= len(name) && strings.EqualFold(string(b[:len(name)]), name) {
			return b[len(name):], t.put(to, int64(i)+first)
		}
	}
	return nil, false
}

func (t *parsedTime) readFraction(b []byte, n int) (rest []byte, ok bool) {
	x, rest, ok := readDigits(b, 1, n)
	for k := len(b) - len(rest); k < 6; k++ {
		x *= 10
	}
	for k := len(b) - len(rest); k > 6; k-- {
		x /= 10
	}
	return rest, ok && t.put(fieldMicro, x)
}

// resolve makes an instant of the fields.
func (t *parsedTime) resolve(zone *time.Location) (micros int64, ok bool) {
	days, ok := t.date()
	if !ok {
		return 0, false
	}
	hour, ok := t.hourOfDay()
	if !ok {
		return 0, false
	}
	local := days*codec.MicrosPerDay + hour*codec.MicrosPerHour + t.field[fieldMinute]*codec.MicrosPerMinute +
		t.field[fieldSecond]*codec.MicrosPerSecond + t.field[fieldMicro]
	switch {
	case t.zoned:
		zone = t.zone
	case t.set[fieldOffset]:
		return local - t.field[fieldOffset]*codec.MicrosPerSecond, true
	}
	return codec.ToInstant(local, zone), true
}

// year is the year that the text names, 1970 without one.
func (t *parsedTime) year() (year int64, ok bool) {
	if !t.set[fieldYearOfEra] {
		return t.or(fieldYear, 1970), true
	}
	if year = t.field[fieldYearOfEra]; t.or(fieldEra, 1) == 0 {
		year = 1 - year
	}
	return year, !t.set[fieldYear] || t.field[fieldYear] == year
}

// date is the day: of the year, if the text tells it and no day that differs, else of the month.
func (t *parsedTime) date() (days int64, ok bool) {
	year, ok := t.year()
	if !ok {
		return 0, false
	}
	month, day := t.or(fieldMonth, 1), t.or(fieldDay, 1)
	if t.set[fieldJulian] {
		days = t.field[fieldJulian] - modifiedJulian
		y, m, d := codec.DateOf(days)
		agree := t.or(fieldMonth, int64(m)) == int64(m) && t.or(fieldDay, int64(d)) == int64(d) && t.or(fieldDayOfYear, dayOfYear(days)) == dayOfYear(days)
		return days, agree && (!t.set[fieldYear] && !t.set[fieldYearOfEra] || y == year)
	}
	if t.set[fieldDayOfYear] {
		days = codec.DaysOf(year, 1, 1) + t.field[fieldDayOfYear] - 1
		y, m, d := codec.DateOf(days)
		return days, y == year && t.or(fieldMonth, int64(m)) == int64(m) && t.or(fieldDay, int64(d)) == int64(d)
	}
	return codec.DaysOf(year, int(month), int(day)), day <= int64(codec.DaysIn(year, int(month)))
}

// hourOfDay is the hour by any of the ways to tell it, which have to agree.
func (t *parsedTime) hourOfDay() (hour int64, ok bool) {
	hour = -1
	if t.set[fieldHour] {
		hour = t.field[fieldHour]
	}
	if t.set[fieldHourOne] {
		h := t.field[fieldHourOne] % 24
		if hour >= 0 && hour != h {
			return 0, false
		}
		hour = h
	}
	half := int64(-1) // the hour of the half day
	if t.set[fieldHour12] {
		half = t.field[fieldHour12]
	}
	if t.set[fieldHour12One] {
		h := t.field[fieldHour12One] % 12
		if half >= 0 && half != h {
			return 0, false
		}
		half = h
	}
	if hour >= 0 {
		return hour, (half < 0 || half == hour%12) && t.or(fieldHalf, hour/12) == hour/12
	}
	return max(half, 0) + 12*t.field[fieldHalf], true
}
