package expr

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/column"
)

// format_string is Java's Formatter over the values as Spark hands them to it: dates, times and intervals are the
// numbers that they are kept as, a DECIMAL is an object that only %s and %b take.

func checkFormat(c *call) *Node {
	if !c.arity(1, -1) || !c.coerce(0, "string") {
		return nil
	}
	return c.node(column.Of(column.String))
}

// formatSpec is one %… of a format: %[index$][flags][width][.precision]letter.
type formatSpec struct {
	index            int // of the argument, from 1; 0: the next; lastIndex: that of the spec before
	flags            string
	width, precision int  // -1: none
	letter           byte // in lower case
	upper            bool
}

const lastIndex = -1

// parseSpec reads a spec behind its %.
func parseSpec(s []byte) (spec formatSpec, n int, ok bool) {
	spec.width, spec.precision = -1, -1
	number := func() int {
		x, from := 0, n
		for n < len(s) && s[n] >= '0' && s[n] <= '9' && n-from < 6 {
			x = x*10 + int(s[n]-'0')
			n++
		}
		if n == from {
			return -1
		}
		return x
	}
	if k := number(); k > 0 && n < len(s) && s[n] == '$' {
		spec.index = k
		n++
	} else {
		n = 0
	}
	from := n
	for n < len(s) && strings.IndexByte("-#+ 0,(<", s[n]) >= 0 {
		n++
	}
	if spec.flags = string(s[from:n]); spec.has('<') {
		spec.index = lastIndex
	}
	spec.width = number()
	if n < len(s) && s[n] == '.' {
		n++
		if spec.precision = number(); spec.precision < 0 {
			return spec, n, false
		}
	}
	if n == len(s) {
		return spec, n, false
	}
	spec.letter = s[n]
	if spec.upper = strings.IndexByte("SBXEG", s[n]) >= 0; spec.upper {
		spec.letter += 'a' - 'A'
	}
	return spec, n + 1, spec.isLegal()
}

func (s *formatSpec) has(flag byte) bool { return strings.IndexByte(s.flags, flag) >= 0 }

// isLegal reports flags, width and precision that the letter takes.
func (s *formatSpec) isLegal() bool {
	takes, precise := "", false
	switch s.letter {
	case '%':
		takes = "-"
	case 'n':
		return s.width < 0 && s.precision < 0 && s.flags == ""
	case 's', 'b':
		takes, precise = "-<", true
	case 'c':
		takes = "-<"
	case 'd':
		takes = "-<+ 0,("
	case 'x', 'o':
		takes = "-<#0"
	case 'f':
		takes, precise = "-<#+ 0,(", true
	case 'e':
		takes, precise = "-<#+ 0(", true
	case 'g':
		takes, precise = "-<+ 0,(", true
	}
	for i := range len(s.flags) {
		if strings.IndexByte(takes, s.flags[i]) < 0 || strings.IndexByte(s.flags[:i], s.flags[i]) >= 0 {
			return false
		}
	}
	switch {
	case takes == "", s.precision >= 0 && !precise, s.has('+') && s.has(' '), s.has('-') && s.has('0'):
		return false
	}
	return s.width > 0 || !s.has('-') && !s.has('0')
}

func formatString(f *frame, rows []uint32) {
	for _, i := range rows {
		if f.isNull(0, i) {
			f.null(i)
			continue
		}
		f.open(i)
		start, next, last := len(f.out.Data), 1, 0
		for pattern := f.text(0, i); len(pattern) > 0; {
			if pattern[0] != '%' {
				f.out.Data, pattern = append(f.out.Data, pattern[0]), pattern[1:]
				continue
			}
			spec, n, ok := parseSpec(pattern[1:])
			if !ok || !f.formatOne(i, &spec, &next, &last) {
				f.failText(i, javaArgument, f.text(0, i))
				f.out.Data = f.out.Data[:start]
				break
			}
			pattern = pattern[1+n:]
		}
		f.shut()
	}
}

