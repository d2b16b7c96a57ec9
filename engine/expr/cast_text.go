package expr

import (
	"bytes"
	"math"
	"strconv"
	"strings"

	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/column"
)

// castText is a STRING to anything that is not nested.
func castText(to column.Type) kernel {
	switch {
	case to.Kind == column.Bool:
		return parseWith(parseBool)
	case to.IsInteger():
		least, most := bounds(to.Kind)
		return parseWith(func(_ *frame, b []byte) (int64, bool) {
			x, ok := parseInt(b)
			return x, ok && x >= least && x <= most
		})
	case to.UsesFloat():
		return castTextToFloat(to.Kind == column.Float32)
	case to.Kind == column.Decimal:
		return castTextToDecimal(to)
	case to.Kind == column.Date:
		return parseWith(func(_ *frame, b []byte) (int64, bool) { return codec.ParseDate(b) })
	case to.Kind == column.Timestamp:
		return castTextToTimestamp
	case to.Kind == column.TimestampNTZ:
		return parseWith(func(_ *frame, b []byte) (int64, bool) { return codec.ParseTimestampNTZ(b) })
	}
	return castTextToInterval(to)
}

// parseWith makes a kernel of a parser whose values lie in Int.
func parseWith(parse func(f *frame, b []byte) (int64, bool)) kernel {
	return func(f *frame, rows []uint32) {
		for _, i := range rows {
			b := f.text(0, i)
			x, ok := parse(f, b)
			if !ok {
				f.failText(i, castInvalid, b)
				continue
			}
			f.out.Int[i] = x
		}
	}
}

// failText fails a row because of a text that cannot be read; the text is in the detail.
func (f *frame) failText(i uint32, class string, text []byte) {
	if f.quiet || f.x.errs == nil {
		f.null(i)
		return
	}
	f.fail(i, class, strconv.Quote(string(text[:min(len(text), 64)])))
}

// castTextToTimestamp reads timestamps; a time without a date is that of the day of the row's current_timestamp().
func castTextToTimestamp(f *frame, rows []uint32) {
	for _, i := range rows {
		b := f.text(0, i)
		x, ok := codec.ParseTimestamp(b, f.x.env.Zone)
		if !ok {
			x, ok = f.timeOfDay(i, b)
		}
		if !ok {
			f.failText(i, castInvalid, b)
			continue
		}
		f.out.Int[i] = x
	}
}

// timeOfDay reads a time without a date, of row i.
func (f *frame) timeOfDay(i uint32, b []byte) (int64, bool) {
	t, ok := codec.ParseTime(b, f.x.env.Zone)
	if !ok || !t.TimeOnly {
		return 0, false
	}
	*f.x.sawNow = true
	today := codec.FloorDiv(codec.ToLocal(f.x.now(i), t.Zone), codec.MicrosPerDay)
	return codec.ToInstant(today*codec.MicrosPerDay+t.Micros, t.Zone), true
}

// trimBlanks cuts blanks and control characters off both ends.
func trimBlanks(b []byte) []byte {
	for len(b) > 0 && b[0] <= ' ' {
		b = b[1:]
	}
	for len(b) > 0 && b[len(b)-1] <= ' ' {
		b = b[:len(b)-1]
	}
	return b
}

// parseInt reads [±]digits.
func parseInt(b []byte) (int64, bool) {
	b = trimBlanks(b)
	negative := false
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		negative, b = b[0] == '-', b[1:]
	}
	if len(b) == 0 {
		return 0, false
	}
	x := int64(0) // counted downwards, which has room for one more
	for _, c := range b {
		d := int64(c) - '0'
		if d < 0 || d > 9 || x < math.MinInt64/10 {
			return 0, false
		}
		if x = x*10 - d; x > 0 {
			return 0, false
		}
	}
	if negative {
		return x, true
	}
	return -x, x != math.MinInt64
}

func parseBool(_ *frame, b []byte) (int64, bool) {
	b = trimBlanks(b)
	for _, yes := range [...]string{"true", "t", "yes", "y", "1"} {
		if len(b) == len(yes) && bytes.EqualFold(b, []byte(yes)) {
			return 1, true
		}
	}
	for _, no := range [...]string{"false", "f", "no", "n", "0"} {
		if len(b) == len(no) && bytes.EqualFold(b, []byte(no)) {
			return 0, true
		}
	}
	return 0, false
}

