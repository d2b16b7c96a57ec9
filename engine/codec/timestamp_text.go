package codec

import (
	"time"

	"github.com/nagare-stream/nagare/engine/column"
)

// AppendDate appends a date given in days since 1970 as Spark prints it: 2026-01-02, with a sign for
// years before 0 and behind 9999.
func AppendDate(dst []byte, days int64) []byte {
	year, month, day := DateOf(days)
	switch {
	case year < 0:
		dst = append(dst, '-')
		year = -year
	case year > 9999:
		dst = append(dst, '+')
	}
	dst = appendPadded(dst, year, 4)
	dst = appendTwo(append(dst, '-'), int64(month))
	return appendTwo(append(dst, '-'), int64(day))
}

// AppendTimestamp appends an instant in microseconds in the zone's local time (nil: UTC) as Spark's cast
// to STRING does: 2026-01-02 03:04:05.12, the fraction without zeros at its end and only when there is one.
func AppendTimestamp(dst []byte, micros int64, zone *time.Location) []byte {
	dst, fraction := appendSeconds(dst, ToLocal(micros, zone), ' ')
	if fraction == 0 {
		return dst
	}
	return appendFraction(dst, fraction, true)
}

// AppendISO appends an instant in UTC, the form of results: 2026-01-02T03:04:05Z, with six digits of
// microseconds only when they are not zero.
func AppendISO(dst []byte, micros int64) []byte { return appendISO(dst, micros, false) }

// appendISO is AppendISO, or with six digits always.
func appendISO(dst []byte, micros int64, six bool) []byte {
	dst, fraction := appendSeconds(dst, micros, 'T')
	if fraction != 0 || six {
		dst = appendFraction(dst, fraction, false)
	}
	return append(dst, 'Z')
}

// appendLocalISO is appendISO without zone, for TIMESTAMP_NTZ.
func appendLocalISO(dst []byte, micros int64, six bool) []byte {
	dst = appendISO(dst, micros, six)
	return dst[:len(dst)-1]
}

// appendMillis appends the form of Spark's to_json, cut to milliseconds: 2026-01-02T03:04:05.000+09:00.
func appendMillis(dst []byte, micros int64, zone *time.Location, showZone bool) []byte {
	local := ToLocal(micros, zone)
	dst, fraction := appendSeconds(dst, local, 'T')
	dst = appendPadded(append(dst, '.'), fraction/1000, 3)
	if !showZone {
		return dst
	}
	return appendOffset(dst, (local-micros)/MicrosPerSecond)
}

// appendOffset appends Z or ±hh:mm, and :ss where a zone of old has seconds.
func appendOffset(dst []byte, seconds int64) []byte {
	if seconds == 0 {
		return append(dst, 'Z')
	}
	sign := byte('+')
	if seconds < 0 {
		sign, seconds = '-', -seconds
	}
	dst = appendTwo(append(dst, sign), seconds/3600)
	dst = appendTwo(append(dst, ':'), seconds/60%60)
	if seconds%60 != 0 {
		dst = appendTwo(append(dst, ':'), seconds%60)
	}
	return dst
}

func appendSeconds(dst []byte, local int64, between byte) ([]byte, int64) {
	days := FloorDiv(local, MicrosPerDay)
	rest := local - days*MicrosPerDay
	dst = append(AppendDate(dst, days), between)
	dst = appendTwo(dst, rest/MicrosPerHour)
	dst = appendTwo(append(dst, ':'), rest/MicrosPerMinute%60)
	dst = appendTwo(append(dst, ':'), rest/MicrosPerSecond%60)
	return dst, rest % MicrosPerSecond
}

func appendFraction(dst []byte, micros int64, trim bool) []byte {
	dst = appendPadded(append(dst, '.'), micros, 6)
	for trim && dst[len(dst)-1] == '0' {
		dst = dst[:len(dst)-1]
	}
	return dst
}

// appendTwo appends v, below 100, with two digits.
func appendTwo(dst []byte, v int64) []byte { return append(dst, byte('0'+v/10), byte('0'+v%10)) }

// appendPadded appends v >= 0 with at least so many digits.
func appendPadded(dst []byte, v int64, digits int) []byte {
	var buf [20]byte
	i := len(buf)
	for v > 0 || len(buf)-i < digits {
		i--
		buf[i] = byte('0' + v%10)
		v /= 10
	}
	return append(dst, buf[i:]...)
}

// AppendInterval appends a day-time (microseconds) or year-month (months) interval as Spark prints it:
// INTERVAL '1 02:03:04.5' DAY TO SECOND. t is the interval's type.
func AppendInterval(dst []byte, v int64, t column.Type) []byte {
	dst = append(dst, "INTERVAL '"...)
	u := uint64(v)
	if v < 0 {
		dst, u = append(dst, '-'), -u
	}
	if t.Kind == column.YearMonth {
		dst = appendMonths(dst, int64(u), t)
	} else {
		dst = appendDayTime(dst, u, t)
	}
	dst = append(append(dst, "' "...), unitName(t.From)...)
	if t.From != t.To {
		dst = append(append(dst, " TO "...), unitName(t.To)...)
	}
	return dst
}

func appendMonths(dst []byte, months int64, t column.Type) []byte {
	switch {
	case t.From == column.UnitMonth:
		return appendPadded(dst, months, 1)
	case t.To == column.UnitYear:
		return appendPadded(dst, months/12, 1)
	}
	return appendPadded(append(appendPadded(dst, months/12, 1), '-'), months%12, 1)
}

func appendDayTime(dst []byte, micros uint64, t column.Type) []byte {
	units := [...]uint64{column.UnitDay: MicrosPerDay, column.UnitHour: MicrosPerHour, column.UnitMinute: MicrosPerMinute, column.UnitSecond: MicrosPerSecond}
	for u := t.From; u <= t.To && u <= column.UnitSecond; u++ {
		switch {
		case u == t.From:
		case u == column.UnitHour:
			dst = append(dst, ' ')
		default:
			dst = append(dst, ':')
		}
		digits := 2
		if u == column.UnitDay {
			digits = 1
		}
		dst = appendPadded(dst, int64(micros/units[u]), digits)
		micros %= units[u]
	}
	if t.To == column.UnitSecond && micros != 0 {
		dst = appendFraction(dst, int64(micros), true)
	}
	return dst
}

func unitName(u uint8) string {
	switch u {
	case column.UnitDay:
		return "DAY"
	case column.UnitHour:
		return "HOUR"
	case column.UnitMinute:
		return "MINUTE"
	case column.UnitSecond:
		return "SECOND"
	case column.UnitYear:
		return "YEAR"
	}
	return "MONTH"
}
