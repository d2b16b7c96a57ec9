package expr

import (
	"math"
	"strconv"
	"strings"

	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/column"
)

// timeSpan is an interval while it is read.
type timeSpan struct {
	months, micros     int64
	hasMonths, hasTime bool
	from, to           uint8 // units that were named, of the family that is in use
}

// typ is the interval's type: from the largest to the smallest unit named.
func (s *timeSpan) typ() column.Type {
	if s.hasMonths {
		return column.Type{Kind: column.YearMonth, From: s.from, To: s.to}
	}
	return column.Type{Kind: column.DayTime, From: s.from, To: s.to}
}

func (s *timeSpan) value() int64 {
	if s.hasMonths {
		return s.months
	}
	return s.micros
}

// unitSize is a unit's length in microseconds or, for months, in months, and the unit of the
// interval's type that it counts as.
func unitSize(unit string) (size int64, as uint8, months, ok bool) {
	switch strings.TrimSuffix(strings.ToUpper(unit), "S") {
	case "YEAR":
		return 12, column.UnitYear, true, true
	case "MONTH":
		return 1, column.UnitMonth, true, true
	case "WEEK":
		return 7 * codec.MicrosPerDay, column.UnitDay, false, true
	case "DAY":
		return codec.MicrosPerDay, column.UnitDay, false, true
	case "HOUR":
		return codec.MicrosPerHour, column.UnitHour, false, true
	case "MINUTE":
		return codec.MicrosPerMinute, column.UnitMinute, false, true
	case "SECOND":
		return codec.MicrosPerSecond, column.UnitSecond, false, true
	case "MILLISECOND":
		return 1000, column.UnitSecond, false, true
	case "MICROSECOND":
		return 1, column.UnitSecond, false, true
	}
	return 0, 0, false, false
}

// addPart adds "value unit" or "value unit TO unit"; to may be "".
func (s *timeSpan) addPart(value, unit, to string) bool {
	if to != "" {
		return s.addRange(value, unit, to)
	}
	size, as, months, ok := unitSize(unit)
	if !ok {
		return false
	}
	n, ok := scaled(strings.TrimSpace(value), size, as == column.UnitSecond && !months)
	return ok && s.add(n, as, months)
}

// add adds an amount of microseconds or months, named as a unit.
func (s *timeSpan) add(n int64, as uint8, months bool) bool {
	if !s.hasMonths && !s.hasTime {
		s.from, s.to = as, as
	}
	s.from, s.to = min(s.from, as), max(s.to, as)
	sum := &s.micros
	if months {
		sum, s.hasMonths = &s.months, true
	} else {
		s.hasTime = true
	}
	total := *sum + n
	if (*sum^total)&(n^total) < 0 {
		return false
	}
	*sum = total
	return true
}

// scaled is value times size; only seconds may have a fraction.
func scaled(value string, size int64, fraction bool) (int64, bool) {
	if whole, part, ok := strings.Cut(value, "."); ok && fraction && size == codec.MicrosPerSecond {
		if len(part) > 9 || part == "" || strings.Trim(part, "0123456789") != "" {
			return 0, false
		}
		micros, _ := strconv.ParseInt((part + "000000")[:6], 10, 64)
		n := int64(0)
		if digits := strings.TrimLeft(whole, "+-"); digits != "" {
			var ok bool
			if n, ok = scaled(digits, size, false); !ok {
				return 0, false
			}
		}
		if strings.HasPrefix(whole, "-") {
			return -n - micros, true
		}
		return n + micros, true
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil || n > math.MaxInt64/size || n < -math.MaxInt64/size {
		return 0, false
	}
	return n * size, true
}

// addRange adds '1-2' YEAR TO MONTH, '1 02:03:04.5' DAY TO SECOND and the like.
func (s *timeSpan) addRange(value, unit, to string) bool {
	from, ok1 := unitOf(unit)
	last, ok2 := unitOf(to)
	if !ok1 || !ok2 || from >= last || (from >= column.UnitYear) != (last >= column.UnitYear) {
		return false
	}
	value = strings.TrimSpace(value)
	negative := strings.HasPrefix(value, "-")
	parts := strings.FieldsFunc(strings.TrimLeft(value, "+-"), func(r rune) bool { return r == '-' || r == ' ' || r == ':' })
	if len(parts) != int(last-from)+1 {
		return false
	}
	for i, p := range parts {
		size, as, months, _ := unitSize([]string{"DAY", "HOUR", "MINUTE", "SECOND", "YEAR", "MONTH"}[int(from)+i])
		n, ok := scaled(p, size, as == column.UnitSecond)
		if !ok {
			return false
		}
		if negative {
			n = -n
		}
		if !s.add(n, as, months) {
			return false
		}
	}
	return true
}

// parseSpan reads '1 day 2 hours', '1 minute 30 seconds', '-5 minutes', also with INTERVAL before it
// and quotes around the numbers, as INTERVAL '1' MINUTE.
func parseSpan(text string) (s timeSpan, ok bool) {
	words := strings.Fields(text)
	if len(words) > 0 && strings.EqualFold(words[0], "interval") {
		words = words[1:]
		if n := len(words); n >= 4 && strings.EqualFold(words[n-2], "to") {
			value := strings.Trim(strings.Join(words[:n-3], " "), "'")
			return s, s.addRange(value, strings.ToUpper(words[n-3]), strings.ToUpper(words[n-1]))
		}
	}
	if len(words) == 0 || len(words)%2 != 0 {
		return s, false
	}
	for i := 0; i < len(words); i += 2 {
		if !s.addPart(strings.Trim(words[i], "'"), words[i+1], "") {
			return s, false
		}
	}
	return s, true
}
