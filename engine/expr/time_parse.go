package expr

import (
	"bytes"
	"strings"
	"time"

	"github.com/nagare-stream/nagare/engine/codec"
)

// parsedTime is what a text says under a pattern; -1: nothing.
type parsedTime struct {
	year, month, day, dayOfYear     int64
	hour, hour12, minute, second    int64
	hourOne, hour12One, half, micro int64
	yearSet                         bool
	zone                            *time.Location
	zoned                           bool
	offset                          int64 // seconds, when zoned and zone is nil
	weekday                         int64
}

// parse reads a text that has the pattern, whole, as java.time does with strict resolving; what the
// pattern leaves out is that of 1970-01-01 00:00:00.
func (p *timePattern) parse(b []byte, zone *time.Location) (micros int64, ok bool) {
	t := parsedTime{year: 1970, month: -1, day: -1, dayOfYear: -1, hour: -1, hour12: -1, minute: 0, second: 0, hourOne: -1, hour12One: -1, half: -1, weekday: -1}
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
			if b, ok = t.field(it, b, adjacent); !ok {
				return nil, false
			}
		}
	}
	return b, true
}

func isDigitField(it *patternItem) bool {
	switch it.letter {
	case 'y', 'u', 'd', 'D', 'F', 'H', 'k', 'K', 'h', 'm', 's', 'S':
		return true
	case 'M', 'L', 'Q', 'q':
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

// field reads one field of the pattern off b.
func (t *parsedTime) field(it *patternItem, b []byte, adjacent bool) (rest []byte, ok bool) {
	n := it.count
	switch it.letter {
	case 'y', 'u':
		return t.readYear(b, n, adjacent)
	case 'M', 'L':
		if n >= 3 {
			return readName(b, monthNames[:], n == 3, &t.month, 1)
		}
		return readNumber(b, n, 2, adjacent, &t.month)
	case 'd':
		return readNumber(b, n, 2, adjacent, &t.day)
	case 'D':
		return readNumber(b, n, 3, adjacent, &t.dayOfYear)
	case 'E':
		return readName(b, dayNames[:], n < 4, &t.weekday, 0)
	case 'a':
		return readName(b, []string{"AM", "PM"}, false, &t.half, 0)
	case 'H':
		return readNumber(b, n, 2, adjacent, &t.hour)
	case 'k':
		return readNumber(b, n, 2, adjacent, &t.hourOne)
	case 'K':
		return readNumber(b, n, 2, adjacent, &t.hour12)
	case 'h':
		return readNumber(b, n, 2, adjacent, &t.hour12One)
	case 'm':
		return readNumber(b, n, 2, adjacent, &t.minute)
	case 's':
		return readNumber(b, n, 2, adjacent, &t.second)
	case 'S':
		return t.readFraction(b, n)
	case 'V', 'z':
		return t.readZone(b)
	case 'X', 'x', 'Z', 'O':
		return t.readOffset(b, it.letter)
	}
	return nil, false
}

// readNumber reads a field: one letter takes any number of digits, two exactly two.
func readNumber(b []byte, letters, most int, adjacent bool, to *int64) (rest []byte, ok bool) {
	least := letters
	if letters > 1 {
		most = letters
	} else if adjacent {
		most = 1
	} else {
		most = 19
	}
	*to, rest, ok = readDigits(b, least, most)
	return rest, ok
}

func (t *parsedTime) readYear(b []byte, n int, adjacent bool) (rest []byte, ok bool) {
	negative := false
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
	t.year, rest, ok = readDigits(b, n, most)
	if n == 2 {
		t.year += 2000
	}
	if negative {
		t.year = -t.year
	}
	t.yearSet = true
	return rest, ok
}

func readName(b []byte, names []string, short bool, to *int64, first int64) (rest []byte, ok bool) {
	for i, name := range names {
		if short {
			name = name[:3]
		}
		if len(b) >= len(name) && strings.EqualFold(string(b[:len(name)]), name) {
			*to = int64(i) + first
			return b[len(name):], true
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
	t.micro = x
	return rest, ok
}

func (t *parsedTime) readZone(b []byte) (rest []byte, ok bool) {
	n := 0
	for n < len(b) && b[n] != ' ' && b[n] != ']' && b[n] != ')' {
		n++
	}
	t.zone, ok = codec.ParseZone(string(b[:n]))
	t.zoned = true
	return b[n:], ok
}

func (t *parsedTime) readOffset(b []byte, letter byte) (rest []byte, ok bool) {
	t.zoned, t.zone = true, nil
	if bytes.HasPrefix(b, []byte("GMT")) && (letter == 'O' || letter == 'Z') {
		b = b[3:]
		if len(b) == 0 || b[0] != '+' && b[0] != '-' {
			return b, true
		}
	}
	if len(b) > 0 && b[0] == 'Z' && (letter == 'X' || letter == 'Z') {
		return b[1:], true
	}
	if len(b) == 0 || b[0] != '+' && b[0] != '-' {
		return nil, false
	}
	sign := int64(1)
	if b[0] == '-' {
		sign = -1
	}
	least := 2
	if letter == 'O' {
		least = 1
	}
	hours, rest, ok := readDigits(b[1:], least, 2)
	if !ok {
		return nil, false
	}
	t.offset = hours * 3600
	for unit := int64(60); unit >= 1; unit /= 60 {
		after := rest
		if len(after) > 0 && after[0] == ':' {
			after = after[1:]
		}
		x, after, ok := readDigits(after, 2, 2)
		if !ok {
			break
		}
		t.offset, rest = t.offset+x*unit, after
	}
	t.offset *= sign
	return rest, t.offset >= -18*3600 && t.offset <= 18*3600
}

// resolve makes an instant of the fields.
func (t *parsedTime) resolve(zone *time.Location) (micros int64, ok bool) {
	days, ok := t.date()
	if !ok {
		return 0, false
	}
	hour, ok := t.hourOfDay()
	if !ok || t.minute > 59 || t.second > 59 {
		return 0, false
	}
	local := days*codec.MicrosPerDay + hour*codec.MicrosPerHour + t.minute*codec.MicrosPerMinute + t.second*codec.MicrosPerSecond + t.micro
	switch {
	case t.zoned && t.zone == nil:
		return local - t.offset*codec.MicrosPerSecond, true
	case t.zoned:
		zone = t.zone
	}
	return codec.ToInstant(local, zone), true
}

func (t *parsedTime) date() (days int64, ok bool) {
	switch {
	case t.dayOfYear >= 0 && t.month < 0 && t.day < 0:
		days = codec.DaysOf(t.year, 1, 1) + t.dayOfYear - 1
		if year, _, _ := codec.DateOf(days); year != t.year || t.dayOfYear == 0 {
			return 0, false
		}
	default:
		month, day := max(t.month, 1), max(t.day, 1)
		if t.month == 0 || t.day == 0 || month > 12 || day > int64(codec.DaysIn(t.year, int(month))) {
			return 0, false
		}
		days = codec.DaysOf(t.year, int(month), int(day))
	}
	return days, t.weekday < 0 || codec.FloorMod(days+3, 7) == t.weekday
}

func (t *parsedTime) hourOfDay() (hour int64, ok bool) {
	switch {
	case t.hour >= 0:
		return t.hour, t.hour <= 23
	case t.hourOne >= 0:
		return t.hourOne % 24, t.hourOne >= 1 && t.hourOne <= 24
	case t.hour12 >= 0:
		hour, ok = t.hour12, t.hour12 <= 11
	case t.hour12One >= 0:
		hour, ok = t.hour12One%12, t.hour12One >= 1 && t.hour12One <= 12
	default:
		return 0, true
	}
	if t.half == 1 {
		hour += 12
	}
	return hour, ok
}