// formatOne appends one spec's text; false: the spec is wrong for the argument.
func (f *frame) formatOne(i uint32, s *formatSpec, next, last *int) bool {
	f.buf = f.buf[:0]
	switch s.letter {
	case '%':
		f.buf = append(f.buf, '%')
		f.padTo(s, false)
		return true
	case 'n':
		f.out.Data = append(f.out.Data, '\n')
		return true
	}
	k := s.index
	switch k {
	case lastIndex:
		k = *last
	case 0:
		k = *next
		*next++
	}
	if k == 0 || k >= len(f.args) {
		return false
	}
	*last = k
	zeros := s.has('0')
	if f.args[k].Type.Kind == column.Void || f.isNull(k, i) {
		zeros = false
		f.buf = append(f.buf, map[bool]string{true: "false", false: "null"}[s.letter == 'b']...)
		if s.letter != 'd' && s.precision >= 0 && strings.IndexByte("sb", s.letter) >= 0 {
			f.buf = firstRunes(f.buf, int64(s.precision))
		}
	} else if !f.formatValue(i, k, s, &zeros) {
		return false
	}
	if s.upper {
		f.buf = appendUpper(nil, f.buf)
	}
	f.padTo(s, zeros)
	return true
}

// padTo appends what is in f.buf, filled up to the width, with zeros behind the sign or with blanks.
func (f *frame) padTo(s *formatSpec, zeros bool) {
	missing := s.width - runes(f.buf)
	f.reserve(int64(len(f.buf) + max(missing, 0)))
	switch {
	case missing <= 0:
		f.out.Data = append(f.out.Data, f.buf...)
	case s.has('-'):
		f.out.Data = appendTimes(append(f.out.Data, f.buf...), ' ', missing)
	case zeros:
		sign := 0
		if len(f.buf) > 0 && strings.IndexByte("-+ (", f.buf[0]) >= 0 {
			sign = 1
		}
		if len(f.buf) > 1 && f.buf[1] == 'x' { // 0x
			sign = 2
		}
		f.out.Data = append(f.out.Data, f.buf[:sign]...)
		f.out.Data = append(appendTimes(f.out.Data, '0', missing), f.buf[sign:]...)
	default:
		f.out.Data = append(appendTimes(f.out.Data, ' ', missing), f.buf...)
	}
}

func appendTimes(dst []byte, c byte, n int) []byte {
	for ; n > 0; n-- {
		dst = append(dst, c)
	}
	return dst
}

// formatValue puts the text of argument k into f.buf. It takes back zeros where there is no number to fill up.
func (f *frame) formatValue(i uint32, k int, s *formatSpec, zeros *bool) bool {
	v := f.args[k]
	switch s.letter {
	case 's':
		f.buf = f.appendJava(f.buf, v, int(i))
	case 'b':
		f.buf = strconv.AppendBool(f.buf, v.Type.Kind != column.Bool || v.Int[i] != 0)
	case 'c':
		if bitsOf(v.Type) == 0 || bitsOf(v.Type) == 64 || v.Int[i] < 0 || v.Int[i] > utf8.MaxRune {
			return false
		}
		f.buf = utf8.AppendRune(f.buf, rune(v.Int[i]))
	case 'd':
		if bitsOf(v.Type) == 0 {
			return false
		}
		f.buf = strconv.AppendInt(f.buf, v.Int[i], 10)
		f.decorate(s)
	case 'x', 'o':
		return f.formatBits(v, int(i), s)
	default:
		return f.formatFloat(v, int(i), s, zeros)
	}
	if s.precision >= 0 {
		f.buf = firstRunes(f.buf, int64(s.precision))
	}
	return true
}

// bitsOf is the size of the integer that Spark keeps a value of the type as; 0: it is none.
func bitsOf(t column.Type) uint {
	switch t.Kind {
	case column.Int8:
		return 8
	case column.Int16:
		return 16
	case column.Int32, column.Date, column.YearMonth:
		return 32
	case column.Int64, column.Timestamp, column.TimestampNTZ, column.DayTime:
		return 64
	}
	return 0
}

// appendJava appends the toString of a value.
func (f *frame) appendJava(dst []byte, v *column.Vector, i int) []byte {
	switch {
	case bitsOf(v.Type) > 0:
		return strconv.AppendInt(dst, v.Int[i], 10)
	case v.Type.Kind == column.Decimal:
		return codec.AppendDecimalScientific(dst, v.Hi[i], v.Int[i], int(v.Type.Scale))
	}
	return codec.AppendValueText(dst, v, i, f.x.env.Zone)
}