func castTextToFloat(single bool) kernel {
	bits := 64
	if single {
		bits = 32
	}
	return func(f *frame, rows []uint32) {
		for _, i := range rows {
			x, ok := parseFloat(f.text(0, i), bits)
			if !ok {
				f.failText(i, castInvalid, f.text(0, i))
				continue
			}
			f.out.Float[i] = x
		}
	}
}

// parseFloat reads a number as Java's Double.parseDouble does, a suffix f or d included, and Spark's
// names of infinity and NaN. A number too large is infinite.
func parseFloat(b []byte, bits int) (float64, bool) {
	b = trimBlanks(b)
	if len(b) > 1 && (b[len(b)-1]|0x20 == 'f' || b[len(b)-1]|0x20 == 'd') && (b[len(b)-2] == '.' || b[len(b)-2]-'0' <= 9) {
		b = b[:len(b)-1]
	}
	for _, c := range b {
		if c-'0' > 9 && c != '.' && c != '-' && c != '+' && c|0x20 != 'e' {
			return specialFloat(string(bytes.ToLower(b)))
		}
	}
	x, err := strconv.ParseFloat(string(b), bits)
	if err != nil && !math.IsInf(x, 0) {
		return 0, false
	}
	return x, len(b) > 0
}

func specialFloat(s string) (float64, bool) {
	switch s {
	case "nan":
		return math.NaN(), true
	case "inf", "+inf", "infinity", "+infinity":
		return math.Inf(1), true
	case "-inf", "-infinity":
		return math.Inf(-1), true
	}
	return 0, false
}

func castTextToDecimal(to column.Type) kernel {
	return func(f *frame, rows []uint32) {
		for _, i := range rows {
			b := trimBlanks(f.text(0, i))
			hi, lo, ok := codec.ParseDecimal(b, int(to.Precision), int(to.Scale))
			if ok {
				setDecimal(f.out, int(i), int128{hi, uint64(lo)})
				continue
			}
			class := castInvalid
			if _, number := parseFloat(b, 64); number {
				class = decimalOverflow
			}
			f.failText(i, class, b)
			setDecimal(f.out, int(i), int128{})
		}
	}
}

// castTextToInterval reads texts as intervals of one type.
func castTextToInterval(to column.Type) kernel {
	class := "INVALID_INTERVAL_FORMAT.UNMATCHED_FORMAT_STRING_WITH_NOTICE"
	if to.Kind == column.YearMonth {
		class = "INVALID_INTERVAL_FORMAT.UNMATCHED_FORMAT_STRING"
	}
	return func(f *frame, rows []uint32) {
		for _, i := range rows {
			b := f.text(0, i)
			x, ok := parseInterval(string(b), to)
			if !ok {
				f.failText(i, class, b)
				continue
			}
			f.out.Int[i] = x
		}
	}
}

// parseInterval reads a text as an interval of type t: in the bare form of the type, as '1 02:03:04' for DAY TO
// SECOND, or as a literal of that very type, INTERVAL '1 02:03:04' DAY TO SECOND.
func parseInterval(text string, t column.Type) (int64, bool) {
	names := [...]string{"DAY", "HOUR", "MINUTE", "SECOND", "YEAR", "MONTH"}
	units, to := names[t.From], ""
	if t.From != t.To {
		to = names[t.To]
		units += " TO " + to
	}
	text = strings.TrimSpace(text)
	negative := false
	if word := len("interval"); len(text) > word && strings.EqualFold(text[:word], "interval") {
		rest := strings.TrimSpace(text[word:])
		negative = strings.HasPrefix(rest, "-")
		if negative || strings.HasPrefix(rest, "+") {
			rest = rest[1:]
		}
		quoted, ok := strings.CutPrefix(rest, "'")
		value, behind, closed := strings.Cut(quoted, "'")
		if !ok || !closed || value != strings.TrimSpace(value) || rest == text[word:] && !negative || !strings.EqualFold(strings.Join(strings.Fields(behind), " "), units) {
			return 0, false
		}
		text = value
	}
	var s timeSpan
	if !s.addPart(text, names[t.From], to) {
		return 0, false
	}
	if negative {
		return -s.value(), true
	}
	return s.value(), true
}
