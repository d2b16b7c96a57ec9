package expr

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nagare-stream/nagare/engine/codec"
)

// timePattern is a pattern of java.time.format.DateTimeFormatter, as date_format and to_timestamp take it.
type timePattern struct {
	items []patternItem
	unit  int64 // microseconds: local times in the same unit, with one offset, look alike
}

// patternItem is a run of one letter, a literal text, or an optional section.
type patternItem struct {
	letter  byte // 0: literal or section
	count   int
	ofEra   bool // y beside G: the year of an era
	literal string
	section []patternItem // nil: no section
}

// errPattern says that a pattern is none.
var errPattern = errors.New("not a pattern of date and time")

// Spark's classes of patterns that it does not take.
const (
	classOldMeaning = "INCONSISTENT_BEHAVIOR_CROSS_VERSION.DATETIME_PATTERN_RECOGNITION" // its older versions took it
	classWeek       = "INCONSISTENT_BEHAVIOR_CROSS_VERSION.DATETIME_WEEK_BASED_PATTERN"
	classBadLetter  = "INVALID_DATETIME_PATTERN.ILLEGAL_CHARACTER"
	classBadLength  = "INVALID_DATETIME_PATTERN.LENGTH"
	classBadPattern = "INVALID_DATETIME_PATTERN.WITH_SUGGESTION"
)

// patternError says what is wrong with a pattern.
type patternError struct {
	class, pattern string
	letter         byte // 0: not a letter's fault
}

func (e patternError) Error() string {
	if e.letter == 0 {
		return fmt.Sprintf("%q is no pattern of date and time", e.pattern)
	}
	return fmt.Sprintf("letter %q cannot stand so in a pattern of date and time; put text between quotes", string(e.letter))
}

// patternClass is Spark's class of an error of parsePattern.
func patternClass(err error) string {
	var e patternError
	if errors.As(err, &e) {
		return e.class
	}
	return classBadPattern
}

// parsePattern reads a pattern, to show times by or, if parsing, to read them by: some letters only show.
func parsePattern(s string, parsing bool) (*timePattern, error) {
	items, rest, err := patternItems(s, false)
	e := refusedLetter(s, parsing)
	if e.class == "" && (err != nil && !errors.As(err, &e) || err == nil && rest != "") { // a bracket too many
		e.class = classBadPattern
	}
	if hasLetter(items, 'G') {
		markEra(items)
	}
	p := &timePattern{items: items, unit: finest(items)}
	if e.class == "" {
		return p, nil
	}
	if e.pattern = s; oldPattern(s) {
		e.class = classOldMeaning
	}
	return p, e
}

// refusedLetter is the first letter that Spark refuses whatever stands around it: those of weeks, those of
// Java alone, and some by which times cannot be read.
func refusedLetter(s string, parsing bool) (e patternError) {
	inText := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\'':
			inText = !inText
		case inText:
		case strings.IndexByte("YWwuec", c) >= 0:
			return patternError{class: classWeek, letter: c}
		case strings.IndexByte("ABnNp", c) >= 0, parsing && strings.IndexByte("EFqQ", c) >= 0:
			return patternError{class: classBadLetter, letter: c}
		}
	}
	return e
}

// oldPattern reports a pattern of java.text.SimpleDateFormat, which Spark had before its version 3.
func oldPattern(s string) bool {
	inText := false
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '\'':
			inText = !inText
		case inText:
		case c == 'X' && strings.HasPrefix(s[i:], "XXXX"):
			return false
		case isLetter(c) && !strings.ContainsRune("GyMwWDdFEaHkKhmsSzZXuYL", rune(c)):
			return false
		}
	}
	return !inText
}

func hasLetter(items []patternItem, letter byte) bool {
	return slices.ContainsFunc(items, func(it patternItem) bool { return it.letter == letter || hasLetter(it.section, letter) })
}

// markEra makes the years of a pattern that names the era years of it.
func markEra(items []patternItem) {
	for i := range items {
		items[i].ofEra = items[i].letter == 'y'
		markEra(items[i].section)
	}
}

