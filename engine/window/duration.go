package window

import (
	"fmt"
	"math"
	"strings"
)

// Spark's error classes for the text of a duration.
const (
	cannotParse = "CANNOT_PARSE_INTERVAL"
	hasMonths   = "_LEGACY_ERROR_TEMP_3231"
)

// units in microseconds; months are -1.
func unitOf(word string) (micros int64, ok bool) {
	switch strings.TrimSuffix(word, "s") {
	case "microsecond":
		return 1, true
	case "millisecond":
		return 1000, true
	case "second":
		return 1e6, true
	case "minute":
		return 60e6, true
	case "hour":
		return 3600e6, true
	case "day":
		return 86400e6, true
	case "week":
		return 7 * 86400e6, true
	case "month", "year":
		return -1, true
	}
	return 0, false
}

// ParseDuration reads a duration as window(…) takes it: "1 minute 30 seconds", "1.5 seconds",
// "INTERVAL '1' MINUTE", "INTERVAL '1:30' MINUTE TO SECOND". It returns microseconds, which may be
// negative, or an error with Spark's error class.
func ParseDuration(text string) (micros int64, class string, err error) {
	p := durationParser{rest: strings.ToLower(strings.TrimSpace(text))}
	switch after, literal := strings.CutPrefix(p.rest, "interval"); {
	case literal:
		p.rest = after
		micros, err = p.literal()
	default:
		micros, err = p.pairs()
	}
	switch {
	case err != nil:
		return 0, cannotParse, fmt.Errorf("parse duration %q: %w", text, err)
	case p.months:
		return 0, hasMonths, fmt.Errorf("parse duration %q: months and years have no fixed length", text)
	}
	return micros, "", nil
}

// A fault is what is wrong with the text of a duration.
type fault string

func (f fault) Error() string { return string(f) }

const (
	errEmpty  fault = "there is nothing in it"
	errNumber fault = "a number is expected"
	errUnit   fault = "a unit such as seconds, minutes or hours is expected"
	errRange  fault = "it is too long"
	errQuote  fault = "a quote is not closed"
	errFields fault = "the fields do not fit the units"
)

// durationParser reads a text in lower case from the left.
type durationParser struct {
	rest   string
	months bool // a month or a year is in it
}

// pairs reads "number unit number unit …" to the end.
func (p *durationParser) pairs() (int64, error) {
	p.space()
	if p.rest == "" {
		return 0, errEmpty
	}
	var sum int64
	for p.rest != "" {
		x, err := p.pair()
		if err != nil {
			return 0, err
		}
		if sum, err = addExact(sum, x); err != nil {
			return 0, err
		}
		p.space()
	}
	return sum, nil
}

// pair reads a number, white space and a unit.
func (p *durationParser) pair() (int64, error) {
	whole, nanos, fraction, neg, err := p.number()
	if err != nil {
		return 0, err
	}
	if !p.space() {
		return 0, errUnit
	}
	return p.scale(whole, nanos, fraction, neg)
}

// scale reads a unit and returns the number in it.
func (p *durationParser) scale(whole, nanos int64, fraction, neg bool) (int64, error) {
	word := p.word()
	unit, ok := unitOf(word)
	switch {
	case !ok || fraction && unit != 1e6:
		return 0, errUnit
	case unit < 0:
		p.months = p.months || whole != 0
		return 0, nil
	case whole > (math.MaxInt64-1e6)/unit:
		return 0, errRange
	}
	x := whole*unit + nanos/1000
	if neg {
		x = -x
	}
	return x, nil
}

// number reads a sign and digits, with at most nine after a point.
func (p *durationParser) number() (whole, nanos int64, fraction, neg bool, err error) {
	if p.rest != "" && (p.rest[0] == '-' || p.rest[0] == '+') {
		neg = p.rest[0] == '-'
		p.rest = p.rest[1:]
		p.space()
	}
	digits := 0
	for ; p.rest != "" && p.rest[0] >= '0' && p.rest[0] <= '9'; digits++ {
		d := int64(p.rest[0] - '0')
		if whole > (math.MaxInt64-d)/10 {
			return 0, 0, false, false, errRange
		}
		whole = whole*10 + d
		p.rest = p.rest[1:]
	}
	if p.rest != "" && p.rest[0] == '.' {
		fraction = true
		p.rest = p.rest[1:]
		for unit := int64(1e8); p.rest != "" && p.rest[0] >= '0' && p.rest[0] <= '9'; digits++ {
			if unit == 0 {
				return 0, 0, false, false, errNumber
			}
			nanos += int64(p.rest[0]-'0') * unit
			unit /= 10
			p.rest = p.rest[1:]
		}
	}
	if digits == 0 {
		return 0, 0, false, false, errNumber
	}
	return whole, nanos, fraction, neg, nil
}

func (p *durationParser) word() string {
	n := 0
	for n < len(p.rest) && p.rest[n] >= 'a' && p.rest[n] <= 'z' {
		n++
	}
	w := p.rest[:n]
	p.rest = p.rest[n:]
	if p.rest != "" && !isSpace(p.rest[0]) {
		return "" // "minutes5" is no unit
	}
	return w
}

// space skips white space and reports whether there was any.
func (p *durationParser) space() bool {
	n := 0
	for n < len(p.rest) && isSpace(p.rest[n]) {
		n++
	}
	p.rest = p.rest[n:]
	return n > 0
}

func isSpace(c byte) bool { return c <= ' ' }

func addExact(a, b int64) (int64, error) {
	s := a + b
	if (a < 0) == (b < 0) && (s < 0) != (a < 0) {
		return 0, errRange
	}
	return s, nil
}
