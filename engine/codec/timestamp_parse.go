package codec

import (
	"math"
	"time"
)

// Time is what ParseTime reads from a text.
type Time struct {
	Micros   int64          // the instant; for TimeOnly the time of the day in microseconds
	TimeOnly bool           // the text has no date: it means today in Zone
	Zone     *time.Location // the zone in which the text is read
}

// ParseTimestamp reads a timestamp as Spark's cast from STRING does, into microseconds since 1970 UTC:
//
//	[+-]yyyy, [+-]yyyy-[m]m, [+-]yyyy-[m]m-[d]d, and the last with T or a blank and [h]h, [h]h:[m]m or
//	[h]h:[m]m:[s]s, this last one with .digits (cut to microseconds) and a zone (see ParseZone).
//
// Without a zone the text is in the given one (nil: UTC). Blanks and control characters around are ignored.
// A time without a date means today in Spark; here, where there is no clock, it does not parse: see ParseTime.
func ParseTimestamp(b []byte, zone *time.Location) (micros int64, ok bool) {
	if micros, zoned, ok := parseISO(b); ok && (zoned || zone == nil || zone == time.UTC) {
		return micros, true
	}
	t, ok := ParseTime(b, zone)
	return t.Micros, ok && !t.TimeOnly
}

// ParseTime is ParseTimestamp for callers that know what day it is.
func ParseTime(b []byte, zone *time.Location) (Time, bool) {
	s, ok := splitTime(trimTime(b))
	if !ok {
		return Time{}, false
	}
	of, ok := s.timeOfDay()
	if !ok {
		return Time{}, false
	}
	if s.zone != nil {
		if off, fixed := parseOffset(s.zone); fixed && !s.timeOnly {
			return instantOf(s, of-off*MicrosPerSecond, nil)
		}
		if zone, ok = ParseZone(string(s.zone)); !ok {
			return Time{}, false
		}
	}
	if s.timeOnly {
		return Time{Micros: of, TimeOnly: true, Zone: zone}, true
	}
	return instantOf(s, of, zone)
}

// ParseTimestampNTZ reads a TIMESTAMP_NTZ as Spark's cast from STRING does: as ParseTimestamp, but a zone in
// the text only has to be well-formed.
func ParseTimestampNTZ(b []byte) (micros int64, ok bool) {
	s, ok := splitTime(trimTime(b))
	if !ok || s.timeOnly {
		return 0, false
	}
	if s.zone != nil {
		if _, ok = ParseZone(string(s.zone)); !ok {
			return 0, false
		}
	}
	of, ok := s.timeOfDay()
	if !ok {
		return 0, false
	}
	t, ok := instantOf(s, of, nil)
	return t.Micros, ok
}

func instantOf(s timeParts, ofDay int64, zone *time.Location) (Time, bool) {
	year, month, day := s.part[partYear], int(s.part[partMonth]), int(s.part[partDay])
	if !validDate(year, month, day) {
		return Time{}, false
	}
	days := DaysOf(year, month, day)
	if days < math.MinInt64/MicrosPerDay+2 || days > math.MaxInt64/MicrosPerDay-2 {
		return Time{}, false
	}
	return Time{Micros: ToInstant(days*MicrosPerDay+ofDay, zone), Zone: zone}, true
}

// Places of timeParts.part.
const (
	partYear = iota
	partMonth
	partDay
	partHour
	partMinute
	partSecond
	partMicro
	partZone
)

type timeParts struct {
	part     [partZone]int64
	zone     []byte // nil: none
	timeOnly bool
}

// timeOfDay returns the microseconds since midnight; ok is false when there is no such time.
func (s *timeParts) timeOfDay() (micros int64, ok bool) {
	hour, minute, second := s.part[partHour], s.part[partMinute], s.part[partSecond]
	ok = hour <= 23 && minute <= 59 && second <= 59
	return hour*MicrosPerHour + minute*MicrosPerMinute + second*MicrosPerSecond + s.part[partMicro], ok
}

// splitTime takes a trimmed text apart. The grammar, with its oddities (a zone only behind seconds, a point
// without digits), is that of Spark's DateTimeUtils.parseTimestampString.
func splitTime(b []byte) (s timeParts, ok bool) {
	s.part = [partZone]int64{partMonth: 1, partDay: 1}
	if len(b) == 0 {
		return s, false
	}
	at, i, sign := partYear, 0, int64(1)
	if b[0] == '-' || b[0] == '+' {
		if b[0] == '-' {
			sign = -1
		}
		i++
	} else if b[0] == 'T' {
		s.timeOnly, at, i = true, partHour, 1
	}
	signed := i == 1 && !s.timeOnly
	for {
		from := i
		for i < len(b) && b[i] >= '0' && b[i] <= '9' {
			i++
		}
		if at == partYear && !signed && i < len(b) && b[i] == ':' {
			s.timeOnly, at = true, partHour
		}
		if !s.set(at, b[from:i]) {
			return s, false
		}
		if i == len(b) {
			break
		}
		if at == partMicro || at == partSecond && b[i] != '.' {
			s.zone = trimTime(b[i:])
			break
		}
		if !separates(at, b[i]) {
			return s, false
		}
		at++
		i++
	}
	s.part[partYear] *= sign
	return s, true
}

// separates reports whether c may follow a part and lead to the next.
func separates(part int, c byte) bool {
	switch part {
	case partYear, partMonth:
		return c == '-'
	case partDay:
		return c == ' ' || c == 'T'
	case partHour, partMinute:
		return c == ':'
	}
	return c == '.' // behind seconds
}

