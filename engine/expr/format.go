package expr

import (
	"strconv"
	"strings"

	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/column"
)

func formats() []function {
	return []function{
		{name: "format_string", also: "printf", check: checkFormat, kernel: same(formatString), nulls: true},
		{name: "format_number", check: checkFormatNumber, kernel: formatNumber},
	}
}

func checkFormat(c *call) *Node {
	if !c.arity(1, -1) || !c.coerce(0, "string") {
		return nil
	}
	return c.node(column.Of(column.String))
}

// formatSpec is one %… of a format: %[index$][flags][width][.precision]letter.
type formatSpec struct {
	index            int // of the argument, from 1; 0: the next
	flags            string
	width, precision int // -1: none
	letter           byte
}

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
	for n < len(s) && strings.IndexByte("-#+ 0,(", s[n]) >= 0 {
		n++
	}
	spec.flags = string(s[from:n])
	spec.width = number()
	if n < len(s) && s[n] == '.' {
		n++
		spec.precision = number()
	}
	if n == len(s) {
		return spec, n, false
	}
	spec.letter = s[n]
	return spec, n + 1, true
}

func (s *formatSpec) has(flag byte) bool { return strings.IndexByte(s.flags, flag) >= 0 }

func formatString(f *frame, rows []uint32) {
	for _, i := range rows {
		if f.isNull(0, i) {
			f.null(i)
			continue
		}
		f.open(i)
		start, next := len(f.out.Data), 1
		for pattern := f.text(0, i); len(pattern) > 0; {
			if pattern[0] != '%' {
				f.out.Data, pattern = append(f.out.Data, pattern[0]), pattern[1:]
				continue
			}
			spec, n, ok := parseSpec(pattern[1:])
			if !ok || !f.formatOne(i, &spec, &next) {
				f.failText(i, "INVALID_PARAMETER_VALUE.FORMAT", f.text(0, i))
				f.out.Data = f.out.Data[:start]
				break
			}
			pattern = pattern[1+n:]
		}
		f.shut()
	}
}

// formatOne appends one spec's text; false: the spec is wrong for the argument.
func (f *frame) formatOne(i uint32, s *formatSpec, next *int) bool {
	switch s.letter {
	case '%':
		f.out.Data = append(f.out.Data, '%')
		return true
	case 'n':
		f.out.Data = append(f.out.Data, '\n')
		return true
	}
	k := s.index
	if k == 0 {
		k = *next
		*next++
	}
	if k >= len(f.args) {
		return false
	}
	f.buf = f.buf[:0]
	if f.args[k].Type.Kind == column.Void || f.isNull(k, i) {
		f.buf = append(f.buf, "null"...)
		if s.letter == 'b' {
			f.buf = append(f.buf[:0], "false"...)
		}
	} else if !f.formatValue(i, k, s) {
		return false
	}
	f.padTo(s)
	return true
}