// finest is the smallest unit that the items show.
func finest(items []patternItem) int64 {
	unit := int64(codec.MicrosPerDay)
	for i := range items {
		switch items[i].letter {
		case 'S':
			return 1
		case 's':
			unit = min(unit, codec.MicrosPerSecond)
		case 'm':
			unit = min(unit, codec.MicrosPerMinute)
		case 'H', 'h', 'k', 'K':
			unit = min(unit, codec.MicrosPerHour)
		case 'a':
			unit = min(unit, codec.MicrosPerDay/2)
		case 0:
			if items[i].section != nil {
				unit = min(unit, finest(items[i].section))
			}
		}
	}
	return unit
}

// patternItems reads up to the end or, inside a section, its closing bracket.
func patternItems(s string, inside bool) (items []patternItem, rest string, err error) {
	for len(s) > 0 {
		c := s[0]
		switch {
		case c == '\'':
			text, after, ok := quoted(s)
			if !ok {
				return nil, "", errPattern
			}
			items, s = append(items, patternItem{literal: text}), after
		case c == '[':
			section, after, err := patternItems(s[1:], true)
			if err != nil {
				return nil, "", err
			}
			items, s = append(items, patternItem{section: section}), after
		case c == ']':
			if !inside {
				return nil, "", errPattern
			}
			return items, s[1:], nil
		case c == '{', c == '}', c == '#': // reserved
			return nil, "", errPattern
		case c|0x20 >= 'a' && c|0x20 <= 'z':
			n := 1
			for n < len(s) && s[n] == c {
				n++
			}
			if err := checkLetter(c, n); err != nil {
				return nil, "", err
			}
			items, s = append(items, patternItem{letter: c, count: n}), s[n:]
		default:
			items, s = append(items, patternItem{literal: s[:1]}), s[1:]
		}
	}
	return items, "", nil // which ends sections that are open
}

// quoted reads '…' at the start of s; ” is a quote.
func quoted(s string) (text, rest string, ok bool) {
	if strings.HasPrefix(s, "''") {
		return "'", s[2:], true
	}
	var out strings.Builder
	for i := 1; i < len(s); i++ {
		if s[i] != '\'' {
			out.WriteByte(s[i])
			continue
		}
		if i+1 < len(s) && s[i+1] == '\'' {
			out.WriteByte('\'')
			i++
			continue
		}
		return out.String(), s[i+1:], true
	}
	return "", "", false
}

// checkLetter reports a letter that means nothing, or not so often behind itself.
func checkLetter(c byte, n int) error {
	most, class := 0, classBadPattern
	switch c {
	case 'y':
		most = 6
	case 'M', 'L', 'E', 'G', 'z':
		most = 4
	case 'Q', 'q':
		most, class = 4, classBadLength
	case 'O', 'v':
		if most = 4; n == 2 || n == 3 {
			most = 0
		}
	case 'V':
		if most = 2; n == 1 {
			most = 0
		}
	case 'd', 'H', 'h', 'k', 'K', 'm', 's':
		most = 2
	case 'D':
		most = 3
	case 'a', 'F':
		most = 1
	case 'S':
		most = 9
	case 'g':
		most = 19
	case 'X', 'x', 'Z':
		most = 5
	}
	if n > most {
		return patternError{class: class, letter: c}
	}
	return nil
}

// wallTime is a local time taken apart.
type wallTime struct {
	year, days    int64
	month, day    int
	ofDay         int64 // microseconds
	offset        int64 // seconds
	zone          *time.Location
	instantSecond int64
}

func takeApart(micros int64, zone *time.Location, local int64) wallTime {
	w := wallTime{days: codec.FloorDiv(local, codec.MicrosPerDay), zone: zone}
	w.year, w.month, w.day = codec.DateOf(w.days)
	w.ofDay = local - w.days*codec.MicrosPerDay
	w.offset = (local - micros) / codec.MicrosPerSecond
	w.instantSecond = codec.FloorDiv(micros, codec.MicrosPerSecond)
	return w
}

// append appends an instant as the pattern shows it; local is its local time in zone.
func (p *timePattern) append(dst []byte, micros, local int64, zone *time.Location) []byte {
	w := takeApart(micros, zone, local)
	return appendItems(dst, p.items, &w)
}

