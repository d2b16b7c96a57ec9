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