// padTo appends what is in f.buf, filled up to the width.
func (f *frame) padTo(s *formatSpec) {
	missing := s.width - runes(f.buf)
	f.reserve(int64(len(f.buf) + max(missing, 0)))
	zeros := s.has('0') && strings.IndexByte("doxXfeE", s.letter) >= 0
	switch {
	case missing <= 0:
		f.out.Data = append(f.out.Data, f.buf...)
	case s.has('-'):
		f.out.Data = appendTimes(append(f.out.Data, f.buf...), ' ', missing)
	case zeros:
		sign := 0
		if len(f.buf) > 0 && (f.buf[0] == '-' || f.buf[0] == '+' || f.buf[0] == ' ') {
			sign = 1
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

// formatValue puts the text of argument k into f.buf.
func (f *frame) formatValue(i uint32, k int, s *formatSpec) bool {
	v := f.args[k]
	switch s.letter {
	case 's', 'S':
		f.buf = codec.AppendValueText(f.buf, v, int(i), f.x.env.Zone)
		if s.precision >= 0 {
			f.buf = firstRunes(f.buf, int64(s.precision))
		}
		if s.letter == 'S' {
			f.buf = appendUpper(nil, f.buf)
		}
		return true
	case 'b':
		f.buf = strconv.AppendBool(f.buf, v.Type.Kind != column.Bool || v.Int[i] != 0)
		return true
	case 'c':
		if !v.Type.IsInteger() {
			return false
		}
		f.buf = append(f.buf, string(rune(v.Int[i]))...)
		return true
	case 'd':
		if !v.Type.IsInteger() {
			return false
		}
		f.buf = strconv.AppendInt(f.buf, v.Int[i], 10)
		f.decorate(s)
		return true
	case 'x', 'X', 'o':
		return f.formatBits(v, int(i), s)
	case 'f', 'e', 'E', 'g':
		return f.formatFloat(v, int(i), s)
	}
	return false
}

// formatBits writes an integer as the bits of its type, in base 16 or 8.
func (f *frame) formatBits(v *column.Vector, i int, s *formatSpec) bool {
	if !v.Type.IsInteger() {
		return false
	}
	x := uint64(v.Int[i])
	switch v.Type.Kind {
	case column.Int8:
		x &= 0xff
	case column.Int16:
		x &= 0xffff
	case column.Int32:
		x &= 0xffffffff
	}
	base := 16
	if s.letter == 'o' {
		base = 8
	}
	f.buf = strconv.AppendUint(f.buf, x, base)
	if s.letter == 'X' {
		f.buf = appendUpper(nil, f.buf)
	}
	return true
}

func (f *frame) formatFloat(v *column.Vector, i int, s *formatSpec) bool {
	digits := s.precision
	if digits < 0 {
		digits = 6
	}
	switch {
	case v.Type.Kind == column.Decimal && s.letter == 'f':
		x, scale := decimalAt(v, i), int(v.Type.Scale)
		if digits < scale {
			x, scale = x.scaleDown(scale-digits, halfUp), digits
		}
		f.buf = codec.AppendDecimal(f.buf, x.hi, int64(x.lo), scale)
		if scale == 0 && digits > 0 {
			f.buf = append(f.buf, '.')
		}
		f.buf = appendTimes(f.buf, '0', digits-scale)
	case !v.Type.UsesFloat():
		return false
	case s.letter == 'f':
		bits := 64
		if v.Type.Kind == column.Float32 {
			bits = 32
		}
		x := f.roundFloat(v.Float[i], bits, digits, halfUp) // Java rounds the shortest text
		f.buf = strconv.AppendFloat(f.buf[:0], x, 'f', digits, 64)
	default:
		f.buf = strconv.AppendFloat(f.buf, v.Float[i], s.letter, digits, 64)
	}
	f.decorate(s)
	return true
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

// appendGrouped appends a plain number with commas between thousands.
func appendGrouped(dst, number []byte) []byte {
	if len(number) > 0 && number[0] == '-' {
		dst, number = append(dst, '-'), number[1:]
	}
	whole := 0
	for whole < len(number) && number[whole] >= '0' && number[whole] <= '9' {
		whole++
	}
	for k := 0; k < whole; k++ {
		if k > 0 && (whole-k)%3 == 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, number[k])
	}
	return append(dst, number[whole:]...)
}

// numberPattern is a pattern of java.text.DecimalFormat made of # , 0 and a point.
type numberPattern struct {
	grouped        bool
	leastWhole     int
	leastFraction  int
	mostFraction   int
	prefix, suffix string
}

func parseNumberPattern(s string) (p numberPattern, ok bool) {
	start := strings.IndexAny(s, "#0.")
	if start < 0 {
		return p, false
	}
	end := start
	for end < len(s) && strings.IndexByte("#0,.", s[end]) >= 0 {
		end++
	}
	p.prefix, p.suffix = s[:start], s[end:]
	if strings.ContainsAny(p.prefix+p.suffix, "'%;E#0,.\u2030") {
		return p, false
	}
	whole, fraction, _ := strings.Cut(s[start:end], ".")
	p.grouped = strings.Contains(whole, ",")
	p.leastWhole = strings.Count(whole, "0")
	p.leastFraction = strings.Count(fraction, "0")
	p.mostFraction = len(fraction)
	return p, !strings.Contains(fraction, ".") && !strings.Contains(fraction, ",")
}

// checkFormatNumber is format_number(x, digits) or format_number(x, pattern).
func checkFormatNumber(c *call) *Node {
	if !c.arity(2, 2) || !c.coerce(0, "only numeric") || !c.coerce(0, "numeric") {
		return nil
	}
	if c.args[1].Type.Kind != column.String {
		if !c.coerce(1, "only int") {
			return nil
		}
		return c.node(column.Of(column.String))
	}
	text, ok := c.constantText(1)
	if _, good := parseNumberPattern(text); !ok || !good {
		return c.fault("UNSUPPORTED_FEATURE", "a pattern of %s is a constant text of # , 0 and one point, not %q", c.name, text)
	}
	return c.node(column.Of(column.String))
}

func formatNumber(n *Node, _ *Env) (kernel, error) {
	pattern := numberPattern{grouped: true, leastWhole: 1}
	byPattern := n.Args[1].Type.Kind == column.String
	if byPattern {
		value, _ := evaluate(n.Args[1], Env{})
		text, _ := nodeText(value)
		pattern, _ = parseNumberPattern(text)
	}
	return eachTextKernel(func(f *frame, i uint32, dst []byte) []byte {
		p := pattern
		if !byPattern {
			d := f.int(1, i)
			if d < 0 {
				f.null(i)
				return dst
			}
			p.leastFraction, p.mostFraction = int(min(d, 400)), int(min(d, 400))
		}
		return f.appendNumber(dst, f.args[0], int(i), &p)
	}), nil
}

// appendNumber writes a number rounded half to even, as DecimalFormat does.
func (f *frame) appendNumber(dst []byte, v *column.Vector, i int, p *numberPattern) []byte {
	switch {
	case v.Type.UsesFloat():
		f.buf = strconv.AppendFloat(f.buf[:0], v.Float[i], 'f', p.mostFraction, 64)
	case v.Type.Kind == column.Decimal:
		x, scale := decimalAt(v, i), int(v.Type.Scale)
		if scale > p.mostFraction {
			x, scale = x.scaleDown(scale-p.mostFraction, halfEven), p.mostFraction
		}
		f.buf = codec.AppendDecimal(f.buf[:0], x.hi, int64(x.lo), scale)
	default:
		f.buf = strconv.AppendInt(f.buf[:0], v.Int[i], 10)
	}
	number := string(f.buf)
	sign := ""
	if strings.HasPrefix(number, "-") {
		sign, number = "-", number[1:]
	}
	whole, fraction, _ := strings.Cut(number, ".")
	fraction = strings.TrimRight(fraction, "0")
	for len(fraction) < p.leastFraction {
		fraction += "0"
	}
	whole = strings.TrimLeft(whole, "0")
	for len(whole) < p.leastWhole {
		whole = "0" + whole
	}
	dst = append(append(dst, sign...), p.prefix...)
	if p.grouped {
		dst = appendGrouped(dst, []byte(whole))
	} else {
		dst = append(dst, whole...)
	}
	if fraction != "" {
		dst = append(append(dst, '.'), fraction...)
	}
	return append(dst, p.suffix...)
}