func appendItems(dst []byte, items []patternItem, w *wallTime) []byte {
	for i := range items {
		it := &items[i]
		switch {
		case it.section != nil:
			dst = appendItems(dst, it.section, w)
		case it.letter == 0:
			dst = append(dst, it.literal...)
		default:
			dst = appendField(dst, it.letter, it.count, w)
		}
	}
	return dst
}

func appendField(dst []byte, letter byte, n int, w *wallTime) []byte {
	hour := w.ofDay / codec.MicrosPerHour
	switch letter {
	case 'y', 'u':
		return appendYear(dst, letter, n, w.year)
	case 'M', 'L':
		return appendMonth(dst, n, w.month)
	case 'd':
		return appendDigits(dst, int64(w.day), n)
	case 'D':
		return appendDigits(dst, w.days-codec.DaysOf(w.year, 1, 1)+1, n)
	case 'E':
		name := dayNames[codec.FloorMod(w.days+3, 7)]
		if n < 4 {
			name = name[:3]
		}
		return append(dst, name...)
	case 'F':
		return appendDigits(dst, int64((w.day-1)%7+1), n)
	case 'Q', 'q':
		return appendQuarter(dst, n, (w.month+2)/3)
	case 'a':
		if hour < 12 {
			return append(dst, "AM"...)
		}
		return append(dst, "PM"...)
	case 'H':
		return appendDigits(dst, hour, n)
	case 'k':
		return appendDigits(dst, (hour+23)%24+1, n)
	case 'K':
		return appendDigits(dst, hour%12, n)
	case 'h':
		return appendDigits(dst, (hour+11)%12+1, n)
	case 'm':
		return appendDigits(dst, w.ofDay/codec.MicrosPerMinute%60, n)
	case 's':
		return appendDigits(dst, w.ofDay/codec.MicrosPerSecond%60, n)
	case 'S':
		nanos := w.ofDay % codec.MicrosPerSecond * 1000
		for k := n; k < 9; k++ {
			nanos /= 10
		}
		return appendDigits(dst, nanos, n)
	case 'g': // the days of Julian dates, from their year 1858
		return appendDigits(dst, w.days+modifiedJulian, n)
	case 'G':
		return append(dst, era(w.year, n)...)
	}
	return appendZone(dst, letter, n, w)
}

func appendYear(dst []byte, letter byte, n int, year int64) []byte {
	if letter == 'y' && year <= 0 { // year of era
		year = 1 - year
	}
	if n == 2 {
		return appendDigits(dst, codec.FloorMod(year, 100), 2)
	}
	if n >= 4 && year >= pow10Int(n) {
		dst = append(dst, '+')
	}
	return appendDigits(dst, year, n)
}

func pow10Int(n int) int64 {
	x := int64(1)
	for ; n > 0; n-- {
		x *= 10
	}
	return x
}

func appendMonth(dst []byte, n, month int) []byte {
	switch n {
	case 3:
		return append(dst, monthNames[month-1][:3]...)
	case 4:
		return append(dst, monthNames[month-1]...)
	}
	return appendDigits(dst, int64(month), n)
}

func appendQuarter(dst []byte, n, quarter int) []byte {
	switch n {
	case 3:
		return append(dst, 'Q', byte('0'+quarter))
	case 4:
		return append(dst, []string{"1st", "2nd", "3rd", "4th"}[quarter-1]+" quarter"...)
	}
	return appendDigits(dst, int64(quarter), n)
}

// eraNames is what n letters G call the times before and after Christ.
func eraNames(n int) []string {
	if n == 4 {
		return []string{"Before Christ", "Anno Domini"}
	}
	return []string{"BC", "AD"}
}

func era(year int64, n int) string { return eraNames(n)[bit(year > 0)] }

// modifiedJulian is 1970-01-01 in days since 1858-11-17.
const modifiedJulian = 40587

// appendDigits appends x with at least n digits.
func appendDigits(dst []byte, x int64, n int) []byte {
	if n == 2 && x >= 0 && x < 100 {
		return append(dst, byte('0'+x/10), byte('0'+x%10))
	}
	if x < 0 {
		dst, x = append(dst, '-'), -x
	}
	var buf [20]byte
	at := len(buf)
	for x > 0 || len(buf)-at < n {
		at--
		buf[at] = byte('0' + x%10)
		x /= 10
	}
	return append(dst, buf[at:]...)
}