// formatBits writes an integer as the bits of its type, in base 16 or 8.
func (f *frame) formatBits(v *column.Vector, i int, s *formatSpec) bool {
	size := bitsOf(v.Type)
	if size == 0 {
		return false
	}
	x, base, mark := uint64(v.Int[i])<<(64-size)>>(64-size), 16, "0x"
	if s.letter == 'o' {
		base, mark = 8, "0"
	}
	if s.has('#') {
		f.buf = append(f.buf, mark...)
	}
	f.buf = strconv.AppendUint(f.buf, x, base)
	return true
}

// formatFloat writes a DOUBLE or FLOAT, rounded half up from its shortest decimal text as Java does it.
func (f *frame) formatFloat(v *column.Vector, i int, s *formatSpec, zeros *bool) bool {
	if !v.Type.UsesFloat() {
		return false
	}
	x, digits := v.Float[i], s.precision
	if digits < 0 {
		digits = 6
	}
	if math.Signbit(x) && !math.IsNaN(x) {
		f.buf = append(f.buf, '-')
	}
	switch {
	case math.IsNaN(x):
		f.buf = append(f.buf, "NaN"...)
		*zeros = false
		return true
	case math.IsInf(x, 0):
		f.buf = append(f.buf, "Infinity"...)
		*zeros = false
	case s.letter == 'f':
		mantissa, exponent := f.significant(x, digits, true)
		f.buf = appendFixed(f.buf, mantissa, exponent, digits)
	case s.letter == 'e':
		mantissa, exponent := f.significant(x, digits+1, false)
		f.buf = appendScientific(f.buf, mantissa, exponent, digits)
	default:
		digits = max(digits, 1)
		mantissa, exponent := f.significant(x, digits, false)
		if exponent >= -4 && exponent < digits {
			f.buf = appendFixed(f.buf, mantissa, exponent, digits-1-exponent)
		} else {
			f.buf = appendScientific(f.buf, mantissa, exponent, digits-1)
		}
	}
	if s.has('#') && digits == 0 {
		f.buf = append(f.buf, '.')
	}
	f.decorate(s)
	return true
}

// significant is the digits of x, without its sign, and the power of ten of the first, rounded half up to keep
// digits or, where fixed, to as many behind the point.
func (f *frame) significant(x float64, keep int, fixed bool) (digits []byte, exponent int) {
	if x == 0 {
		return nil, 0
	}
	f.buf2 = strconv.AppendFloat(f.buf2[:0], math.Abs(x), 'e', -1, 64)
	digits, exponent, _ = splitFloat(f.buf2)
	if fixed {
		keep += exponent + 1
	}
	if keep < len(digits) {
		carry := false
		if digits, carry = roundDigits(digits, keep, false, halfUp); carry {
			exponent++
		}
	}
	return digits, exponent
}

func digitAt(digits []byte, i int) byte {
	if i < 0 || i >= len(digits) {
		return '0'
	}
	return digits[i]
}

// appendFixed writes digits × 10^exponent with so many places behind the point.
func appendFixed(dst, digits []byte, exponent, places int) []byte {
	if exponent < 0 {
		dst = append(dst, '0')
	}
	for i := range exponent + 1 {
		dst = append(dst, digitAt(digits, i))
	}
	if places > 0 {
		dst = append(dst, '.')
	}
	for i := range places {
		dst = append(dst, digitAt(digits, exponent+1+i))
	}
	return dst
}

func appendScientific(dst, digits []byte, exponent, places int) []byte {
	dst = append(dst, digitAt(digits, 0))
	if places > 0 {
		dst = append(dst, '.')
	}
	for i := range places {
		dst = append(dst, digitAt(digits, 1+i))
	}
	sign := byte('+')
	if exponent < 0 {
		sign, exponent = '-', -exponent
	}
	dst = append(dst, 'e', sign)
	if exponent < 10 {
		dst = append(dst, '0')
	}
	return strconv.AppendInt(dst, int64(exponent), 10)
}

// decorate adds the sign and the commas that the flags ask for.
func (f *frame) decorate(s *formatSpec) {
	if s.has(',') {
		f.buf2 = appendGrouped(f.buf2[:0], f.buf)
		f.buf = append(f.buf[:0], f.buf2...)
	}
	if f.buf[0] != '-' {
		switch {
		case s.has('+'):
			f.buf = append([]byte{'+'}, f.buf...)
		case s.has(' '):
			f.buf = append([]byte{' '}, f.buf...)
		}
	} else if s.has('(') {
		f.buf[0] = '('
		f.buf = append(f.buf, ')')
	}
}