func (s *timeParts) set(part int, digits []byte) bool {
	n := len(digits)
	switch part {
	case partYear:
		if n < 4 || n > 6 {
			return false
		}
	case partMicro:
		digits = digits[:min(n, 6)]
	default:
		if n < 1 || n > 2 {
			return false
		}
	}
	v := int64(0)
	for _, c := range digits {
		v = v*10 + int64(c-'0')
	}
	if part == partMicro {
		for i := len(digits); i < 6; i++ {
			v *= 10
		}
	}
	s.part[part] = v
	return true
}

// trimTime cuts blanks and control characters off both ends.
func trimTime(b []byte) []byte {
	for len(b) > 0 && (b[0] <= ' ' || b[0] == 0x7f) {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] <= ' ' || b[len(b)-1] == 0x7f) {
		b = b[:len(b)-1]
	}
	return b
}

// ParseDate reads a date as Spark's cast from STRING does, into days since 1970-01-01:
// [+-]yyyy, [+-]yyyy-[m]m, [+-]yyyy-[m]m-[d]d, the last also with T or a blank and anything behind.
func ParseDate(b []byte) (days int64, ok bool) {
	b = trimTime(b)
	part := [3]int64{1, 1, 1}
	sign, at, i := int64(1), 0, 0
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		if b[0] == '-' {
			sign = -1
		}
		i++
	}
	for {
		from, v := i, int64(0)
		for i < len(b) && b[i] >= '0' && b[i] <= '9' && i-from < 8 {
			v = v*10 + int64(b[i]-'0')
			i++
		}
		n := i - from
		if at == 0 && (n < 4 || n > 7) || at > 0 && (n < 1 || n > 2) {
			return 0, false
		}
		part[at] = v
		if i == len(b) || at == 2 && (b[i] == ' ' || b[i] == 'T') {
			break
		}
		if at == 2 || b[i] != '-' {
			return 0, false
		}
		at++
		i++
	}
	year, month, day := part[0]*sign, int(part[1]), int(part[2])
	if !validDate(year, month, day) {
		return 0, false
	}
	return DaysOf(year, month, day), true
}

// parseISO reads the form that nearly all event times have, yyyy-mm-ddThh:mm:ss with a blank or a T, then
// digits behind a point or none, then nothing, Z or ±hh:mm. ok false means: ask ParseTime.
func parseISO(b []byte) (micros int64, zoned, ok bool) {
	if len(b) < 19 {
		return 0, false, false
	}
	micros, ok1 := parseMinute(b)
	second, ok2 := parseSecond(b)
	tail, zoned, ok3 := parseTail(b[19:])
	return micros + second + tail, zoned, ok1 && ok2 && ok3
}

// parseMinute reads the first 16 bytes of the form of parseISO, up to the minute.
func parseMinute(b []byte) (micros int64, ok bool) {
	_ = b[15]
	if b[4] != '-' || b[7] != '-' || b[10] != 'T' && b[10] != ' ' || b[13] != ':' {
		return 0, false
	}
	century, ok1 := twoDigits(b, 0)
	year, ok2 := twoDigits(b, 2)
	month, ok3 := twoDigits(b, 5)
	day, ok4 := twoDigits(b, 8)
	hour, ok5 := twoDigits(b, 11)
	minute, ok6 := twoDigits(b, 14)
	year += century * 100
	if !(ok1 && ok2 && ok3 && ok4 && ok5 && ok6) || hour > 23 || minute > 59 || !validDate(year, int(month), int(day)) {
		return 0, false
	}
	return DaysOf(year, int(month), int(day))*MicrosPerDay + hour*MicrosPerHour + minute*MicrosPerMinute, true
}

// parseSecond reads bytes 16 to 18 of the form of parseISO.
func parseSecond(b []byte) (micros int64, ok bool) {
	second, ok := twoDigits(b, 17)
	return second * MicrosPerSecond, ok && b[16] == ':' && second <= 59
}

// parseTail reads [.digits][Z|±hh:mm] and returns what it adds, in microseconds, and whether it has a zone.
func parseTail(b []byte) (micros int64, zoned, ok bool) {
	i := 0
	if len(b) > 0 && b[0] == '.' {
		unit := int64(100_000)
		for i = 1; i < len(b) && b[i]-'0' <= 9; i++ {
			micros += int64(b[i]-'0') * unit
			unit /= 10
		}
	}
	switch b = b[i:]; {
	case len(b) == 0:
		return micros, false, true
	case len(b) == 1 && b[0] == 'Z':
		return micros, true, true
	case len(b) == 6 && b[3] == ':' && (b[0] == '+' || b[0] == '-'):
		hour, ok1 := twoDigits(b, 1)
		minute, ok2 := twoDigits(b, 4)
		off := hour*MicrosPerHour + minute*MicrosPerMinute
		if !ok1 || !ok2 || minute > 59 || off > maxZoneOffset*MicrosPerSecond {
			return 0, false, false
		}
		if b[0] == '+' {
			off = -off
		}
		return micros + off, true, true
	}
	return 0, false, false
}

func twoDigits(b []byte, i int) (int64, bool) {
	hi, lo := b[i]-'0', b[i+1]-'0'
	return int64(hi)*10 + int64(lo), hi <= 9 && lo <= 9
}
